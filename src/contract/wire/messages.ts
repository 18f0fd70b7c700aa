/**
 * What goes over MQTT, as JSON with `format: 1`. Unknown fields are dropped, so that either side can be newer. Moments of a device are by its own
 * clock, which may be years off: the console keeps the moment of arrival beside them, and tells its own time in `welcome` and `ack`.
 */
import { z } from 'zod';
import { sha256Hex } from '../records/artifact.ts';
import { fleetId } from '../records/fleet.ts';
import { energyTier } from '../records/telemetry.ts';
import { deviceCommand, deviceReport } from '../records/rollout.ts';
import { telemetryRow } from '../records/telemetry.ts';

const format = z.literal(1);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const momentMs = z.number().finite();
const word = z.string().max(200);

/** Bytes of one message; what is longer is refused unread. */
export const MAX_MESSAGE_BYTES = 256 * 1024;

/** What a device is made of. */
export const inventory = z.object({
  agentVersion: word,
  /** `linux-x64`, `linux-arm64`. */
  hardware: word,
  cpu: word,
  cores: count,
  memoryBytes: count,
  freeDiskBytes: count,
  os: word,
  accelerators: z.array(word).max(16),
  runtimes: z.array(z.object({ name: word, version: word, providers: z.array(word).max(16) })).max(8),
  /** Best source of energy figures that it has; null: none, not even a model. */
  energy: z.object({ source: word, tier: energyTier }).nullable(),
});

/** The artifact in the active slot. `digest`: SHA-256 of its manifest, told by the program that runs it. */
export const runningArtifact = z.object({ artifact: word, version: count, digest: sha256Hex });

/** First message of a session. `birth` counts up over the device's life; a death with an older number is of a dead session. */
export const birthMessage = z.object({
  format,
  birth: count,
  atMs: momentMs,
  class: word,
  workload: word,
  /** True: everything that it reports is simulated. */
  simulated: z.boolean(),
  inventory,
  running: runningArtifact.nullable(),
  /** State of its installer. */
  install: word,
  /** Highest number of report and of telemetry batch that it has written so far. */
  reports: count,
  batches: count,
  /** The version of the desired values that it has taken over, and what it does now. */
  reported: z.object({ version: count, values: z.record(z.string(), z.unknown()) }),
});

export const deathMessage = z.object({ format, birth: count });

/** What the console wants of a device: its twin's desired side. All optional; what is left out stays as it is. */
export const desiredValues = z.object({
  telemetryEveryMs: z.number().int().min(1000).max(3_600_000).optional(),
  /** Frames a second that the workload feeds. */
  framesPerS: z.number().min(0).max(1000).optional(),
});

/** Until it has come, a device acts on no command: it does not know what time it is. */
export const welcomeMessage = z.object({
  format,
  birth: count,
  /** The console's clock. */
  nowMs: momentMs,
  /** Base of the artifact server, without a slash at its end. */
  artifactsUrl: z.string().max(500),
  ack: z.object({ reports: count, batches: count }),
  desired: z.object({ version: count, values: desiredValues }),
});

export const commandMessage = z.discriminatedUnion('kind', [
  z.object({
    format,
    kind: z.literal('rollout'),
    /** Done once, however often it comes. */
    id: word,
    rolloutId: fleetId,
    command: deviceCommand,
    /** Counts up per rollout and device; what is not higher than the last one taken is a duplicate or came out of order. */
    sequence: count,
    attempt: count,
    delayMs: count,
    /** By the console's clock. */
    validUntilMs: momentMs,
    artifact: word,
    version: count,
    /** Of the manifest. A hint only: the device believes what is signed. */
    digest: sha256Hex,
  }),
  /** Say again who you are. */
  z.object({ format, kind: z.literal('rebirth') }),
  z.object({ format, kind: z.literal('configure'), version: count, values: desiredValues }),
]);

/** `sequence` counts up over the device's whole life. Kept by the device until it is acknowledged. */
export const reportMessage = z.object({ format, sequence: count, rolloutId: fleetId, attempt: count, atMs: momentMs, report: deviceReport });

export const telemetryMessage = z.object({
  format,
  /** Counts up over the device's whole life. */
  batch: count,
  sentAtMs: momentMs,
  simulated: z.boolean(),
  /** None: the device is there and has nothing to tell; `batch` is then the last one that it has counted. */
  rows: z.array(telemetryRow).max(500),
});

/** What the console has stored: the device may forget it. */
export const ackMessage = z.object({ format, reports: count.optional(), batches: count.optional(), nowMs: momentMs });

export type Inventory = z.infer<typeof inventory>;
export type RunningArtifact = z.infer<typeof runningArtifact>;
export type BirthMessage = z.infer<typeof birthMessage>;
export type DeathMessage = z.infer<typeof deathMessage>;
export type DesiredValues = z.infer<typeof desiredValues>;
export type WelcomeMessage = z.infer<typeof welcomeMessage>;
export type CommandMessage = z.infer<typeof commandMessage>;
export type ReportMessage = z.infer<typeof reportMessage>;
export type TelemetryMessage = z.infer<typeof telemetryMessage>;
export type AckMessage = z.infer<typeof ackMessage>;
