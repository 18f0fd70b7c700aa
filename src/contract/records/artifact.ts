/**
 * What is signed for the devices, and what a device remembers of it. The rules that these obey are in docs/artifacts.md.
 * Unknown fields are refused: a new meaning needs a new `format`, which an old device then names instead of ignoring.
 */
import { z } from 'zod';

/** Every blob is checked in pieces of this many bytes while it arrives; the last one may be shorter. */
export const CHUNK_BYTES = 2 ** 20;

const format = z.literal(1);
const version = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
const moment = z.iso.datetime();
export const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);
/** Names of artifacts, workloads, device classes and hardware; never a path, never a name that objects have of their own. */
export const plainName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/);
const fileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/);
const dotted = z.string().regex(/^\d{1,6}(\.\d{1,6}){0,3}$/);
const MAX_FILE_BYTES = 2 ** 32;

function distinct(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

const role = z
  .strictObject({ keyIds: z.array(sha256Hex).min(1).max(16), threshold: z.number().int().min(1).max(16) })
  .refine((value) => distinct(value.keyIds), 'a key is named twice')
  .refine((value) => value.threshold <= value.keyIds.length, 'the threshold is above the number of keys');

export const SIGNING_ROLES = ['root', 'release', 'freshness'] as const;

/** Who may sign what. Signed offline by a threshold of the keys before it and of its own. */
export const rootDocument = z
  .strictObject({
    type: z.literal('root'),
    format,
    version,
    issuedAt: moment,
    expiresAt: moment,
    /** By key id, the SHA-256 of the raw public key: the 32 bytes of an Ed25519 public key in base64. */
    keys: z.record(sha256Hex, z.base64().length(44)),
    roles: z.strictObject({ root: role, release: role, freshness: role }),
  })
  .refine((root) => SIGNING_ROLES.every((name) => root.roles[name].keyIds.every((id) => Object.hasOwn(root.keys, id))), 'a role names a key that is not listed')
  // The freshness key is online: were it also a release key, its thief could name files.
  .refine((root) => distinct(SIGNING_ROLES.flatMap((name) => root.roles[name].keyIds)), 'a key has two roles');

export const listedManifest = z.strictObject({ artifact: plainName, version, sha256: sha256Hex, length: z.number().int().min(1).max(2 ** 24) });

/** Which manifests are current. Signed online, short-lived; pins digests of manifests and names no file. */
export const freshnessDocument = z
  .strictObject({
    type: z.literal('freshness'),
    format,
    version,
    issuedAt: moment,
    expiresAt: moment,
    /** The root that was current when this was signed. */
    rootVersion: version,
    manifests: z.array(listedManifest).max(2000),
  })
  .refine((value) => distinct(value.manifests.map((entry) => `${entry.artifact} ${entry.version}`)), 'a version is listed twice');

/** Bytes under their own digest, with a digest for each chunk. */
export const blobRecord = z
  .strictObject({ sha256: sha256Hex, length: z.number().int().min(0).max(MAX_FILE_BYTES), chunks: z.array(sha256Hex).max(MAX_FILE_BYTES / CHUNK_BYTES) })
  .refine((blob) => blob.chunks.length === Math.ceil(blob.length / CHUNK_BYTES), 'the number of chunks does not fit the length');

/** One way to get a file: as it is, packed, or as the difference to a file that the device may have. */
export const fileSource = z.discriminatedUnion('form', [
  z.strictObject({ form: z.literal('plain'), blob: blobRecord }),
  z.strictObject({ form: z.literal('zstd'), blob: blobRecord }),
  z.strictObject({ form: z.literal('zstd-delta'), base: sha256Hex, blob: blobRecord }),
]);

export const artifactFile = z
  .strictObject({ name: fileName, length: z.number().int().min(0).max(MAX_FILE_BYTES), sha256: sha256Hex, sources: z.array(fileSource).min(1).max(16) })
  .refine((file) => file.sources.some((source) => source.form !== 'zstd-delta'), 'there is no way to get the file without a base')
  .refine((file) => file.sources.every((source) => source.form !== 'plain' || (source.blob.sha256 === file.sha256 && source.blob.length === file.length)), 'a plain blob is not the file');

export const artifactVariant = z
  .strictObject({
    /** `linux-x64`, `linux-arm64`: operating system and processor. */
    hardware: plainName,
    /** Empty: any class. */
    deviceClasses: z.array(plainName).max(64),
    runtime: z.strictObject({
      name: plainName,
      /** Inclusive, compared number by number. */
      minVersion: dotted,
      /** One of these must be on the device, for example `cpu`. */
      providers: z.array(plainName).min(1).max(16),
    }),
    files: z.array(artifactFile).min(1).max(64),
  })
  // Without case: some file systems cannot hold both.
  .refine((variant) => distinct(variant.files.map((file) => file.name.toLowerCase())), 'two files have one name');

/** One version of an artifact. Signed by the release key: nothing else can name a file. */
export const manifestDocument = z.strictObject({
  type: z.literal('manifest'),
  format,
  artifact: plainName,
  version,
  issuedAt: moment,
  expiresAt: moment,
  /** What it does, for example `customer-flow`; a device takes its own workload only. */
  workload: plainName,
  /** The first that fits the device is taken. */
  variants: z.array(artifactVariant).min(1).max(64),
});

/** The time, signed by the freshness key for one question of one device. */
export const timeDocument = z.strictObject({ type: z.literal('time'), format, nonce: z.string().regex(/^[0-9a-f]{32}$/), at: moment });

/** What a device remembers, so that nothing old and nothing foreign is taken. */
export const trustState = z.strictObject({
  format,
  root: rootDocument,
  freshness: z.strictObject({ version, sha256: sha256Hex }).nullable(),
  manifests: z.array(z.strictObject({ artifact: plainName, version, sha256: sha256Hex })),
  /** The latest moment that a signature has proven to be past. */
  timeFloor: moment,
});

export type SigningRole = (typeof SIGNING_ROLES)[number];
export type RootDocument = z.infer<typeof rootDocument>;
export type FreshnessDocument = z.infer<typeof freshnessDocument>;
export type ManifestDocument = z.infer<typeof manifestDocument>;
export type TimeDocument = z.infer<typeof timeDocument>;
export type ListedManifest = z.infer<typeof listedManifest>;
export type BlobRecord = z.infer<typeof blobRecord>;
export type FileSourceRecord = z.infer<typeof fileSource>;
export type ArtifactFile = z.infer<typeof artifactFile>;
export type ArtifactVariant = z.infer<typeof artifactVariant>;
export type TrustState = z.infer<typeof trustState>;
