/** The policy of a rollout as a person fills it in, in per cent, minutes and days; and what is sensible for a fleet of a size. */
import type { FailureKind, FleetGate, RolloutPolicy } from '../../../../../src/contract/records/rollout.ts';
import type { WeeklySpan } from '../../../../../src/contract/records/fleet.ts';

export type Metric = FleetGate['metric'];
export const METRICS = ['latencyP95Ms', 'accuracy', 'powerW', 'temperatureC'] as const satisfies readonly Metric[];

export interface GateForm {
  on: boolean;
  /** Per cent more for latency and power, points less for accuracy, °C more for temperature. */
  limit: number;
  minSamples: number;
  required: boolean;
}

export interface ScheduleForm {
  kind: 'always' | 'closed_hours' | 'weekly';
  spans: WeeklySpan[];
}

export interface RuleForm {
  kinds: FailureKind[];
  abovePercent: number;
  minExecuted: number;
  scope: 'wave' | 'rollout';
}

export interface PolicyForm {
  approval: RolloutPolicy['approval'];
  start: 'now' | 'at';
  /** As the browser's field has it, in the reader's own time: 2026-11-23T22:00. */
  startAt: string;
  canary: number;
  waves: 'rest' | 'sizes' | 'growing';
  sizes: { by: 'count' | 'share'; value: number }[];
  first: number;
  factor: number;
  ramp: { on: boolean; basePerMinute: number; factor: number; every: number; maxPerMinute: number };
  lateJoiners: RolloutPolicy['lateJoiners'];
  minServing: number;
  smallStores: RolloutPolicy['store']['smallStores'];
  maxAtOnce: number;
  download: ScheduleForm;
  update: ScheduleForm;
  gates: Record<Metric, GateForm>;
  missedAtMostPercent: number;
  minMeasured: number;
  onGateFailure: RolloutPolicy['onGateFailure'];
  soakMinutes: number;
  successPercent: number;
  minExecuted: number;
  failures: RuleForm[];
  retries: { max: number; baseMinutes: number; factor: number; maxMinutes: number };
  timeoutMinutes: { downloading: number; verifying: number; benchmarking: number; swapping: number; confirming: number; rolling_back: number; wave: number };
  jitterS: number;
  tailDays: number;
}

/** What the defaults depend on. */
export interface FleetFacts {
  readonly devices: number;
  /** Devices that run something already: only they have a baseline. */
  readonly withBaseline: number;
  /** Labelled samples that come along with the version; null: accuracy cannot be measured. */
  readonly checkSamples: number | null;
}

const MINUTE = 60_000;
const DAY = 86_400_000;
const NIGHT: WeeklySpan = { days: [1, 2, 3, 4, 5, 6, 7], from: '02:00', to: '05:00' };

export function defaultForm(facts: FleetFacts): PolicyForm {
  const { devices } = facts;
  // A device without a baseline can prove nothing, and would be refused for it.
  const required = facts.withBaseline > 0 && facts.withBaseline === devices;
  const gate = (limit: number, minSamples: number, on = true, must = false): GateForm => ({ on, limit, minSamples, required: must });
  return {
    approval: 'none', start: 'now', startAt: '',
    canary: devices <= 1 ? 0 : devices <= 20 ? 1 : devices <= 200 ? 3 : 10,
    waves: devices <= 10 ? 'rest' : devices <= 1000 ? 'sizes' : 'growing',
    sizes: [{ by: 'share', value: 10 }, { by: 'share', value: 30 }],
    first: 50, factor: 3,
    ramp: { on: false, basePerMinute: 20, factor: 1.5, every: 50, maxPerMinute: 500 },
    lateJoiners: 'last_wave', minServing: 1, smallStores: 'one_at_a_time', maxAtOnce: 1,
    download: { kind: 'always', spans: [NIGHT] }, update: { kind: 'closed_hours', spans: [NIGHT] },
    gates: {
      latencyP95Ms: gate(10, 100, true, required),
      accuracy: gate(1, Math.max(1, Math.min(20, facts.checkSamples ?? 20)), facts.checkSamples !== null),
      powerW: gate(10, 10, false),
      temperatureC: gate(5, 10),
    },
    missedAtMostPercent: 0, minMeasured: 1, onGateFailure: 'roll_back', soakMinutes: 10,
    successPercent: 95, minExecuted: 1,
    failures: [{ kinds: ['failed', 'timed_out', 'rejected'], abovePercent: 10, minExecuted: Math.max(1, Math.min(5, Math.ceil(devices / 4))), scope: 'rollout' }],
    retries: { max: 3, baseMinutes: 1, factor: 2, maxMinutes: 60 },
    timeoutMinutes: { downloading: 60, verifying: 10, benchmarking: 15, swapping: 5, confirming: 10, rolling_back: 10, wave: 1440 },
    jitterS: devices <= 50 ? 0 : 60,
    tailDays: 7,
  };
}

