/** A rollout: whom it touches, in which order, under which guards, and what became of each device. The rules stand in the headers of src/fleet/rollout. */
import { z } from 'zod';
import { sha256Hex } from './artifact.ts';
import { fleetId, schedule, timeZone, weeklySpan } from './fleet.ts';

const share = z.number().min(0).max(1);
const count = z.number().int().min(0);
const durationMs = z.number().int().min(0).max(366 * 86_400_000);
const momentMs = z.number();

export const rolloutState = z.enum(['draft', 'awaiting_approval', 'scheduled', 'running', 'paused', 'finished', 'stopping', 'stopped', 'rolling_back', 'rolled_back']);
export const waveState = z.enum(['pending', 'running', 'soaking', 'passed', 'failed']);
export const deviceRolloutState = z.enum([
  'queued', 'downloading', 'verifying', 'staged', 'waiting_window', 'benchmarking', 'swapping', 'confirming', 'succeeded',
  'failed', 'rolling_back', 'rolled_back', 'rejected', 'timed_out', 'cancelled', 'removed', 'already_installed',
]);

export const fleetMetric = z.enum(['latencyP95Ms', 'accuracy', 'powerW', 'temperatureC']);

/** What a device measured, each figure with the number of samples behind it. A metric that it cannot measure is left out. */
export const fleetMeasurements = z.partialRecord(fleetMetric, z.strictObject({ value: z.number(), samples: count }));

/** A limit on a measured metric against the same device's own baseline. `ratio`: candidate / baseline; `difference`: candidate - baseline. */
export const fleetGate = z.strictObject({
  metric: fleetMetric,
  compare: z.enum(['ratio', 'difference']),
  /** Accuracy must not be below `limit`, everything else not above. */
  limit: z.number(),
  /** On either side; below it the gate says `unproven`. */
  minSamples: z.number().int().min(1),
  /** False: `unproven` lets pass, for metrics that only some devices can measure. */
  required: z.boolean(),
});

export const fleetGateResult = z.strictObject({
  gate: fleetGate,
  verdict: z.enum(['met', 'missed', 'unproven']),
  /** null: nothing to compare. */
  measured: z.number().nullable(),
});

export const failureKind = z.enum(['failed', 'timed_out', 'rejected']);

/** Too many failures of these kinds. `minExecuted`: so many devices must have ended, well or badly, before it can bite. */
export const failureRule = z.strictObject({ kinds: z.array(failureKind).min(1), aboveShare: share, minExecuted: z.number().int().min(1), scope: z.enum(['wave', 'rollout']) });

export const waveSize = z.discriminatedUnion('by', [
  z.strictObject({ by: z.literal('count'), count: z.number().int().min(1) }),
  /** Of all targets. */
  z.strictObject({ by: z.literal('share'), share: z.number().gt(0).max(1) }),
]);

export const rolloutPolicy = z.strictObject({
  approval: z.enum(['none', 'other_person']),
  startAtMs: momentMs.nullable(),
  canary: z.number().int().min(0),
  /** What is left over after these is the last wave. */
  waves: z.union([
    z.strictObject({ kind: z.literal('sizes'), sizes: z.array(waveSize).max(50) }),
    z.strictObject({ kind: z.literal('growing'), first: z.number().int().min(1), factor: z.number().min(1).max(100) }),
  ]),
  /** Starts a minute: `basePerMinute * factor ^ floor(succeeded / every)`, not above `maxPerMinute`. null: no limit. */
  ramp: z.strictObject({ basePerMinute: z.number().gt(0), factor: z.number().min(1), every: z.number().int().min(1), maxPerMinute: z.number().gt(0) }).nullable(),
  /** Devices of a store that keep serving. `smallStores`: where the minimum leaves no room at all, wait, or update one at a time. */
  store: z.strictObject({ minServing: count, smallStores: z.enum(['wait', 'one_at_a_time']), maxAtOnce: z.number().int().min(1) }),
  download: schedule,
  update: schedule,
  success: z.strictObject({ atLeastShare: share, minExecuted: z.number().int().min(1) }),
  failures: z.array(failureRule).max(20),
  gates: z.array(fleetGate).max(20),
  /** Over a wave, after soaking: no more than this share of the measured devices may miss a gate, and at least so many must be measured. */
  waveGates: z.strictObject({ missedAtMostShare: share, minDevices: z.number().int().min(1) }),
  onGateFailure: z.enum(['pause', 'stop', 'roll_back']),
  soakMs: durationMs,
  retries: z.strictObject({ max: z.number().int().min(0).max(10), baseMs: durationMs, factor: z.number().min(1), maxMs: durationMs }),
  timeoutsMs: z.strictObject({ downloading: durationMs, verifying: durationMs, benchmarking: durationMs, swapping: durationMs, confirming: durationMs, rolling_back: durationMs, wave: durationMs }),
  /** A start is put off by up to this, so that a thousand devices do not ask in the same second. */
  jitterMs: durationMs,
  lateJoiners: z.enum(['ignore', 'last_wave']),
  /** After the last wave has passed, devices that were never reached are waited for this long. */
  tailMs: durationMs,
});

