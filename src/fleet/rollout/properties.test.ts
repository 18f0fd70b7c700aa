/**
 * The engine under whatever comes, in whatever order: reports that are late, double, foreign or answer nothing; lines that come and go; persons who press
 * every button; time that jumps. Whatever is asked of it, it is never in a state that there is none of, says nothing twice, leaves no store below its
 * minimum by its own doing, and goes on from what was written down as if nothing had been.
 */
import { assert, constant, constantFrom, integer, nat, oneof, property, record, array, boolean, type Arbitrary } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EdgewiseError } from '../../base/errors.ts';
import { seededRandom } from '../../base/random.ts';
import { rolloutSnapshot, type DeviceReport, type RolloutPolicy } from '../../contract/records/rollout.ts';
import { eachDevice, getDevice } from './device-map.ts';
import { DEVICE_TRAITS } from './device-table.ts';
import { draftRollout, planRollout } from './plan.ts';
import { isDown } from './room.ts';
import { fromSnapshot, toSnapshot, type RolloutInput, type RolloutState } from './state.ts';
import { step } from './step.ts';
import { figures, HOUR, MINUTE, NEW, OLD, policyOf, START, storesOf, targetsOf } from './testing/simulated-fleet.ts';

const OTHER = 'c'.repeat(64);
const STORES = storesOf(3, 3);
const IDS = targetsOf(STORES).map(({ deviceId }) => deviceId);

type Move = { readonly after: number; readonly input: (state: RolloutState, count: number) => RolloutInput };

const report: Arbitrary<DeviceReport> = oneof(
  record({ kind: constant('downloading' as const), bytesDone: nat(1000) }), record({ kind: constant('shed' as const), retryAfterMs: nat(MINUTE) }), constant({ kind: 'verifying' } as const), constant({ kind: 'staged' } as const),
  integer({ min: 20, max: 80 }).map((ms): DeviceReport => ({ kind: 'benchmarked', baseline: figures(40), candidate: figures(ms) })), constant({ kind: 'confirming' } as const),
  constantFrom(NEW, OLD, OTHER).map((digest): DeviceReport => ({ kind: 'running', digest })), integer({ min: 20, max: 80 }).map((ms): DeviceReport => ({ kind: 'measured', measurements: figures(ms) })),
  boolean().map((retry): DeviceReport => ({ kind: 'fault', code: 'DISK_FULL', retry })), constant({ kind: 'refused', code: 'WRONG_DEVICE' } as const), constant({ kind: 'rolled_back', code: 'RUNTIME_CRASHED' } as const),
);
const person = constantFrom('ann', 'bob');
const id = constantFrom(...IDS, 'stranger');

const move: Arbitrary<Move> = record({
  after: oneof({ weight: 60, arbitrary: nat(MINUTE / 6) }, { weight: 5, arbitrary: nat(10 * MINUTE) }, { weight: 1, arbitrary: nat(30 * HOUR) }, { weight: 1, arbitrary: constant(-HOUR) }),
  input: oneof(
    { weight: 40, arbitrary: constant((): RolloutInput => ({ type: 'tick' })) },
    { weight: 14, arbitrary: record({ id, report, late: nat(3), attempt: constantFrom(0, 0, 0, 1) }).map(({ id: deviceId, report: said, late, attempt }) => (state: RolloutState, count: number): RolloutInput => ({ type: 'report', deviceId, sequence: Math.max(1, count - late), attempt: attempt + (getDevice(state.devices, deviceId)?.attempt ?? 0), report: said })) },
    // What the device was asked for, so that rollouts get somewhere.
    { weight: 120, arbitrary: record({ id, slow: nat(9).map((n) => n === 0) }).map(({ id: deviceId, slow }) => (state: RolloutState, count: number): RolloutInput => ({ type: 'report', deviceId, sequence: count, attempt: getDevice(state.devices, deviceId)?.attempt ?? 0, report: nextOf(state, deviceId, slow) })) },
    { weight: 5, arbitrary: record({ id, online: boolean() }).map(({ id: deviceId, online }) => (): RolloutInput => ({ type: 'presence', deviceId, online })) },
    { weight: 3, arbitrary: record({ type: constantFrom('submit' as const, 'approve' as const, 'withdraw' as const, 'send_back' as const), by: person }).map((input) => (): RolloutInput => input) },
    { weight: 1, arbitrary: record({ type: constantFrom('stop' as const, 'roll_back' as const), by: person }).map((input) => (): RolloutInput => input) },
    { weight: 2, arbitrary: record({ type: constant('pause' as const), by: person, note: constant('') }).map((input) => (): RolloutInput => input) },
    { weight: 4, arbitrary: record({ type: constant('resume' as const), by: person, accept: boolean() }).map((input) => (): RolloutInput => input) },
    { weight: 1, arbitrary: id.map((deviceId) => (): RolloutInput => ({ type: 'removed', deviceId, by: 'ann' })) },
    { weight: 1, arbitrary: nat(5).map((n) => (): RolloutInput => ({ type: 'joined', target: { deviceId: `late-${n}`, storeId: 's0', class: 'box', online: true, digest: OLD }, store: { ...(STORES[0] as (typeof STORES)[number]), devices: 9 } })) },
  ),
});