export function policyOf(form: PolicyForm): RolloutPolicy {
  const schedule = ({ kind, spans }: ScheduleForm): RolloutPolicy['update'] => (kind === 'weekly' ? { kind, spans: spans.map((span) => ({ ...span, days: [...span.days].sort((a, b) => a - b) })) } : { kind });
  const minutes = (value: number): number => Math.round(value * MINUTE);
  const timeouts = form.timeoutMinutes;
  return {
    approval: form.approval,
    startAtMs: form.start === 'at' ? new Date(form.startAt).getTime() : null,
    canary: form.canary,
    waves: form.waves === 'growing' ? { kind: 'growing', first: form.first, factor: form.factor } : { kind: 'sizes', sizes: form.waves === 'rest' ? [] : form.sizes.map(({ by, value }) => (by === 'count' ? { by, count: value } : { by, share: value / 100 })) },
    ramp: form.ramp.on ? { basePerMinute: form.ramp.basePerMinute, factor: form.ramp.factor, every: form.ramp.every, maxPerMinute: form.ramp.maxPerMinute } : null,
    store: { minServing: form.minServing, smallStores: form.smallStores, maxAtOnce: form.maxAtOnce },
    download: schedule(form.download),
    update: schedule(form.update),
    success: { atLeastShare: form.successPercent / 100, minExecuted: form.minExecuted },
    failures: form.failures.map(({ kinds, abovePercent, minExecuted, scope }) => ({ kinds: [...kinds], aboveShare: abovePercent / 100, minExecuted, scope })),
    gates: METRICS.filter((metric) => form.gates[metric].on).map((metric) => gateOf(metric, form.gates[metric])),
    waveGates: { missedAtMostShare: form.missedAtMostPercent / 100, minDevices: form.minMeasured },
    onGateFailure: form.onGateFailure,
    soakMs: minutes(form.soakMinutes),
    retries: { max: form.retries.max, baseMs: minutes(form.retries.baseMinutes), factor: form.retries.factor, maxMs: minutes(form.retries.maxMinutes) },
    timeoutsMs: {
      downloading: minutes(timeouts.downloading), verifying: minutes(timeouts.verifying), benchmarking: minutes(timeouts.benchmarking), swapping: minutes(timeouts.swapping),
      confirming: minutes(timeouts.confirming), rolling_back: minutes(timeouts.rolling_back), wave: minutes(timeouts.wave),
    },
    jitterMs: Math.round(form.jitterS * 1000),
    lateJoiners: form.lateJoiners,
    tailMs: Math.round(form.tailDays * DAY),
  };
}

function gateOf(metric: Metric, { limit, minSamples, required }: GateForm): FleetGate {
  if (metric === 'accuracy') return { metric, compare: 'difference', limit: -limit / 100, minSamples, required };
  if (metric === 'temperatureC') return { metric, compare: 'difference', limit, minSamples, required };
  return { metric, compare: 'ratio', limit: 1 + limit / 100, minSamples, required };
}

/** What has to be mended before it is a policy, as keys of the page's words. */
export function problemsOf(form: PolicyForm): readonly ('startAt' | 'sizes' | 'spans' | 'kinds')[] {
  const spansWrong = ({ kind, spans }: ScheduleForm): boolean => kind === 'weekly' && (spans.length === 0 || spans.some(({ days, from, to }) => days.length === 0 || from === '' || to === ''));
  return [
    ...(form.start === 'at' && !Number.isFinite(new Date(form.startAt).getTime()) ? (['startAt'] as const) : []),
    ...(form.waves === 'sizes' && form.sizes.some(({ by, value }) => value <= 0 || (by === 'share' && value > 100)) ? (['sizes'] as const) : []),
    ...(spansWrong(form.download) || spansWrong(form.update) ? (['spans'] as const) : []),
    ...(form.failures.some(({ kinds }) => kinds.length === 0) ? (['kinds'] as const) : []),
  ];
}
