/** Ranking, cost and splits, on the shipped profiles and on made-up ones. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hardwareProfileOf, hardwareProfiles } from '../../contract/hardware/profiles.ts';
import { advisorOption } from '../../contract/records/advisor.ts';
import type { HardwareProfile } from '../../contract/records/hardware.ts';
import { recipe } from '../../contract/records/recipe.ts';
import { advise, type Question } from './advise.ts';
import { calibrate, type Observation } from './calibrate.ts';
import { costOf, HOURS_PER_YEAR } from './cost.ts';
import type { Network } from './network.ts';
import { publishedNetworks, publishedObservations } from './observe.ts';
import { formOf } from './recipe-form.ts';

const folder = join(import.meta.dirname, '../../../resources/recipes');
const forms = readdirSync(folder).map((name) => formOf(recipe.parse(JSON.parse(readFileSync(join(folder, name), 'utf8')))));
const resNet = publishedNetworks.get('resnet-50') as Network;
const demand = { framesPerS: 10, hoursPerDay: 24, tariffCnyPerKWh: 0.8, lifeYears: 4, pue: 1, headroom: 0.7, stores: 1 };
const published = publishedObservations(hardwareProfiles);
const ask = (change: Partial<Question> = {}): Question => ({ network: resNet, networkOf: 'asked', forms, calibration: calibrate(published), opset: 13, profiles: hardwareProfiles, demand, ...change });
const profile = (id: string, change: Partial<HardwareProfile> = {}): HardwareProfile => ({ ...(hardwareProfileOf(id) as HardwareProfile), ...change });

describe('cost of a store', () => {
  it('is that of a worked example', () => {
    // 25 a second at 0.8 of 10 a device: 4 devices. Idle 4 * 5 W * 8766 h = 175.32 kWh; 25 * 12 h * 3600 * 365.25 = 394.47 M frames of 0.1 J = 10.9575 kWh.
    const cost = costOf({ latencyS: 0.1, perS: 10, joules: 0.1 }, { idleW: 5, priceCny: 1000, shared: false }, { ...demand, framesPerS: 25, hoursPerDay: 12, headroom: 0.8, pue: 1.5, tariffCnyPerKWh: 1 });
    expect(HOURS_PER_YEAR).toBe(8766);
    expect(cost.devices).toBe(4);
    expect(cost.energyKWh).toBeCloseTo(1.5 * (175.32 + 10.9575), 6);
    expect(cost.capexCny).toBe(1000);
    expect(cost.totalCny).toBeCloseTo(1000 + 279.41625, 6);
  });

  it('is not made up where price or power are not known', () => {
    expect(costOf({ latencyS: 1, perS: 1, joules: null }, { idleW: 5, priceCny: 1, shared: false }, demand)).toMatchObject({ energyKWh: null, totalCny: null, capexCny: 15 / 4 });
    expect(costOf({ latencyS: 1, perS: 1, joules: 1 }, { idleW: 5, priceCny: null, shared: false }, demand).totalCny).toBeNull();
  });

  it('shares a machine of a data centre among stores, never a box', () => {
    const speed = { latencyS: 1, perS: 1000, joules: 1 };
    expect(costOf(speed, { idleW: 1, priceCny: 1, shared: true }, { ...demand, stores: 100 }).devices).toBe(0.02);
    expect(costOf(speed, { idleW: 1, priceCny: 1, shared: false }, { ...demand, stores: 100 }).devices).toBe(1);
  });

  it('grows with frames and tariff, and in proportion to the price', () => {
    assert(
      property(integer({ min: 1, max: 500 }), integer({ min: 1, max: 500 }), integer({ min: 1, max: 100 }), (frames, more, tariff) => {
        const cost = (change: object, price = 1000): number => costOf({ latencyS: 0.1, perS: 20, joules: 0.5 }, { idleW: 5, priceCny: price, shared: false }, { ...demand, ...change }).totalCny ?? Number.NaN;
        expect(cost({ framesPerS: frames + more })).toBeGreaterThanOrEqual(cost({ framesPerS: frames }));
        expect(cost({ tariffCnyPerKWh: tariff })).toBeLessThan(cost({ tariffCnyPerKWh: tariff + 1 }));
        expect(cost({ tariffCnyPerKWh: 0, framesPerS: frames }, 3000)).toBeCloseTo(3 * cost({ tariffCnyPerKWh: 0, framesPerS: frames }, 1000), 6);
      }),
    );
  });
});

describe('advice', () => {
  it('is whole, ranked by cost, marked as an estimate, with the truth of the figures in their intervals', () => {
    const { options, refused } = advise(ask());
    expect(new Set([...options, ...refused].map(({ profileId }) => profileId)).size).toBe(hardwareProfiles.length);
    for (const option of options) {
      expect(advisorOption.parse(option)).toEqual(option);
      for (const { low, value, high } of [option.latencyMs, option.framesPerS, option.devices, option.costCnyPerYear ?? option.latencyMs]) {
        expect(low).toBeLessThanOrEqual(value);
        expect(value).toBeLessThanOrEqual(high);
      }
      expect(option.devices.value * option.framesPerS.value).toBeGreaterThanOrEqual(demand.framesPerS * 0.999);
      expect(option.parts.at(-1)?.to).toBe(resNet.layers.length - 1);
    }
    const costs = options.map(({ costCnyPerYear }) => costCnyPerYear?.value ?? Number.MAX_VALUE);
    expect(costs).toEqual(costs.toSorted((a, b) => a - b));
  });

  it('a box that is enough for a little is not what is cheapest for a lot', () => {
    const best = (framesPerS: number): string | undefined => advise(ask({ demand: { ...demand, framesPerS } })).options[0]?.profileId;
    expect(best(5)).not.toBe(best(2000));
  });

  it('evidence narrows the interval of a profile', () => {
    const width = (observations: readonly Observation[]): number => {
      const found = advise(ask({ calibration: calibrate(observations) })).options.find(({ profileId, recipe: name }) => profileId === 'raspberry-pi-5' && name === 'int8');
      return (found?.latencyMs.high ?? 0) / (found?.latencyMs.low ?? 1);
    };
    const observation = { profileId: 'raspberry-pi-5', unit: 'cpu', kind: 'cpu', computes: 'int8', network: 'another', ratio: 2, from: 'measured' } as const;
    expect(width([observation, { ...observation, network: 'a third' }])).toBeLessThan(width([]) / 2);
  });

  it('a limit on the time of an answer leaves out what is too slow, and says so', () => {
    const { options, refused } = advise(ask({ maxLatencyMs: 30 }));
    expect(options.every(({ latencyMs }) => latencyMs.value <= 30)).toBe(true);
    expect(refused.find(({ profileId }) => profileId === 'raspberry-pi-4')?.notes).toEqual([{ code: 'too-slow', values: { limitMs: 30 } }]);
  });

  it('refuses a runtime that wants each dimension as a number, and keeps the others', () => {
    const { options, refused } = advise(ask({ network: { ...resNet, dynamic: true } }));
    expect(options.some(({ runtime }) => runtime === 'rknn')).toBe(false);
    const board = options.find(({ profileId }) => profileId === 'rk3588');
    expect(board?.runtime).toBe('onnxruntime');
    expect(board?.notes, 'why its other unit is not used').toContainEqual({ code: 'dynamic-shapes', values: { runtime: 'RKNN-Toolkit2, RKNPU2' } });
    expect(refused.find(({ profileId }) => profileId === 'hailo-8')?.notes).toEqual([{ code: 'dynamic-shapes', values: { runtime: 'HailoRT, Dataflow Compiler' } }]);
  });

  it('a model that is quantized already runs as it is, where its form is taken', () => {
    const quantized: Network = { ...resNet, quantized: true, layers: resNet.layers.map((layer) => ({ ...layer, precision: layer.op === 'Conv' ? 'int8' : 'fp32' })) };
    const { options, refused } = advise(ask({ network: quantized, forms: [{ recipe: 'as it is', kind: 'as-is', activations: 'u8', symmetricActivations: false, weightScales: 'per-channel', portable: false }] }));
    expect(new Set(options.map(({ recipe: name }) => name))).toEqual(new Set(['as it is']));
    expect(options.find(({ profileId }) => profileId === 'rk3588')?.runtime).toBe('onnxruntime');
    expect(refused.find(({ profileId }) => profileId === 'coral-usb')?.notes.map(({ code }) => code)).toEqual(['quantizes-itself']);
    expect(refused.find(({ profileId }) => profileId === 'x86-8500t')?.notes.map(({ code }) => code)).toEqual(['saturates']);
  });
});

describe('a second unit', () => {
  it('shares the frames where that saves a device, and only there', () => {
    const only = [profile('rk3568')];
    const at = (framesPerS: number) => advise(ask({ profiles: only, demand: { ...demand, framesPerS } })).options;
    expect(at(10).some(({ placement }) => placement === 'frames')).toBe(false);
    // A little more than the better unit carries alone.
    const tight = 1.05 * Math.max(...at(10).map(({ framesPerS }) => framesPerS.value));
    const [shared] = at(tight);
    expect(shared).toMatchObject({ placement: 'frames', devices: { value: 1 } });
    expect(shared?.parts.map(({ unit }) => unit)).toEqual(['npu', 'cpu']);
    expect(shared?.gain).toBeGreaterThan(1);
    const alone = at(tight).find(({ placement }) => placement === 'one');
    expect(alone?.devices.value).toBe(2);
  });

  /** An accelerator that cannot compute one operator, behind a link. */
  const limited = (without: readonly string[], linkBytesPerS: number): HardwareProfile => {
    const base = profile('rk3588');
    return {
      ...base,
      units: base.units.map((unit) => (unit.id === 'npu' ? { ...unit, linkBytesPerS } : unit)),
      runtimes: base.runtimes.map((runtime) => (runtime.id === 'rknn' ? { ...runtime, operators: { only: null, without: [...without] } } : runtime)),
      published: [],
    };
  };

  it('takes over what the first cannot compute, and the way there and back is counted', () => {
    const found = (linkBytesPerS: number) => advise(ask({ profiles: [limited(['MaxPool'], linkBytesPerS)] })).options.find(({ placement, recipe: name }) => placement === 'fallback' && name === 'simplify');
    const [near, far] = [found(1e10), found(1e8)];
    expect(near?.parts.map(({ unit }) => unit)).toEqual(['npu', 'cpu', 'npu']);
    expect(near?.parts[1]).toMatchObject({ from: 1, to: 1, computes: 'fp32' });
    expect(near?.notes.map(({ code }) => code)).toContain('fallback');
    expect(far?.latencyMs.value).toBeGreaterThan((near?.latencyMs.value ?? 0) + 8);
  });

  it('gets a stretch of layers where going to and fro costs more than staying', () => {
    // Every second layer is one the unit cannot take, at the front, where maps are large and the work is small.
    const layers = resNet.layers.map((layer, index) => (index < 20 && index % 2 === 1 ? { ...layer, macs: 1e5, op: 'Odd', ops: ['Odd'] } : index < 20 ? { ...layer, macs: 1e6 } : layer));
    const at = (framesPerS: number) => advise(ask({ network: { ...resNet, layers }, profiles: [limited(['Odd'], 3e8)], demand: { ...demand, framesPerS } })).options;
    const cut = at(40).find(({ placement }) => placement === 'layers');
    expect(at(1).some(({ placement }) => placement === 'layers'), 'where one device does it anyway').toBe(false);
    expect(cut?.parts.map(({ unit }) => unit)).toEqual(['cpu', 'npu']);
    expect(cut?.gain).toBeGreaterThan(1.1);
  });

  it('is left alone where the cut does not pay', () => {
    const { options } = advise(ask({ profiles: [profile('rk3588')] }));
    expect(options.some(({ placement }) => placement === 'layers')).toBe(false);
  });
});