export const pauseReason = z.enum(['person', 'failure_rule', 'success_gate', 'measured_gate', 'gate_unproven', 'sample_too_small']);

export const rolloutRecord = z.strictObject({
  id: fleetId,
  name: z.string().min(1).max(200),
  author: z.string().min(1),
  approvedBy: z.string().nullable(),
  filter: z.string(),
  /** The manifest to install, and what the device's slot reports when it runs it. */
  artifact: z.string(),
  version: z.number().int().min(1),
  digest: sha256Hex,
  policy: rolloutPolicy,
  state: rolloutState,
  pause: z.strictObject({ reason: pauseReason, note: z.string() }).nullable(),
  createdAtMs: momentMs,
  startedAtMs: momentMs.nullable(),
  endedAtMs: momentMs.nullable(),
  /** When the last wave passed: from then on only the tail is waited for. */
  tailSinceMs: momentMs.nullable(),
  /** A person has seen so many failures and let it go on; rules over the whole rollout bite again at the next one. */
  acceptedFailures: count,
  rampTokens: z.number(),
  rampAtMs: momentMs.nullable(),
  /** Number of the last effect of the rollout itself. */
  effects: count,
});

export const rolloutWave = z.strictObject({
  index: count,
  kind: z.enum(['canary', 'wave']),
  state: waveState,
  startedAtMs: momentMs.nullable(),
  soakUntilMs: momentMs.nullable(),
  endedAtMs: momentMs.nullable(),
  reason: z.string().nullable(),
  /** Who let it pass although a gate said no. */
  acceptedBy: z.string().nullable(),
});

export const deviceRollout = z.strictObject({
  deviceId: fleetId,
  storeId: fleetId,
  wave: count,
  /** Its place in the plan; starts go in this order. */
  order: count,
  state: deviceRolloutState,
  /** Why it is where it is: what it waits for, or what went wrong. */
  reason: z.string().nullable(),
  failure: failureKind.nullable(),
  online: z.boolean(),
  /** Retries used. */
  attempt: count,
  /** True from the moment it was told to swap: it may run the new slot. */
  touched: z.boolean(),
  /** A rollback was ordered, whatever came of it; it is not ordered twice. */
  rollBackOrdered: z.boolean(),
  previousDigest: z.string().nullable(),
  sinceMs: momentMs,
  notBeforeMs: momentMs,
  deadlineMs: momentMs.nullable(),
  bytesDone: count,
  /** Number of the newest report taken; older ones are duplicates or late. */
  reports: count,
  /** Number of its last effect: commands to a device only ever count up. */
  effects: count,
  baseline: fleetMeasurements.nullable(),
  candidate: fleetMeasurements.nullable(),
  /** Judged before the swap, from the benchmark. */
  gates: z.array(fleetGateResult),
  /** What the new slot measured in service, against the same baseline; null: nothing told yet. */
  serviceGates: z.array(fleetGateResult).nullable(),
});

