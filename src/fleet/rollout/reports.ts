/** What devices say: sorted into events of the device table. A report that was seen, or answers an older attempt, changes nothing. */
import type { DeviceReport, DeviceRollout, FleetGateResult, FleetMeasurements, RolloutStore } from '../../contract/records/rollout.ts';
import type { DeviceEventName } from './device-table.ts';
import { ENGINE, type Actor, type Draft } from './draft.ts';
import { judgeGate, overall } from './gates.ts';
import { moveDevice, RUNS_AGAIN } from './moves.ts';
import { isLive, startsDevices } from './rollout-table.ts';
import { newDevice } from './plan.ts';
import type { RolloutInput, Target } from './state.ts';
import { isOpen } from './windows.ts';

/** These tell what runs, and are true whichever command they answer. */
const ABOUT_THE_SLOT: ReadonlySet<DeviceReport['kind']> = new Set(['running', 'rolled_back', 'measured', 'confirming']);

export function deviceReports(draft: Draft, input: Extract<RolloutInput, { type: 'report' }>): void {
  const device = draft.device(input.deviceId);
  if (device === undefined) {
    draft.ignored = 'the device is not in this rollout';
    return;
  }
  if (draft.rollout.startedAtMs === null) {
    draft.ignored = 'the rollout has not started';
    return;
  }
  if (input.sequence <= device.reports) {
    draft.ignored = 'the report was seen, or a newer one was';
    return;
  }
  const heard = draft.setDevice({ ...device, reports: input.sequence, online: true });
  if (input.attempt !== device.attempt && !ABOUT_THE_SLOT.has(input.report.kind)) {
    draft.ignored = 'it answers another attempt';
    return;
  }
  take(draft, heard, input.report, { kind: 'device', id: input.deviceId });
}

function take(draft: Draft, device: DeviceRollout, report: DeviceReport, actor: Actor): void {
  const id = device.deviceId;
  switch (report.kind) {
    case 'downloading':
      downloaded(draft, device, report.bytesDone, actor);
      return;
    case 'shed':
      moveDevice(draft, id, 'shed', actor, { reason: 'server busy', retryAfterMs: report.retryAfterMs });
      return;
    case 'verifying':
    case 'staged':
    case 'confirming':
      moveDevice(draft, id, report.kind, actor);
      return;
    case 'benchmarked':
      benchmarked(draft, device, report.baseline, report.candidate, actor);
      return;
    case 'measured':
      measured(draft, device, report.measurements, actor);
      return;
    case 'running':
      running(draft, device, report.digest, actor);
      return;
    case 'fault':
      moveDevice(draft, id, faultEvent(draft, device, report.retry), actor, { reason: report.code });
      return;
    case 'refused':
      moveDevice(draft, id, 'refused', actor, { reason: report.code });
      return;
    case 'rolled_back':
      moveDevice(draft, id, 'self_rolled_back', actor, { reason: report.code });
  }
}

export function retriesLeft(draft: Draft, device: DeviceRollout): boolean {
  return device.attempt < draft.rollout.policy.retries.max;
}

function faultEvent(draft: Draft, device: DeviceRollout, retry: boolean): DeviceEventName {
  if (device.state === 'swapping' || device.state === 'confirming') return 'fault_after_swap';
  return retry && retriesLeft(draft, device) ? 'fault_retry' : 'fault_final';
}

/** Progress is a reason to wait longer; the same number of bytes again is not. */
function downloaded(draft: Draft, device: DeviceRollout, bytesDone: number, actor: Actor): void {
  if (!moveDevice(draft, device.deviceId, 'downloading', actor)) return;
  const moved = draft.device(device.deviceId);
  if (moved === undefined || bytesDone <= moved.bytesDone) return;
  draft.setDevice({ ...moved, bytesDone, deadlineMs: draft.now + draft.rollout.policy.timeoutsMs.downloading });
}

function judge(draft: Draft, baseline: FleetMeasurements, candidate: FleetMeasurements): FleetGateResult[] {
  return draft.rollout.policy.gates.map((gate) => judgeGate(gate, baseline, candidate));
}

function named(results: readonly FleetGateResult[], verdict: FleetGateResult['verdict']): string {
  return results.filter((result) => result.verdict === verdict).map((result) => result.gate.metric).join(', ');
}

