/** Artifacts and rollouts. */
import { z } from 'zod';
import { artifactVariant, plainName, sha256Hex } from '../records/artifact.ts';
import { fleetId } from '../records/fleet.ts';
import { auditEntry, deviceRollout, deviceRolloutState, rolloutPolicy, rolloutRecord, rolloutWave } from '../records/rollout.ts';
import { defineRoute } from './route.ts';

const none = z.object({}).strict();
const byId = z.object({ id: fleetId });

/** A published version of an artifact. */
export const artifactRecord = z.object({
  artifact: plainName,
  version: z.number().int(),
  /** SHA-256 of the signed manifest: what a device reports as running. */
  digest: sha256Hex,
  workload: plainName,
  modelId: z.string().nullable(),
  modelName: z.string(),
  bytes: z.number(),
  /** What a device that has the version before downloads; null: there is no difference to it. */
  deltaBytes: z.number().nullable(),
  packedBytes: z.number(),
  variants: z.array(z.object({ hardware: artifactVariant.shape.hardware, deviceClasses: artifactVariant.shape.deviceClasses, runtime: artifactVariant.shape.runtime })),
  issuedAt: z.string(),
  expiresAt: z.string(),
  /** Id of the release key. */
  signedBy: z.string(),
  withdrawn: z.boolean(),
  /** Files as they lie in a slot of a device. */
  files: z.array(z.object({ name: z.string(), bytes: z.number() })),
  /** Labelled samples that came along for the devices to measure accuracy on; null: none, and `notes` says why. */
  checkSamples: z.number().int().nullable(),
  /** What was included and what not, one sentence each. */
  notes: z.array(z.string()),
});

const signingRole = z.enum(['root', 'release', 'freshness']);

/** The keys that sign for the devices. `held`: the private key is in the data folder. */
export const signingStatus = z.object({
  /** 0: nothing was published yet; keys are made with the first artifact. */
  rootVersion: z.number(),
  rootExpiresAt: z.string().nullable(),
  roles: z.array(z.object({ role: signingRole, keyIds: z.array(sha256Hex), threshold: z.number(), held: z.boolean() })),
  freshnessExpiresAt: z.string().nullable(),
  /** What needs a person: a root that expires and whose key is elsewhere, a key that is missing. */
  warnings: z.array(z.string()),
});

/** A rollout with what a list and a board need of it. */
export const rolloutSummary = z.object({
  rollout: rolloutRecord,
  waves: z.array(rolloutWave.extend({ devices: z.number(), states: z.partialRecord(deviceRolloutState, z.number()) })),
  devices: z.number(),
  states: z.partialRecord(deviceRolloutState, z.number()),
  /** Devices that were not reached yet or hang, by reason: the tail. */
  tail: z.array(z.object({ reason: z.string(), devices: z.number() })),
  simulated: z.number(),
});

export const rolloutDraft = z.object({
  name: z.string().min(1).max(200),
  artifact: plainName,
  version: z.number().int().min(1),
  filter: z.string().max(2000),
  policy: rolloutPolicy,
});

/** A thing that could go wrong, found before anything is sent. */
export const rolloutRisk = z.object({
  code: z.enum(['no_target', 'offline', 'no_variant', 'wrong_workload', 'already_installed', 'store_minimum', 'no_window', 'disk', 'in_other_rollout', 'no_baseline', 'slow_link', 'no_gate', 'manifest_expires']),
  level: z.enum(['stop', 'warn', 'note']),
  text: z.string(),
  deviceIds: z.array(fleetId),
});

export const rolloutAction = z.enum(['submit', 'withdraw', 'approve', 'send_back', 'pause', 'resume', 'accept_and_resume', 'stop', 'roll_back']);

