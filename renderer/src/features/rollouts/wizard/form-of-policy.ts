/** The policy of a draft as the form has it, so that it can be changed there. */
import type { FleetGate, RolloutPolicy } from '../../../../../src/contract/records/rollout.ts';
import { defaultForm, METRICS, policyOf, type FleetFacts, type GateForm, type PolicyForm } from './policy-form.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;

/** Per cent and points without what halves and tenths leave behind in binary. */
const tidy = (value: number): number => Math.round(value * 1e8) / 1e8;

/**
 * What the policy does not have (a gate that is off, the spans of a window that is always open) stands at its default.
 * @param facts what the defaults depend on
 */
export function formOf(policy: RolloutPolicy, facts: FleetFacts): PolicyForm {
  const defaults = defaultForm(facts);
  const minutes = (ms: number): number => tidy(ms / MINUTE);
  const schedule = (of: RolloutPolicy['update'], spare: PolicyForm['update']): PolicyForm['update'] => (of.kind === 'weekly' ? { kind: 'weekly', spans: of.spans.map((span) => ({ ...span, days: [...span.days] })) } : { kind: of.kind, spans: spare.spans });
  const { waves, ramp, timeoutsMs } = policy;
  const gates = Object.fromEntries(METRICS.map((metric) => {
    const gate = policy.gates.find((each) => each.metric === metric);
    return [metric, gate === undefined ? { ...defaults.gates[metric], on: false } : gateForm(gate)];
  })) as PolicyForm['gates'];
  return {
    approval: policy.approval,
    start: policy.startAtMs === null ? 'now' : 'at',
    startAt: policy.startAtMs === null ? '' : localText(policy.startAtMs),
    canary: policy.canary,
    waves: waves.kind === 'growing' ? 'growing' : waves.sizes.length === 0 ? 'rest' : 'sizes',
    sizes: waves.kind === 'growing' || waves.sizes.length === 0 ? defaults.sizes : waves.sizes.map((size) => (size.by === 'count' ? { by: 'count', value: size.count } : { by: 'share', value: tidy(size.share * 100) })),
    first: waves.kind === 'growing' ? waves.first : defaults.first,
    factor: waves.kind === 'growing' ? waves.factor : defaults.factor,
    ramp: ramp === null ? { ...defaults.ramp, on: false } : { ...ramp, on: true },
    lateJoiners: policy.lateJoiners,
    ...policy.store,
    download: schedule(policy.download, defaults.download),
    update: schedule(policy.update, defaults.update),
    gates,
    missedAtMostPercent: tidy(policy.waveGates.missedAtMostShare * 100),
    minMeasured: policy.waveGates.minDevices,
    onGateFailure: policy.onGateFailure,
    soakMinutes: minutes(policy.soakMs),
    successPercent: tidy(policy.success.atLeastShare * 100),
    minExecuted: policy.success.minExecuted,
    failures: policy.failures.map(({ kinds, aboveShare, minExecuted, scope }) => ({ kinds: [...kinds], abovePercent: tidy(aboveShare * 100), minExecuted, scope })),
    retries: { max: policy.retries.max, baseMinutes: minutes(policy.retries.baseMs), factor: policy.retries.factor, maxMinutes: minutes(policy.retries.maxMs) },
    timeoutMinutes: {
      downloading: minutes(timeoutsMs.downloading), verifying: minutes(timeoutsMs.verifying), benchmarking: minutes(timeoutsMs.benchmarking), swapping: minutes(timeoutsMs.swapping),
      confirming: minutes(timeoutsMs.confirming), rolling_back: minutes(timeoutsMs.rolling_back), wave: minutes(timeoutsMs.wave),
    },
    jitterS: tidy(policy.jitterMs / 1000),
    tailDays: tidy(policy.tailMs / DAY),
  };
}

/** Parts of a policy that the form has no field for, and would change: such a draft was written elsewhere. */
export function lostInForm(policy: RolloutPolicy, form: PolicyForm): readonly (keyof RolloutPolicy)[] {
  const kept = policyOf(form);
  return (Object.keys(policy) as (keyof RolloutPolicy)[]).filter((part) => !same(policy[part], kept[part]));
}

function gateForm({ metric, limit, minSamples, required }: FleetGate): GateForm {
  const own = metric === 'temperatureC' ? limit : metric === 'accuracy' ? tidy(-limit * 100) : tidy((limit - 1) * 100);
  return { on: true, limit: own, minSamples, required };
}

/** As a field for date and time has it, in the reader's own time, to the minute. */
function localText(ms: number): string {
  const at = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** Equal in value; figures to what the form can hold. */
function same(a: unknown, b: unknown): boolean {
  if (typeof a === 'number' && typeof b === 'number') return Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a));
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return a === b;
  const [first, second] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const names = new Set([...Object.keys(first), ...Object.keys(second)]);
  return [...names].every((name) => same(first[name], second[name]));
}
