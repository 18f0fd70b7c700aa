/** The only way to another state: through the tables. What belongs to entering a state happens here, once, whatever led there. */
import type { DeviceRollout, DeviceStateName, PauseReason, RolloutWave } from '../../contract/records/rollout.ts';
import { backoffMs } from './backoff.ts';
import { DEVICE_TABLE, DEVICE_TRAITS, type DeviceEventName } from './device-table.ts';
import { ENGINE, type Actor, type Draft } from './draft.ts';
import { ROLLOUT_TABLE, type RolloutEventName } from './rollout-table.ts';
import { refusal } from './table.ts';
import { WAVE_TABLE, type WaveEventName } from './wave-table.ts';

/** @returns whether it moved; @throws CONFLICT when the table refuses */
export function moveRollout(draft: Draft, event: RolloutEventName, actor: Actor, note = '', pause: PauseReason = 'person'): boolean {
  const from = draft.rollout.state;
  const decision = ROLLOUT_TABLE[from][event];
  if ('refuse' in decision) throw refusal(`Rollout ${draft.rollout.name}`, from, event, decision.refuse);
  if ('ignore' in decision) {
    draft.ignored = decision.ignore;
    return false;
  }
  const to = decision.to;
  const ended = to === 'finished' || to === 'stopped' || to === 'rolled_back';
  draft.rollout = {
    ...draft.rollout,
    state: to,
    pause: to === 'paused' ? { reason: pause, note } : null,
    approvedBy: event === 'approve_by_other' ? actor.id : to === 'draft' ? null : draft.rollout.approvedBy,
    startedAtMs: event === 'start_due' ? draft.now : draft.rollout.startedAtMs,
    endedAtMs: ended ? draft.now : null,
  };
  draft.audit(actor, { kind: 'rollout', id: draft.rollout.id }, event, from, to, note);
  if (to === 'awaiting_approval') draft.notify('approval_wanted', draft.rollout.name);
  if (to === 'paused') draft.notify('paused', note);
  if (to === 'rolling_back') draft.notify('rolling_back', note);
  if (ended) draft.notify('ended', to);
  return true;
}

export function moveWave(draft: Draft, wave: RolloutWave, event: WaveEventName, actor: Actor, note = ''): RolloutWave {
  const decision = WAVE_TABLE[wave.state][event];
  if ('refuse' in decision) throw refusal(`Wave ${wave.index}`, wave.state, event, decision.refuse);
  if ('ignore' in decision) {
    draft.ignored = decision.ignore;
    return wave;
  }
  const to = decision.to;
  const moved = draft.setWave({
    ...wave,
    state: to,
    startedAtMs: to === 'running' ? draft.now : wave.startedAtMs,
    soakUntilMs: to === 'soaking' ? draft.now + draft.rollout.policy.soakMs : wave.soakUntilMs,
    endedAtMs: to === 'passed' || to === 'failed' ? draft.now : null,
    reason: note === '' ? wave.reason : note,
    acceptedBy: event === 'accept' ? actor.id : wave.acceptedBy,
  });
  draft.audit(actor, { kind: 'wave', id: String(wave.index) }, event, wave.state, to, note);
  if (to === 'failed') draft.notify('wave_failed', note);
  return moved;
}

/** Shown for a device that had gone back. */
export const RUNS_AGAIN = 'runs the new version again after it went back';

/** How long a device that is away may still be told to throw away what it has downloaded. */
export const DISCARD_MS = 30 * 86_400_000;

export interface DeviceMove {
  readonly reason?: string;
  /** The server asked to wait so long. */
  readonly retryAfterMs?: number;
}

