/**
 * Who comes when. The canary is drawn first: from devices that can be reached, over as many classes and stores as it has room for, so that what breaks on
 * one class or one site breaks there. The rest follows in random order, cut into waves; what the sizes leave over is the last wave.
 */
import { EdgewiseError } from '../../base/errors.ts';
import { shuffled } from '../../base/random.ts';
import type { DeviceRollout, RolloutPolicy, RolloutRecord, RolloutStore, RolloutWave } from '../../contract/records/rollout.ts';
import { NO_DEVICES, withDevices } from './device-map.ts';
import type { RolloutState, Target } from './state.ts';

export interface PlannedWave {
  readonly kind: RolloutWave['kind'];
  readonly deviceIds: readonly string[];
}

export interface RolloutPlan {
  readonly waves: readonly PlannedWave[];
  /** What could go wrong, for the person who is about to submit it. */
  readonly warnings: readonly string[];
}

/**
 * Every target lands in exactly one wave. Devices that run the target already are planned too, and need nothing.
 * @throws BAD_REQUEST without targets, with one named twice, or with one of an unknown store
 */
export function planRollout(policy: RolloutPolicy, digest: string, targets: readonly Target[], stores: readonly RolloutStore[], random: () => number): RolloutPlan {
  checkTargets(targets, stores);
  const order = shuffled(targets, random);
  const canary = new Set(pickCanary(order, digest, policy.canary));
  const rest = order.filter((target) => !canary.has(target.deviceId));
  const waves: PlannedWave[] = canary.size > 0 ? [{ kind: 'canary', deviceIds: [...canary] }] : [];
  let taken = 0;
  for (const size of sizes(policy, targets.length, rest.length)) {
    waves.push({ kind: 'wave', deviceIds: rest.slice(taken, taken + size).map((target) => target.deviceId) });
    taken += size;
  }
  return { waves, warnings: warnings(policy, digest, targets, stores, waves) };
}

function checkTargets(targets: readonly Target[], stores: readonly RolloutStore[]): void {
  if (targets.length === 0) throw new EdgewiseError('BAD_REQUEST', 'The rollout touches no device.', { hint: 'Widen the filter.', details: { reason: 'NO_TARGETS' } });
  const seen = new Set<string>();
  const known = new Set(stores.map((store) => store.id));
  for (const target of targets) {
    if (seen.has(target.deviceId)) throw new EdgewiseError('BAD_REQUEST', `Device ${target.deviceId} is named twice.`, { details: { reason: 'TWICE' } });
    if (!known.has(target.storeId)) throw new EdgewiseError('BAD_REQUEST', `Device ${target.deviceId} is in store ${target.storeId}, which is not known.`, { details: { reason: 'UNKNOWN_STORE' } });
    seen.add(target.deviceId);
  }
}

/** One class after the other; within a class first a device of a store that has none in the canary. */
function pickCanary(order: readonly Target[], digest: string, size: number): string[] {
  const fresh = order.filter((target) => target.digest !== digest);
  const picked: string[] = [];
  const stores = new Set<string>();
  let left = fresh.filter((target) => target.online);
  let unreached = fresh.filter((target) => !target.online);
  while (picked.length < size && left.length + unreached.length > 0) {
    // One that cannot be reached proves nothing, whatever its class: only where nobody else is left.
    if (left.length === 0) [left, unreached] = [unreached, []];
    const classes = new Set<string>();
    const round: Target[] = [];
    for (const target of left) {
      if (classes.has(target.class) || picked.length + round.length >= size) continue;
      const better = stores.has(target.storeId) ? left.find((other) => other.class === target.class && other.online === target.online && !stores.has(other.storeId)) : undefined;
      const chosen = better ?? target;
      classes.add(chosen.class);
      stores.add(chosen.storeId);
      round.push(chosen);
    }
    picked.push(...round.map((target) => target.deviceId));
    const gone = new Set(round);
    left = left.filter((target) => !gone.has(target));
  }
  return picked;
}

