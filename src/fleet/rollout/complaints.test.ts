/** What operators of other systems complain about in public, each as a test of this one. Base images of differences and wills are tested where they are made: downloads and presence. */
import { describe, expect, it } from 'vitest';
import { getDevice } from './device-map.ts';
import { fromSnapshot, toSnapshot } from './state.ts';
import { HOUR, MINUTE, NEW, OLD, policyOf, SimulatedFleet, storesOf } from './testing/simulated-fleet.ts';

const prepared = (fleet: SimulatedFleet): number => fleet.commands.filter(({ command }) => command === 'prepare').length;

describe('what operators complain about', () => {
  it('success is written down while the old image runs (hawkBit #3185): here only the digest of the new slot counts', () => {
    const fleet = new SimulatedFleet(policyOf({ canary: 0 }), storesOf(1, 2));
    for (const device of fleet.devices.values()) device.behaviour.answer = (command) => (command === 'swap' ? [{ kind: 'confirming' }, { kind: 'running', digest: OLD }] : undefined);
    fleet.start().run(HOUR);
    expect(fleet.count('succeeded')).toBe(0);
    expect(fleet.all().filter(({ failure }) => failure === 'failed').length).toBeGreaterThan(0);
  });

  it('a device stuck in progress has no time limit (hawkBit #693): here each working state has one', () => {
    const fleet = new SimulatedFleet(policyOf({ canary: 0 }), storesOf(1, 2));
    for (const device of fleet.devices.values()) device.behaviour.answer = () => [];
    fleet.start().run(3 * HOUR);
    expect(fleet.count('timed_out')).toBe(2);
  });

  it('nothing is tried again by itself (hawkBit #3251): here it is, later each time, and not for ever', () => {
    const fleet = new SimulatedFleet(policyOf({ canary: 0 }), storesOf(1, 2));
    const one = fleet.devices.get('s0-d0');
    const asked: number[] = [];
    if (one) one.behaviour.answer = (command) => {
      if (command === 'prepare') asked.push(fleet.now);
      return command === 'prepare' ? [{ kind: 'fault', code: 'IO', retry: true }] : undefined;
    };
    fleet.start().run(3 * HOUR, 10_000);
    expect(asked).toHaveLength(3);
    const [first = 0, second = 0, third = 0] = asked;
    expect(second - first).toBeGreaterThanOrEqual(MINUTE / 2);
    expect(third - second).toBeGreaterThanOrEqual(MINUTE);
    expect(fleet.device('s0-d0')).toMatchObject({ state: 'failed', reason: 'IO' });
  });

  it('gates are skipped when all devices end at once (hawkBit #3110): here the wave is judged all the same', () => {
    const fleet = new SimulatedFleet(policyOf({ canary: 6, store: { minServing: 0, smallStores: 'wait', maxAtOnce: 9 } }), storesOf(3, 4));
    // Before the swap all is well; in service all six tell at once that it is slower.
    for (const device of fleet.devices.values()) device.behaviour.serviceLatencyMs = 90;
    fleet.start().run(4 * HOUR);
    expect(fleet.state.waves.map(({ state }) => state)).toEqual(['failed', 'pending']);
    expect(fleet.state.rollout).toMatchObject({ state: 'paused', pause: { reason: 'measured_gate' } });
    expect(prepared(fleet)).toBe(6);
  });

  it('new devices upset a rollout under way (hawkBit #1529): here they come with the last wave', () => {
    const stores = storesOf(2, 3);
    const fleet = new SimulatedFleet(policyOf(), stores).start().run(2 * MINUTE);
    fleet.put({ type: 'joined', target: { deviceId: 'late', storeId: 's0', class: 'box', online: true, digest: OLD }, store: { id: 's0', timeZone: 'UTC', openingHours: [], devices: 4 } });
    expect(fleet.device('late')).toMatchObject({ wave: 1, state: 'queued' });
    expect(fleet.state.waves.map(({ state }) => state)).toEqual(['running', 'pending']);
  });

  it('one report makes work for the whole fleet (hawkBit #509): here it changes one row of ten thousand', () => {
    const fleet = new SimulatedFleet(policyOf({ canary: 0, store: { minServing: 0, smallStores: 'wait', maxAtOnce: 9 } }), storesOf(2000, 5)).start();
    fleet.put({ type: 'tick' });
    const before = fleet.state;
    fleet.report('s7-d1', { kind: 'verifying' });
    const same = fleet.all().filter((device) => device === getDevice(before.devices, device.deviceId)).length;
    expect(same).toBe(9_999);
    expect(fleet.state.waves).toBe(before.waves);
  });

  it('the screen has to guess which phase failed (Mender): here the state, the reason and the way there are kept', () => {
    const fleet = new SimulatedFleet(policyOf({ canary: 0 }), storesOf(1, 2));
    const one = fleet.devices.get('s0-d0');
    if (one) one.behaviour.answer = (command) => (command === 'benchmark' ? [{ kind: 'fault', code: 'RUNTIME_CRASHED', retry: false }] : undefined);
    fleet.start().run(HOUR);
    const kept = fromSnapshot(JSON.parse(JSON.stringify(toSnapshot(fleet.state))));
    expect(getDevice(kept.devices, 's0-d0')).toMatchObject({ state: 'failed', reason: 'RUNTIME_CRASHED' });
    expect(fleet.audit.find(({ subject, to }) => subject.id === 's0-d0' && to === 'failed')).toMatchObject({ from: 'benchmarking', note: 'RUNTIME_CRASHED' });
  });

  it('a job that hangs blocks the later ones (Greengrass #1203): here only the device that it holds waits, and is released', () => {
    const fleet = new SimulatedFleet(policyOf({ canary: 0 }), storesOf(1, 3)).start();
    fleet.put({ type: 'tick', busy: new Set(['s0-d0']) });
    expect(fleet.device('s0-d0')).toMatchObject({ state: 'queued', reason: 'other rollout' });
    expect(fleet.count('downloading')).toBe(2);
    expect(fleet.run(2 * HOUR).count('succeeded')).toBe(3);
  });

  it('a refused download is a failure, and a busy server parks the fleet: here it is none, and uses no retry', () => {
    const fleet = new SimulatedFleet(policyOf({ canary: 0, failures: [{ kinds: ['failed', 'timed_out', 'rejected'], aboveShare: 0, minExecuted: 1, scope: 'rollout' }] }), storesOf(2, 3));
    for (const device of fleet.devices.values()) {
      let busy = 5;
      device.behaviour.answer = (command) => (command === 'prepare' && busy-- > 0 ? [{ kind: 'shed', retryAfterMs: MINUTE }] : undefined);
    }
    fleet.start().run(4 * HOUR);
    expect(fleet.state.rollout.state).toBe('finished');
    expect(fleet.all().map(({ state, attempt, failure }) => [state, attempt, failure])).toEqual(fleet.all().map(() => ['succeeded', 0, null]));
  });

  it('all devices ask in the same second (meta-balena #2631): here each is told to wait another while', () => {
    const fleet = new SimulatedFleet(policyOf({ canary: 0, jitterMs: MINUTE }), storesOf(20, 5)).start();
    fleet.put({ type: 'tick' });
    const delays = fleet.outbox.flatMap((effect) => (effect.kind === 'command' ? [effect.delayMs] : []));
    expect(delays).toHaveLength(100);
    expect(new Set(delays).size).toBeGreaterThan(90);
    expect(Math.max(...delays)).toBeLessThanOrEqual(MINUTE);
    expect(fleet.devices.get('s0-d0')?.runs).not.toBe(NEW);
  });
});