/** @returns whether the table took the event; @throws CONFLICT when it refuses */
export function moveDevice(draft: Draft, deviceId: string, event: DeviceEventName, actor: Actor, move: DeviceMove = {}): boolean {
  const device = draft.device(deviceId);
  if (device === undefined) return false;
  const decision = DEVICE_TABLE[device.state][event];
  if ('refuse' in decision) throw refusal(`Device ${deviceId}`, device.state, event, decision.refuse);
  if ('ignore' in decision) {
    draft.ignored = decision.ignore;
    return false;
  }
  const to = decision.to;
  const again = event === 'deadline_retry' || event === 'fault_retry';
  const entered = to !== device.state || again || event === 'deadline_offline';
  const attempt = again ? device.attempt + 1 : event === 'roll_back' ? 0 : device.attempt;
  draft.setDevice({
    ...device,
    state: to,
    attempt,
    reason: move.reason ?? (entered ? null : device.reason),
    failure: failureOf(device, to, event),
    touched: device.touched || to === 'swapping',
    // A device that comes up on the new slot after all may be told to go back once more.
    rollBackOrdered: event === 'roll_back' || (device.rollBackOrdered && to !== 'succeeded'),
    sinceMs: to === device.state ? device.sinceMs : draft.now,
    notBeforeMs: notBefore(draft, device, attempt, again, move.retryAfterMs),
    deadlineMs: entered ? deadline(draft, to) : device.deadlineMs,
    bytesDone: to === 'queued' && again ? 0 : device.bytesDone,
  });
  if (entered) {
    draft.audit(actor, { kind: 'device', id: deviceId }, event, device.state, to, move.reason ?? '');
    command(draft, device, to, event);
  }
  // It runs a slot that does not work: back at once, it does not serve anyway.
  if (event === 'fault_after_swap' && to === 'failed') moveDevice(draft, deviceId, 'roll_back', ENGINE, move);
  if (event === 'runs_target' && to === 'failed') {
    draft.notify('runs_again', `${deviceId} ${RUNS_AGAIN}`);
    moveDevice(draft, deviceId, 'roll_back', ENGINE, { reason: RUNS_AGAIN });
  }
  return true;
}

function failureOf(device: DeviceRollout, to: DeviceStateName, event: DeviceEventName): DeviceRollout['failure'] {
  if (to === 'failed' || to === 'timed_out' || to === 'rejected') return device.failure ?? to;
  if (to === 'succeeded') return null;
  const byItself = event === 'self_rolled_back' || event === 'back_on_previous';
  if (to === 'rolled_back' && byItself && !device.rollBackOrdered) return device.failure ?? 'failed';
  return device.failure;
}

function notBefore(draft: Draft, device: DeviceRollout, attempt: number, again: boolean, retryAfterMs: number | undefined): number {
  const { retries, jitterMs } = draft.rollout.policy;
  if (again) return draft.now + backoffMs(retries, attempt, draft.random);
  if (retryAfterMs !== undefined) return draft.now + retryAfterMs + Math.floor(draft.random() * jitterMs);
  return device.notBeforeMs;
}

function deadline(draft: Draft, state: DeviceStateName): number | null {
  if (DEVICE_TRAITS[state].phase !== 'working') return null;
  const limits = draft.rollout.policy.timeoutsMs;
  return draft.now + limits[state as keyof typeof limits];
}

/** What the device is told on entering a state. */
function command(draft: Draft, before: DeviceRollout, to: DeviceStateName, event: DeviceEventName): void {
  const { deviceId } = before;
  const until = draft.device(deviceId)?.deadlineMs ?? draft.now;
  if (event === 'prepare') {
    const delayMs = Math.floor(draft.random() * draft.rollout.policy.jitterMs);
    const device = draft.device(deviceId);
    if (device !== undefined) draft.setDevice({ ...device, deadlineMs: until + delayMs });
    draft.command(deviceId, 'prepare', until + delayMs, delayMs);
  } else if (to === 'benchmarking') {
    draft.command(deviceId, 'benchmark', until);
  } else if (to === 'swapping') {
    // A command that lay in a queue must not take effect when nobody counts on it any more.
    draft.command(deviceId, 'swap', draft.now + Math.floor((until - draft.now) / 2));
  } else if (to === 'rolling_back') {
    draft.command(deviceId, 'roll_back', until);
  } else if (before.state !== 'queued' && !before.touched && (to === 'cancelled' || to === 'rejected' || to === 'timed_out' || to === 'failed')) {
    draft.command(deviceId, 'discard', draft.now + DISCARD_MS);
  }
}