function benchmarked(draft: Draft, device: DeviceRollout, baseline: FleetMeasurements, candidate: FleetMeasurements, actor: Actor): void {
  const id = device.deviceId;
  if (device.state !== 'benchmarking') {
    moveDevice(draft, id, 'benchmark_met', actor);
    return;
  }
  const gates = judge(draft, baseline, candidate);
  draft.setDevice({ ...device, baseline, candidate, gates });
  const verdict = overall(gates);
  if (verdict === 'missed') {
    moveDevice(draft, id, 'benchmark_missed', actor, { reason: `gate missed: ${named(gates, 'missed')}` });
  } else if (verdict === 'unproven') {
    const reason = `gate unproven: ${named(gates.filter((gate) => gate.gate.required), 'unproven')}`;
    moveDevice(draft, id, retriesLeft(draft, device) ? 'fault_retry' : 'benchmark_missed', actor, { reason });
  } else {
    const reason = whyNotNow(draft, device);
    moveDevice(draft, id, reason === null ? 'benchmark_met' : 'benchmark_held', actor, reason === null ? {} : { reason });
  }
}

/** A benchmark takes its time: meanwhile the rollout may have been paused, its wave have failed, or the window be over. */
function whyNotNow(draft: Draft, device: DeviceRollout): string | null {
  if (!startsDevices(draft.rollout.state)) return 'rollout paused';
  if (draft.waves[device.wave]?.state === 'failed') return 'wave failed';
  const store = draft.store(device.storeId);
  return store === undefined || isOpen(draft.rollout.policy.update, store, draft.now) ? null : 'update window';
}

function measured(draft: Draft, device: DeviceRollout, measurements: FleetMeasurements, actor: Actor): void {
  if (!moveDevice(draft, device.deviceId, 'measured', actor)) return;
  const moved = draft.device(device.deviceId);
  if (moved !== undefined) draft.setDevice({ ...moved, serviceGates: judge(draft, device.baseline ?? {}, measurements) });
}

function running(draft: Draft, device: DeviceRollout, digest: string, actor: Actor): void {
  const id = device.deviceId;
  if (digest === draft.rollout.digest) {
    moveDevice(draft, id, 'runs_target', actor, device.state === 'rolled_back' ? { reason: RUNS_AGAIN } : {});
  } else if (!device.touched) {
    if (device.previousDigest !== digest) draft.setDevice({ ...device, previousDigest: digest });
    moveDevice(draft, id, 'runs_previous', actor);
  } else {
    const back = device.previousDigest === null || device.previousDigest === digest;
    moveDevice(draft, id, back ? 'back_on_previous' : 'runs_other', actor, { reason: back ? 'runs the version before' : 'runs another version' });
  }
}

export function presenceChanges(draft: Draft, deviceId: string, online: boolean): void {
  const device = draft.device(deviceId);
  if (device === undefined || device.online === online) {
    draft.ignored = device === undefined ? 'the device is not in this rollout' : 'it is known';
    return;
  }
  draft.setDevice({ ...device, online });
  // The order to go back may have run out while nobody was there to hear it.
  if (online && device.state === 'rolling_back') moveDevice(draft, deviceId, 'deadline_offline', ENGINE, { reason: 'back online' });
}

/** The rule for late joiners: the last wave, never an earlier one, and not at all once the rollout ends or goes back. */
export function deviceJoins(draft: Draft, target: Target, store: RolloutStore): void {
  const { rollout } = draft;
  if (draft.device(target.deviceId) !== undefined) draft.ignored = 'the device is in this rollout';
  else if (rollout.policy.lateJoiners === 'ignore') draft.ignored = 'late joiners are left out';
  else if (!isLive(rollout.state) || rollout.state === 'stopping' || rollout.state === 'rolling_back') draft.ignored = 'the rollout takes nobody any more';
  else {
    let order = 0;
    for (const device of draft.devices()) order = Math.max(order, device.order + 1);
    draft.setStore(store);
    const device = draft.setDevice(newDevice(rollout, target, draft.waves.length - 1, order, draft.now));
    draft.audit(ENGINE, { kind: 'device', id: target.deviceId }, 'joined', '', device.state, 'late joiner');
  }
}

export function deviceLeaves(draft: Draft, deviceId: string, by: string): void {
  if (draft.device(deviceId) === undefined) draft.ignored = 'the device is not in this rollout';
  else moveDevice(draft, deviceId, 'remove', { kind: 'person', id: by });
}
