/**
 * Judging by what was measured. A gate compares a device with itself: its own baseline, taken on the same device from what ran before. Too few samples,
 * a missing figure or a baseline of nothing is `unproven`, never `met`.
 */
import type { DeviceRollout, FailureKind, FleetGate, FleetGateResult, FleetMeasurements, RolloutPolicy } from '../../contract/records/rollout.ts';

export type Verdict = FleetGateResult['verdict'];

export function judgeGate(gate: FleetGate, baseline: FleetMeasurements, candidate: FleetMeasurements): FleetGateResult {
  const before = baseline[gate.metric];
  const after = candidate[gate.metric];
  if (before === undefined || after === undefined) return { gate, verdict: 'unproven', measured: null };
  if (gate.compare === 'ratio' && before.value <= 0) return { gate, verdict: 'unproven', measured: null };
  const measured = gate.compare === 'ratio' ? after.value / before.value : after.value - before.value;
  if (Math.min(before.samples, after.samples) < gate.minSamples) return { gate, verdict: 'unproven', measured };
  const met = gate.metric === 'accuracy' ? measured >= gate.limit : measured <= gate.limit;
  return { gate, verdict: met ? 'met' : 'missed', measured };
}

/** All gates of one device together: one missed is missed; a required one that is unproven is unproven. */
export function overall(results: readonly FleetGateResult[]): Verdict {
  if (results.some((result) => result.verdict === 'missed')) return 'missed';
  return results.some((result) => result.verdict === 'unproven' && result.gate.required) ? 'unproven' : 'met';
}

export interface WaveGateResult {
  readonly gate: FleetGate;
  readonly verdict: Verdict;
  readonly measured: number;
  readonly missed: number;
}

/** Each gate over the devices of a wave that have told figures. */
export function judgeWave(policy: Pick<RolloutPolicy, 'gates' | 'waveGates'>, devices: readonly (readonly FleetGateResult[])[]): WaveGateResult[] {
  return policy.gates.map((gate, index) => {
    const verdicts = devices.map((results) => results[index]?.verdict);
    const missed = verdicts.filter((verdict) => verdict === 'missed').length;
    const measured = missed + verdicts.filter((verdict) => verdict === 'met').length;
    if (measured < policy.waveGates.minDevices) return { gate, verdict: gate.required ? 'unproven' : 'met', measured, missed };
    return { gate, verdict: missed / measured > policy.waveGates.missedAtMostShare ? 'missed' : 'met', measured, missed };
  });
}

/** How a wave, or a rollout, stands. */
export interface Tally {
  /** Devices that count: all but those removed, cancelled, or that had the version before. */
  readonly counted: number;
  readonly succeeded: number;
  readonly failures: Readonly<Record<FailureKind, number>>;
  /** Ended, well or badly. */
  readonly executed: number;
  /** Not ended and not to be reached: the tail. */
  readonly tail: number;
  /** Not ended, and reached. */
  readonly active: number;
}

export function tally(devices: Iterable<DeviceRollout>): Tally {
  const failures: Record<FailureKind, number> = { failed: 0, timed_out: 0, rejected: 0 };
  let counted = 0;
  let succeeded = 0;
  let tail = 0;
  let active = 0;
  for (const device of devices) {
    if (device.state === 'removed' || device.state === 'cancelled' || device.state === 'already_installed') continue;
    counted++;
    if (device.failure !== null) failures[device.failure]++;
    else if (device.state === 'succeeded' || device.state === 'rolled_back' || (device.state === 'rolling_back' && device.touched)) succeeded++;
    else if (device.online) active++;
    else tail++;
  }
  const failed = failures.failed + failures.timed_out + failures.rejected;
  return { counted, succeeded, failures, executed: succeeded + failed, tail, active };
}

/** The first rule of the scope that is broken, in words; null: none. */
export function brokenRule(policy: Pick<RolloutPolicy, 'failures'>, scope: 'wave' | 'rollout', counts: Tally): string | null {
  for (const rule of policy.failures) {
    if (rule.scope !== scope || counts.executed < rule.minExecuted) continue;
    const failed = [...new Set(rule.kinds)].reduce((sum, kind) => sum + counts.failures[kind], 0);
    if (failed / counts.executed > rule.aboveShare) return `${failed} of ${counts.executed} ${rule.kinds.join(' or ')}, limit ${Math.round(rule.aboveShare * 1000) / 10} %`;
  }
  return null;
}