function nextOf(state: RolloutState, deviceId: string, slow: boolean): DeviceReport {
  const device = getDevice(state.devices, deviceId);
  switch (device?.state) {
    case 'downloading': return { kind: 'verifying' };
    case 'verifying': return { kind: 'staged' };
    case 'benchmarking': return { kind: 'benchmarked', baseline: figures(40), candidate: figures(slow ? 80 : 20) };
    case 'swapping': return { kind: 'confirming' };
    case 'confirming': return { kind: 'running', digest: NEW };
    case 'rolling_back': return { kind: 'running', digest: device.previousDigest ?? OLD };
    case 'succeeded': return { kind: 'measured', measurements: figures(20) };
    default: return { kind: 'running', digest: OLD };
  }
}

const policies: Arbitrary<RolloutPolicy> = record({
  approval: constantFrom('none' as const, 'other_person' as const), minServing: nat(3), smallStores: constantFrom('wait' as const, 'one_at_a_time' as const), maxAtOnce: integer({ min: 1, max: 3 }),
  canary: nat(3), onGateFailure: constantFrom('pause' as const, 'stop' as const, 'roll_back' as const), lateJoiners: constantFrom('ignore' as const, 'last_wave' as const), gated: boolean(),
}).map(({ approval, minServing, smallStores, maxAtOnce, canary, onGateFailure, lateJoiners, gated }) => policyOf({
  approval, canary, onGateFailure, lateJoiners, soakMs: MINUTE, store: { minServing, smallStores, maxAtOnce }, waves: { kind: 'growing', first: 2, factor: 2 }, ...(gated ? {} : { gates: [] }),
}));

function start(policy: RolloutPolicy): RolloutState {
  const targets = targetsOf(STORES);
  const facts = { id: 'r', name: 'r', author: 'ann', filter: '', artifact: 'flow', version: 2, digest: NEW, policy };
  return draftRollout(facts, planRollout(policy, NEW, targets, STORES, seededRandom(1)), targets, STORES, START);
}

/** Steps that the table refuses by name are no steps. */
function tryStep(state: RolloutState, input: RolloutInput, now: number, seed: number): ReturnType<typeof step> | null {
  try {
    return step(state, input, now, seededRandom(seed));
  } catch (error) {
    if (error instanceof EdgewiseError && (error.code === 'CONFLICT' || error.code === 'FORBIDDEN')) return null;
    throw error;
  }
}

const FINAL_ROLLOUT: ReadonlySet<string> = new Set(['finished', 'stopped', 'rolled_back']);