export const rolloutRoutes = {
  'artifacts.list': defineRoute({ input: none, output: z.array(artifactRecord) }),
  /** Packs and signs a model of the library as the next version. */
  'artifacts.publish': defineRoute({
    input: z.object({ modelId: z.string(), artifact: plainName, workload: plainName, deviceClasses: z.array(plainName).max(64), hardware: z.array(plainName).min(1).max(16), validForDays: z.number().int().min(1).max(3650) }),
    output: artifactRecord,
  }),
  /** No device takes it any more. `confirm` must equal `ARTIFACT VERSION`. */
  'artifacts.withdraw': defineRoute({ input: z.object({ artifact: plainName, version: z.number().int(), confirm: z.string() }), output: artifactRecord }),
  'artifacts.keys': defineRoute({ input: none, output: signingStatus }),
  /** Writes the root key to a new file, encrypted with the passphrase, and takes it out of the data folder. `confirm`: `take the root key away`. */
  'artifacts.exportRoot': defineRoute({ input: z.object({ path: z.string().min(1), passphrase: z.string().min(12).max(1000), confirm: z.string() }), output: signingStatus }),
  /** New keys for these roles; what is published is signed again. `root`: where the root key was taken away. `confirm`: `new keys`. */
  'artifacts.rotate': defineRoute({
    input: z.object({ roles: z.array(signingRole).max(3), root: z.object({ path: z.string().min(1), passphrase: z.string().max(1000) }).nullable(), confirm: z.string() }),
    output: signingStatus,
  }),

  'rollouts.list': defineRoute({ input: none, output: z.array(rolloutSummary) }),
  'rollouts.get': defineRoute({ input: byId, output: rolloutSummary }),
  'rollouts.devices': defineRoute({ input: byId, output: z.array(deviceRollout) }),
  /** Whom it would touch, in which wave, and what could go wrong; nothing is written. */
  'rollouts.preview': defineRoute({
    input: rolloutDraft,
    output: z.object({
      waves: z.array(z.object({ kind: z.enum(['canary', 'wave']), deviceIds: z.array(fleetId), stores: z.number() })),
      risks: z.array(rolloutRisk),
      filterError: z.object({ message: z.string(), at: z.number().int() }).nullable(),
      downloadBytes: z.number(),
    }),
  }),
  'rollouts.create': defineRoute({ input: rolloutDraft, output: rolloutSummary }),
  /** Another plan for a draft. `revision`: the `effects` of the rollout that was read; CONFLICT where it has moved on since, or is no draft. */
  'rollouts.edit': defineRoute({ input: byId.extend({ revision: z.number().int().min(0), draft: rolloutDraft }), output: rolloutSummary }),
  /** `confirm` must equal the rollout's name for stop, roll_back and accept_and_resume. `by`: who asks; the approver must be another person. */
  'rollouts.act': defineRoute({ input: byId.extend({ action: rolloutAction, by: z.string().min(1).max(100), note: z.string().max(1000), confirm: z.string().nullable() }), output: rolloutSummary }),
  /** One page, the newest entry first. `before`: a page's `older`, null for the first page; `older` is null where there is nothing before. */
  'rollouts.audit': defineRoute({
    input: byId.extend({ before: z.number().int().nullable(), limit: z.number().int().min(1).max(5000) }),
    output: z.object({ entries: z.array(auditEntry.extend({ sequence: z.number().int() })), older: z.number().int().nullable(), total: z.number().int() }),
  }),
  /** All of it in parts, the oldest entry first; the first part has the line of heads. `after`: a part's `next`, null for the first part; `next` is null with the last. */
  'rollouts.auditCsv': defineRoute({ input: byId.extend({ after: z.number().int().nullable() }), output: z.object({ name: z.string(), text: z.string(), next: z.number().int().nullable() }) }),
} as const;

export type SigningStatus = z.infer<typeof signingStatus>;
export type ArtifactRecord = z.infer<typeof artifactRecord>;
export type RolloutSummary = z.infer<typeof rolloutSummary>;
export type RolloutDraft = z.infer<typeof rolloutDraft>;
export type RolloutRisk = z.infer<typeof rolloutRisk>;
export type AuditPage = z.infer<(typeof rolloutRoutes)['rollouts.audit']['output']>;
export type RolloutAction = z.infer<typeof rolloutAction>;
