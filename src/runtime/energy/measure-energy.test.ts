import { describe, expect, it } from 'vitest';
import { benchEnergy, compareEnergy, type MeasureEnergyOptions, type Work } from './measure-energy.ts';
import { modelledMeter } from './modelled.ts';
import { meanOf, ratioOf } from './statistics.ts';
import type { EnergyMeter } from './types.ts';

/** A machine with a clock of its own that draws known power: what it says is known to the joule. */
function machine({ idleW = 10, stepJ = 0.001, driftW = 0 }: { idleW?: number; stepJ?: number; driftW?: number } = {}) {
  let ms = 0;
  let joules = 0;
  let broken: string | null = null;
  let segment = 0;
  const spend = (watts: number, forMs: number): void => {
    joules += ((watts + (driftW * ms) / 1e5) * forMs) / 1000;
    ms += forMs;
  };
  const meter: EnergyMeter = {
    source: 'a known machine', tier: 'counter', scope: 'machine', resolutionJ: stepJ, uncertainty: 0.05, ratioUncertainty: 0, idleW: null, notes: [],
    read: () => Promise.resolve({ atMs: ms, joules: broken === null ? Math.floor(joules / stepJ) * stepJ : null, segment, reason: broken }),
    close: () => Promise.resolve(),
  };
  const work = (aboveIdleW: number, inferenceMs: number): Work => ({
    run(seconds) {
      const runs = Math.max(1, Math.ceil((seconds * 1000) / inferenceMs));
      spend(idleW + aboveIdleW, runs * inferenceMs);
      return Promise.resolve({ runs, busyMs: runs * inferenceMs });
    },
  });
  const options: MeasureEnergyOptions = {
    maxSeconds: 60,
    pause(forMs) {
      spend(idleW, forMs);
      return Promise.resolve();
    },
  };
  return { meter, work, options, fail: (why: string | null) => (broken = why), breakSegment: () => segment++, now: () => ms };
}

describe('two models in turns', () => {
  it('finds what each takes, total and above idle, whatever drifts', async () => {
    const { meter, work, options } = machine({ driftW: 2 });
    // 20 ms at 30 W are 0.6 J, 0.4 J above idle; 5 ms at 26 W are 0.13 J and 0.08 J.
    const energy = await compareEnergy(meter, work(20, 20), work(16, 5), options);
    if (!energy.measured) throw new Error(energy.reason);
    expect(energy).toMatchObject({ tier: 'counter', source: 'a known machine', idleFrom: 'measured', groups: 6, stretchSeconds: 1 });
    expect(energy.before.totalJ.value).toBeCloseTo(0.6, 1);
    expect(energy.before.aboveIdleJ?.value).toBeCloseTo(0.4, 2);
    expect(energy.after.aboveIdleJ?.value).toBeCloseTo(0.08, 3);
    expect(energy.ratio.aboveIdle?.value).toBeCloseTo(5, 1);
    expect(energy.ratio.aboveIdle?.ci95[0]).toBeLessThanOrEqual(5);
    expect(energy.ratio.aboveIdle?.ci95[1]).toBeGreaterThanOrEqual(5);
  });

  it('makes stretches as long as the steps of the meter ask for', async () => {
    // 20 steps of 5 J at 30 W: 3.3 s.
    const { meter, work, options } = machine({ stepJ: 5 });
    const energy = await compareEnergy(meter, work(20, 20), work(20, 20), { ...options, maxSeconds: 120 });
    if (!energy.measured) throw new Error(energy.reason);
    expect(energy.stretchSeconds).toBeGreaterThan(3.2);
    expect(energy.ratio.total.ci95[0]).toBeLessThanOrEqual(1);
    expect(energy.ratio.total.ci95[1]).toBeGreaterThanOrEqual(1);
  });

  it('says how long it would take where that is too long', async () => {
    const { meter, work, options } = machine({ stepJ: 3600 });
    expect(await compareEnergy(meter, work(20, 20), work(16, 5), options)).toMatchObject({ measured: false, reason: expect.stringMatching(/steps of 3600 J, so it takes stretches of \d+ s and \d+ s in all; 60 s are allowed/u) as string });
  });

  it('leaves out a repetition that was interrupted, and all where too few are left', async () => {
    const one = machine();
    let rounds = 0;
    const cut: Work = { run: (seconds) => one.work(20, 20).run(seconds).finally(() => ++rounds === 6 && one.breakSegment()) };
    const energy = await compareEnergy(one.meter, cut, one.work(16, 5), one.options);
    expect(energy).toMatchObject({ measured: true, groups: 5 });
    const two = machine();
    let runs = 0;
    const dies: Work = { run: (seconds) => two.work(20, 20).run(seconds).finally(() => ++runs === 6 && two.fail('the meter was unplugged')) };
    expect(await compareEnergy(two.meter, dies, two.work(16, 5), two.options)).toEqual({ measured: false, reason: 'a known machine: 1 of 6 repetitions came through, as the meter was unplugged' });
  });

  it('is cancelled between two stretches', async () => {
    const { meter, work, options } = machine();
    const abort = new AbortController();
    abort.abort();
    await expect(compareEnergy(meter, work(20, 20), work(16, 5), { ...options, signal: abort.signal })).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('one model', () => {
  it('takes the power of idle stretches off', async () => {
    const { meter, work, options } = machine();
    const energy = await benchEnergy(meter, work(20, 20), options);
    if (!energy.measured) throw new Error(energy.reason);
    expect(energy.idleW).toBeCloseTo(10, 1);
    expect(energy.model.totalJ.value).toBeCloseTo(0.6, 2);
    expect(energy.model.aboveIdleJ?.value).toBeCloseTo(0.4, 2);
    // The meter may be off by 5 %, however alike the repetitions are.
    expect(energy.model.totalJ.ci95[1] - energy.model.totalJ.value).toBeGreaterThanOrEqual(0.05 * 0.6 - 1e-9);
  });

  it('by a model: idle power times time, and more while it runs', async () => {
    const { work, options, now } = machine();
    const energy = await benchEnergy(modelledMeter({ idleW: 4, busyW: 12, from: 'given' }, now), work(0, 10), options);
    if (!energy.measured) throw new Error(energy.reason);
    expect(energy).toMatchObject({ tier: 'modelled', idleFrom: 'given', idleW: 4 });
    expect(energy.model.totalJ.value).toBeCloseTo(0.12, 9);
    expect(energy.model.aboveIdleJ?.value).toBeCloseTo(0.08, 9);
  });
});

describe('statistics', () => {
  it('has the interval of Student for three values', () => {
    // Mean 2, deviation 1: 4.303 / sqrt(3).
    const { value, ci95 } = meanOf([1, 2, 3], 0, 0);
    expect(value).toBe(2);
    expect(ci95[1] - value).toBeCloseTo(4.303 / Math.sqrt(3), 9);
  });
  it('gives no ratio of what is not above zero, and carries the model on into it', () => {
    expect(ratioOf([[1, 1], [2, 0]], 0)).toBeNull();
    expect(ratioOf([[2, 1], [2, 1]], 0.2)).toEqual({ value: expect.closeTo(2, 9) as number, ci95: [expect.closeTo(2 / 1.2, 9), expect.closeTo(2.4, 9)] });
  });
});