describe('whatever comes', () => {
  it('stays in known states, says nothing twice, keeps stores above their minimum, and goes on from what was written down', { timeout: 120_000 }, () => {
    let reached = 0;
    assert(property(policies, array(move, { minLength: 20, maxLength: 300, size: 'max' }), boolean(), (policy, moves, begun) => {
      let state = start(policy);
      let now = START;
      // Half of them are under way, the others wait for a person.
      const first: readonly RolloutInput[] = begun ? [{ type: 'submit', by: 'ann' }, { type: 'approve', by: 'bob' }, { type: 'tick' }] : [];
      for (const input of first) state = tryStep(state, input, now, 0)?.state ?? state;
      const effects = new Set<string>();
      const sequences = new Map<string, number>();
      for (const [count, { after, input }] of moves.entries()) {
        now += after;
        const before = state;
        const given = input(state, count + 1);
        const result = tryStep(state, given, now, count);
        // What was written down and read back goes on in the same way.
        const replayed = tryStep(fromSnapshot(JSON.parse(JSON.stringify(toSnapshot(state)))), given, now, count);
        expect(replayed === null).toBe(result === null);
        if (result === null || replayed === null) continue;
        expect(replayed.effects).toEqual(result.effects);
        expect(toSnapshot(replayed.state).rollout).toEqual(toSnapshot(result.state).rollout);
        state = result.state;
        rolloutSnapshot.parse(toSnapshot(state));

        for (const effect of result.effects) {
          if (effect.kind === 'wake') continue;
          expect(effects.has(effect.id), effect.id).toBe(false);
          effects.add(effect.id);
          if (effect.kind !== 'command') continue;
          expect(effect.sequence).toBeGreaterThan(sequences.get(effect.deviceId) ?? 0);
          sequences.set(effect.deviceId, effect.sequence);
        }
        for (const device of eachDevice(state.devices)) {
          const was = getDevice(before.devices, device.deviceId);
          if (was && DEVICE_TRAITS[was.state].phase === 'final') expect(device.state, `${device.deviceId} left ${was.state}`).toBe(was.state);
          if (device.state === 'succeeded') reached++;
          // It begins to be out of service: the store had one to spare.
          const begins = DEVICE_TRAITS[device.state].disrupts && was !== undefined && !DEVICE_TRAITS[was.state].disrupts;
          if (!begins || isDown(was) || device.state === 'rolling_back') continue;
          const store = state.stores.get(device.storeId);
          const inside = [...eachDevice(state.devices)].filter((other) => other.storeId === device.storeId);
          const down = inside.filter(isDown).length;
          const small = (store?.devices ?? 0) <= policy.store.minServing && policy.store.smallStores === 'one_at_a_time';
          if (small) expect(inside.filter((other) => DEVICE_TRAITS[other.state].disrupts)).toHaveLength(1);
          else expect((store?.devices ?? 0) - down, `${device.storeId} ${JSON.stringify(given)}`).toBeGreaterThanOrEqual(policy.store.minServing);
        }
        if (FINAL_ROLLOUT.has(before.rollout.state) && given.type === 'tick') expect(FINAL_ROLLOUT.has(state.rollout.state)).toBe(true);
        if (policy.approval === 'other_person' && state.rollout.startedAtMs !== null) expect(state.rollout.approvedBy).toBe('bob');
      }
    }), { numRuns: 120 });
    // Random moves that get nowhere would prove nothing.
    expect(reached).toBeGreaterThan(50);
  });
});

describe('the planner', () => {
  it('puts every target into exactly one wave, the canary first, and never more than asked', () => {
    const shapes = oneof(
      array(oneof(record({ by: constant('count' as const), count: integer({ min: 1, max: 20 }) }), record({ by: constant('share' as const), share: integer({ min: 1, max: 100 }).map((n) => n / 100) })), { maxLength: 5 }).map((sizes) => ({ kind: 'sizes' as const, sizes })),
      record({ kind: constant('growing' as const), first: integer({ min: 1, max: 10 }), factor: integer({ min: 1, max: 5 }) }),
    );
    assert(property(integer({ min: 1, max: 12 }), integer({ min: 1, max: 6 }), nat(8), shapes, nat(), (stores, devices, canary, waves, seed) => {
      const all = storesOf(stores, devices);
      const targets = targetsOf(all, { online: (name) => !name.endsWith('d1'), digest: OLD });
      const { waves: planned } = planRollout(policyOf({ canary, waves }), NEW, targets, all, seededRandom(seed));
      const ids = planned.flatMap(({ deviceIds }) => deviceIds);
      expect(new Set(ids)).toEqual(new Set(targets.map(({ deviceId }) => deviceId)));
      expect(ids).toHaveLength(targets.length);
      expect(planned.every(({ deviceIds }) => deviceIds.length > 0)).toBe(true);
      const first = planned[0];
      expect(first?.kind === 'canary').toBe(canary > 0);
      if (canary > 0) expect(first?.deviceIds).toHaveLength(Math.min(canary, targets.length));
      // What cannot be reached proves nothing: it comes into the canary only where nothing else is left.
      const online = targets.filter((target) => target.online).length;
      if (canary > 0) expect(first?.deviceIds.filter((name) => name.endsWith('d1')).length).toBe(Math.max(0, Math.min(canary, targets.length) - online));
    }), { numRuns: 300 });
  });
});