function sizes(policy: RolloutPolicy, all: number, rest: number): number[] {
  const result: number[] = [];
  const taken = (): number => result.reduce((sum, size) => sum + size, 0);
  const push = (size: number): void => {
    const left = rest - taken();
    if (left > 0) result.push(Math.min(left, Math.max(1, Math.round(size))));
  };
  if (policy.waves.kind === 'sizes') {
    for (const size of policy.waves.sizes) push(size.by === 'count' ? size.count : size.share * all);
  } else {
    // With a factor of 1 a large fleet would come in thousands of waves; after so many the rest is one.
    for (let index = 0; index < 200; index++) push(policy.waves.first * policy.waves.factor ** index);
  }
  push(rest);
  return result;
}

function warnings(policy: RolloutPolicy, digest: string, targets: readonly Target[], stores: readonly RolloutStore[], waves: readonly PlannedWave[]): string[] {
  const result: string[] = [];
  const small = stores.filter((store) => store.devices <= policy.store.minServing).length;
  const least = policy.success.minExecuted;
  const offline = targets.filter((target) => !target.online).length;
  const done = targets.filter((target) => target.digest === digest).length;
  if (small > 0 && policy.store.smallStores === 'wait') result.push(`${small} stores have no device to spare; theirs will wait`);
  waves.forEach((wave, index) => {
    if (wave.deviceIds.length < least) result.push(`${wave.kind} ${index} has ${wave.deviceIds.length} devices, and ${least} must end before it can pass`);
  });
  if (policy.gates.length > 0) {
    waves.forEach((wave, index) => {
      if (wave.deviceIds.length < policy.waveGates.minDevices) result.push(`${wave.kind} ${index} has ${wave.deviceIds.length} devices, and ${policy.waveGates.minDevices} must be measured`);
    });
  }
  if (policy.canary === 0) result.push('there is no canary');
  if (offline > 0) result.push(`${offline} devices are offline; they pick it up when they come back`);
  if (done > 0) result.push(`${done} devices run it already`);
  return result;
}

/** A device at the start of its part. */
export function newDevice(rollout: Pick<RolloutRecord, 'digest'>, target: Target, wave: number, order: number, now: number): DeviceRollout {
  return {
    deviceId: target.deviceId, storeId: target.storeId, wave, order,
    state: target.digest === rollout.digest ? 'already_installed' : 'queued',
    reason: null, failure: null, online: target.online, attempt: 0, touched: false, rollBackOrdered: false, previousDigest: target.digest,
    sinceMs: now, notBeforeMs: now, deadlineMs: null, bytesDone: 0, reports: 0, effects: 0,
    baseline: null, candidate: null, gates: [], serviceGates: null,
  };
}

export interface NewRollout {
  readonly id: string;
  readonly name: string;
  readonly author: string;
  readonly filter: string;
  readonly artifact: string;
  readonly version: number;
  readonly digest: string;
  readonly policy: RolloutPolicy;
}

/** A draft with its plan. @throws BAD_REQUEST when the plan is not of these targets */
export function draftRollout(facts: NewRollout, plan: RolloutPlan, targets: readonly Target[], stores: readonly RolloutStore[], now: number): RolloutState {
  const byId = new Map(targets.map((target) => [target.deviceId, target]));
  let order = 0;
  const devices = plan.waves.flatMap((wave, index) =>
    wave.deviceIds.map((id) => {
      const target = byId.get(id);
      if (target === undefined || !byId.delete(id)) throw new EdgewiseError('BAD_REQUEST', `The plan names ${id}, which is no target, or twice.`, { details: { reason: 'PLAN_MISMATCH' } });
      return newDevice(facts, target, index, order++, now);
    }),
  );
  if (byId.size > 0) throw new EdgewiseError('BAD_REQUEST', `The plan leaves out ${byId.size} targets.`, { details: { reason: 'PLAN_MISMATCH' } });
  return {
    rollout: {
      ...facts, approvedBy: null, state: 'draft', pause: null, createdAtMs: now, startedAtMs: null, endedAtMs: null, tailSinceMs: null,
      acceptedFailures: 0, rampTokens: 0, rampAtMs: null, effects: 0,
    },
    waves: plan.waves.map((wave, index) => ({ index, kind: wave.kind, state: 'pending', startedAtMs: null, soakUntilMs: null, endedAtMs: null, reason: null, acceptedBy: null })),
    stores: new Map(stores.map((store) => [store.id, store])),
    devices: withDevices(NO_DEVICES, devices),
  };
}
