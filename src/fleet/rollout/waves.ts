/** How waves follow one another. All judging happens here and at each tick, so a gate is not skipped because all devices ended in the same moment. */
import type { DeviceRollout, PauseReason, RolloutWave } from '../../contract/records/rollout.ts';
import { ENGINE, type Draft } from './draft.ts';
import { brokenRule, judgeWave, tally, type Tally } from './gates.ts';
import { moveDevice, moveRollout, moveWave } from './moves.ts';
import { DEVICE_TRAITS } from './device-table.ts';

export function judgeWaves(draft: Draft): void {
  const byWave: DeviceRollout[][] = draft.waves.map(() => []);
  for (const device of draft.devices()) byWave[device.wave]?.push(device);
  const all = tally(byWave.flat());
  const failures = all.failures.failed + all.failures.timed_out + all.failures.rejected;
  const broken = failures > draft.rollout.acceptedFailures ? brokenRule(draft.rollout.policy, 'rollout', all) : null;
  if (broken !== null) {
    guard(draft, 'failure_rule', broken);
    return;
  }
  for (const wave of draft.waves) {
    if (wave.state === 'passed') continue;
    if (!passes(draft, wave, byWave[wave.index] ?? [])) return;
  }
  lastPassed(draft, all);
}

/** Judges one wave as far as it goes now; true when it has passed. */
function passes(draft: Draft, pending: RolloutWave, devices: readonly DeviceRollout[]): boolean {
  const wave = pending.state === 'pending' ? moveWave(draft, pending, 'begin', ENGINE) : pending;
  const counts = tally(devices);
  if (wave.state === 'failed') return false;
  if (counts.counted === 0) return moveWave(draft, wave, 'nothing_to_do', ENGINE).state === 'passed';
  const broken = brokenRule(draft.rollout.policy, 'wave', counts);
  if (broken !== null) return fail(draft, wave, 'failure_rule', broken);
  const soaking = wave.state === 'running' ? judgeRunning(draft, wave, counts) : wave;
  return soaking.state === 'soaking' && judgeSoaking(draft, soaking, devices);
}

function judgeRunning(draft: Draft, wave: RolloutWave, counts: Tally): RolloutWave {
  const { success, timeoutsMs } = draft.rollout.policy;
  const enough = counts.executed >= success.minExecuted;
  if (enough && counts.succeeded / counts.counted >= success.atLeastShare) return moveWave(draft, wave, 'enough_succeeded', ENGINE, told(counts));
  // Nobody is at work any more: those reached decide, and the tail is neither a success nor a failure.
  if (enough && counts.active === 0) {
    if (counts.succeeded / counts.executed >= success.atLeastShare) return moveWave(draft, wave, 'enough_succeeded', ENGINE, told(counts));
    fail(draft, wave, 'success_gate', told(counts));
    return wave;
  }
  if (wave.startedAtMs !== null && draft.now >= wave.startedAtMs + timeoutsMs.wave) guardPause(draft, 'sample_too_small', `${told(counts)}; ${counts.tail} not reached`);
  return wave;
}

function told(counts: Tally): string {
  return `${counts.succeeded} of ${counts.executed} that ended have succeeded, ${counts.counted} in all`;
}

/** Figures from service once there was time for some, else those of the benchmark. */
function judgeSoaking(draft: Draft, wave: RolloutWave, devices: readonly DeviceRollout[]): boolean {
  const { policy } = draft.rollout;
  const told = devices.filter((device) => device.state === 'succeeded').flatMap((device) => {
    const gates = policy.soakMs === 0 ? (device.serviceGates ?? device.gates) : device.serviceGates;
    return gates === null ? [] : [gates];
  });
  const results = judgeWave(policy, told);
  const missed = results.find((result) => result.verdict === 'missed');
  if (missed !== undefined) return fail(draft, wave, 'measured_gate', `${missed.gate.metric}: ${missed.missed} of ${missed.measured} devices miss ${missed.gate.compare} ${missed.gate.limit}`);
  if (wave.soakUntilMs === null || draft.now < wave.soakUntilMs) return false;
  const unproven = results.find((result) => result.verdict === 'unproven');
  if (unproven === undefined) return moveWave(draft, wave, 'soaked', ENGINE).state === 'passed';
  guardPause(draft, 'gate_unproven', `${unproven.gate.metric}: ${unproven.measured} devices measured, ${policy.waveGates.minDevices} needed`);
  return false;
}

function fail(draft: Draft, wave: RolloutWave, reason: PauseReason, note: string): false {
  moveWave(draft, wave, 'gate_missed', ENGINE, note);
  guard(draft, reason, `wave ${wave.index}: ${note}`);
  return false;
}

function guard(draft: Draft, reason: PauseReason, note: string): void {
  moveRollout(draft, `guard_${draft.rollout.policy.onGateFailure}`, ENGINE, note, reason);
}

/** Too little is known: that is for a person to judge, never a reason to undo what works. */
function guardPause(draft: Draft, reason: PauseReason, note: string): void {
  moveRollout(draft, 'guard_pause', ENGINE, note, reason);
}

/** All waves have passed: what is left is the tail, and it is waited for so long. */
function lastPassed(draft: Draft, all: Tally): void {
  if (all.active + all.tail === 0) {
    moveRollout(draft, 'all_done', ENGINE);
    return;
  }
  const since = draft.rollout.tailSinceMs ?? draft.now;
  if (draft.rollout.tailSinceMs === null) draft.rollout = { ...draft.rollout, tailSinceMs: since };
  if (draft.now >= since + draft.rollout.policy.tailMs) cancelUntouched(draft, 'the time for the tail is over');
}

/** Ends the part of everybody who still runs the old slot and is on the way. */
export function cancelUntouched(draft: Draft, reason: string): void {
  for (const device of draft.devices()) {
    const { phase } = DEVICE_TRAITS[device.state];
    if ((phase === 'waiting' || phase === 'working') && !device.touched) moveDevice(draft, device.deviceId, 'cancel', ENGINE, { reason });
  }
}