/** How a store bears on the rollout, copied when it was planned. */
export const rolloutStore = z.strictObject({ id: fleetId, timeZone, openingHours: z.array(weeklySpan), devices: z.number().int().min(1) });

/** All of a rollout, as it is kept. */
export const rolloutSnapshot = z.strictObject({ rollout: rolloutRecord, waves: z.array(rolloutWave).min(1), stores: z.array(rolloutStore), devices: z.array(deviceRollout) });

export const deviceCommand = z.enum(['prepare', 'benchmark', 'swap', 'discard', 'roll_back']);

export const auditEntry = z.strictObject({
  atMs: momentMs,
  actor: z.strictObject({ kind: z.enum(['person', 'device', 'engine']), id: z.string() }),
  rolloutId: fleetId,
  subject: z.strictObject({ kind: z.enum(['rollout', 'wave', 'device']), id: z.string() }),
  event: z.string(),
  from: z.string(),
  to: z.string(),
  note: z.string(),
});

/** What is to be done. The id is the key by which it is done once, however often it is delivered. */
export const rolloutEffect = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('command'), id: z.string(), deviceId: fleetId, command: deviceCommand, sequence: count, attempt: count,
    /** The device waits this long first. */
    delayMs: durationMs,
    /** The device must not begin after this. */
    validUntilMs: momentMs,
  }),
  z.strictObject({ kind: z.literal('wake'), id: z.string(), atMs: momentMs }),
  z.strictObject({ kind: z.literal('audit'), id: z.string(), entry: auditEntry }),
  z.strictObject({ kind: z.literal('notify'), id: z.string(), about: z.enum(['approval_wanted', 'paused', 'wave_failed', 'rolling_back', 'ended', 'runs_again']), note: z.string() }),
]);

/** What a device says. `sequence` counts up over the device's whole life; `attempt` is that of the command it answers. */
export const deviceReport = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('downloading'), bytesDone: count }),
  z.strictObject({ kind: z.literal('shed'), retryAfterMs: durationMs }),
  z.strictObject({ kind: z.literal('verifying') }),
  z.strictObject({ kind: z.literal('staged') }),
  z.strictObject({ kind: z.literal('benchmarked'), baseline: fleetMeasurements, candidate: fleetMeasurements }),
  z.strictObject({ kind: z.literal('confirming') }),
  z.strictObject({ kind: z.literal('running'), digest: sha256Hex }),
  z.strictObject({ kind: z.literal('measured'), measurements: fleetMeasurements }),
  z.strictObject({ kind: z.literal('fault'), code: z.string(), retry: z.boolean() }),
  z.strictObject({ kind: z.literal('refused'), code: z.string() }),
  z.strictObject({ kind: z.literal('rolled_back'), code: z.string() }),
]);

export type RolloutStateName = z.infer<typeof rolloutState>;
export type WaveStateName = z.infer<typeof waveState>;
export type DeviceStateName = z.infer<typeof deviceRolloutState>;
export type FleetMeasurements = z.infer<typeof fleetMeasurements>;
export type FleetGate = z.infer<typeof fleetGate>;
export type FleetGateResult = z.infer<typeof fleetGateResult>;
export type FailureKind = z.infer<typeof failureKind>;
export type RolloutPolicy = z.infer<typeof rolloutPolicy>;
export type PauseReason = z.infer<typeof pauseReason>;
export type RolloutRecord = z.infer<typeof rolloutRecord>;
export type RolloutWave = z.infer<typeof rolloutWave>;
export type DeviceRollout = z.infer<typeof deviceRollout>;
export type RolloutStore = z.infer<typeof rolloutStore>;
export type RolloutSnapshot = z.infer<typeof rolloutSnapshot>;
export type DeviceCommand = z.infer<typeof deviceCommand>;
export type AuditEntry = z.infer<typeof auditEntry>;
export type RolloutEffect = z.infer<typeof rolloutEffect>;
export type DeviceReport = z.infer<typeof deviceReport>;
