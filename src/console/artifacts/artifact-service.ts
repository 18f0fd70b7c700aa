/**
 * Publishing for the devices. What is served is what one transaction has put into the database: a manifest and, with it, the list that
 * names it. Blobs are on the disk before that; those of a publication that was cut short are swept at the next start.
 */
import { EdgewiseError, toEdgewiseError } from '../../base/errors.ts';
import type { ManifestDocument, SigningRole } from '../../contract/records/artifact.ts';
import type { ArtifactRecord, SigningStatus } from '../../contract/rpc/rollout-routes.ts';
import { signDocument } from '../../fleet/artifact/documents.ts';
import { openDocument, sealDocument, unverifiedDocument } from '../../fleet/artifact/envelope.ts';
import type { ArtifactSource } from '../../fleet/link/http/ports.ts';
import type { EventHub } from '../events.ts';
import type { ModelLibrary } from '../models/model-library.ts';
import type { StoredManifest } from '../store/artifacts-repository.ts';
import type { Store } from '../store/open-store.ts';
import { artifactContents } from './artifact-contents.ts';
import { createBlobStore } from './blob-store.ts';
import { deltaBytes, manifestIn, packArtifact, packedBytes } from './pack-artifact.ts';
import { openSigningKeys, readSigner, type SigningKeys } from './signing-keys.ts';

export interface PublishRequest {
  readonly modelId: string;
  readonly artifact: string;
  readonly workload: string;
  readonly deviceClasses: readonly string[];
  readonly hardware: readonly string[];
  readonly validForDays: number;
}

export interface ArtifactService {
  /** Newest first, also withdrawn ones. */
  list(): ArtifactRecord[];
  /** @throws NOT_FOUND, FILE_NOT_FOUND (the model), CONFLICT (too many versions), DISK_FULL, WRITE_FAILED */
  publish(request: PublishRequest): Promise<ArtifactRecord>;
  /** @throws NOT_FOUND, CONFLICT where `confirm` is not `ARTIFACT VERSION` */
  withdraw(artifact: string, version: number, confirm: string): Promise<ArtifactRecord>;
  /** What was signed as that version; null where there is none, or it was withdrawn. */
  manifest(artifact: string, version: number): { readonly digest: string; readonly manifest: ManifestDocument } | null;
  keys(): SigningStatus;
  /** @throws CONFLICT where `confirm` is not `take the root key away`, and as SigningKeys.exportRoot */
  exportRoot(path: string, passphrase: string, confirm: string): Promise<SigningStatus>;
  /** @param root where the root key was taken to. @throws CONFLICT where `confirm` is not `new keys`, and as SigningKeys.rotate */
  rotate(roles: readonly SigningRole[], root: { readonly path: string; readonly passphrase: string } | null, confirm: string): Promise<SigningStatus>;
  /** The signed root document that a device starts to trust with; keys are made where there are none. */
  firstTrust(): Promise<Uint8Array>;
  /** For the artifact server. */
  readonly source: ArtifactSource;
  /** Ends the timer and waits for what is under way. Idempotent. */
  close(): Promise<void>;
}

export interface ArtifactServiceOptions {
  readonly store: Store;
  readonly library: ModelLibrary;
  readonly events: EventHub;
  /** For blobs. */
  readonly folder: string;
  /** For keys and root documents. */
  readonly signingFolder: string;
  /** Version of the runtime that models are measured with here. */
  readonly runtimeVersion: string;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Calls again and again. @returns a function that ends it */
  readonly every?: (ms: number, action: () => void) => () => void;
  readonly onFault?: (error: unknown) => void;
  /** Told of each step of a publication, for tests that end the process there. */
  readonly onStep?: (step: PublishStep) => void;
}

export type PublishStep = 'packed' | 'blob' | 'blobs' | 'keys' | 'manifest' | 'freshness' | 'committed';

const DAY_MS = 86_400_000;
/** How long the list of current manifests holds: so long a thief of the line may keep an update from a device unseen. */
const FRESH_MS = DAY_MS;
const TEND_MS = 600_000;
/** A list may hold no more. */
const MAX_CURRENT = 2000;
/** Versions before, as bases of differences. */
const BASES = 2;
/** Runs every operator set up to 21; for newer ones the version is asked for that the model was measured with. */
const RUNTIME_FOR_OPSET_21 = '1.18';

export async function createArtifactService(options: ArtifactServiceOptions): Promise<ArtifactService> {
  const { store, library, events, onStep = () => {}, onFault = () => {} } = options;
  const now = options.now ?? Date.now;
  const blobs = createBlobStore(options.folder);
  const keys = keysIn(options.signingFolder, now);
  let queue: Promise<unknown> = Promise.resolve();
  let closed = false;

  /** One after the other: publications, and changes of keys. */
  function alone<T>(work: () => Promise<T>): Promise<T> {
    const done = queue.then(() => {
      goOn();
      return work();
    });
    queue = done.catch(() => {});
    return done;
  }

  function goOn(): void {
    if (closed) throw new EdgewiseError('CANCELLED', 'The console is closing.');
  }

  /** Signs the list of what is current; to be called in the transaction that has changed it. */
  function signFreshness(): void {
    const root = keys.root();
    if (root === null) return;
    const at = now();
    const manifests = store.artifacts
      .current()
      .filter(({ record }) => Date.parse(record.expiresAt) > at)
      .map(({ record, envelope }) => ({ artifact: record.artifact, version: record.version, sha256: record.digest, length: unverifiedDocument('manifest', envelope).payload.length }));
    // Seconds since 1970 at the least: a database that was restored from a backup does not fall behind what devices have seen.
    const version = Math.max((store.artifacts.freshness()?.version ?? 0) + 1, Math.floor(at / 1000));
    const expiresAt = new Date(at + FRESH_MS).toISOString();
    const rootVersion = root.document.version;
    const envelope = signDocument({ type: 'freshness', format: 1, version, issuedAt: new Date(at).toISOString(), expiresAt, rootVersion, manifests }, [keys.signer('freshness')]);
    store.artifacts.setFreshness({ version, rootVersion, expiresAt, envelope });
  }

  function isFresh(share: number): boolean {
    const known = store.artifacts.freshness();
    return known !== undefined && known.rootVersion === keys.root()?.document.version && Date.parse(known.expiresAt) - now() > FRESH_MS * share;
  }

  /** After a change of keys: what is published gets the signature of the new release key. The manifests themselves, and so their digests, stay. */
  function signAgain(): void {
    const root = keys.root()?.document;
    if (root === undefined) return;
    const valid = ({ envelope }: StoredManifest): boolean => {
      try {
        return openDocument('manifest', envelope, root, 'release').payload.length > 0;
      } catch {
        return false;
      }
    };
    const old = store.artifacts.current().filter((manifest) => !valid(manifest));
    if (old.length === 0 && isFresh(0.5)) return;
    store.transaction(() => {
      if (old.length > 0) {
        const release = keys.signer('release');
        for (const { record, envelope } of old) store.artifacts.resign({ ...record, signedBy: release.keyId }, sealDocument('manifest', unverifiedDocument('manifest', envelope).payload, [release]));
      }
      signFreshness();
    });
  }

  async function tend(): Promise<void> {
    await keys.renew();
    if (keys.root() !== null && !isFresh(0.5)) signAgain();
  }

  function required(artifact: string, version: number): StoredManifest {
    const found = store.artifacts.get(artifact, version);
    if (found !== undefined) return found;
    throw new EdgewiseError('NOT_FOUND', `There is no ${artifact} version ${version}.`, { hint: 'The list of artifacts has the versions that there are.' });
  }

  async function publish(request: PublishRequest): Promise<ArtifactRecord> {
    const { artifact, workload } = request;
    const current = store.artifacts.current();
    if (current.length >= MAX_CURRENT) throw new EdgewiseError('CONFLICT', `${MAX_CURRENT} versions are published, and no more can be listed.`, { hint: 'Withdraw versions that no device runs.' });
    const contents = await artifactContents(store, library, request.modelId);
    const before = current.filter(({ record }) => record.artifact === artifact).slice(-BASES).reverse().map(({ envelope }) => manifestIn(envelope));
    const packed = await packArtifact(contents, before, blobs);
    onStep('packed');
    goOn();
    for (const [sha256, bytes] of packed.blobs) {
      await blobs.add(sha256, bytes);
      onStep('blob');
    }
    onStep('blobs');
    await keys.ensure();
    onStep('keys');
    const issuedAt = now();
    const release = keys.signer('release');
    const runtime = { name: 'onnxruntime', minVersion: contents.opset <= 21 ? RUNTIME_FOR_OPSET_21 : options.runtimeVersion, providers: ['cpu'] };
    const files = [...packed.files];
    const manifest: ManifestDocument = {
      type: 'manifest',
      format: 1,
      artifact,
      version: store.artifacts.nextVersion(artifact),
      issuedAt: new Date(issuedAt).toISOString(),
      expiresAt: new Date(issuedAt + request.validForDays * DAY_MS).toISOString(),
      workload,
      variants: [...new Set(request.hardware)].map((hardware) => ({ hardware, deviceClasses: [...new Set(request.deviceClasses)], runtime, files })),
    };
    const envelope = signDocument(manifest, [release]);
    const record: ArtifactRecord = {
      artifact,
      version: manifest.version,
      digest: unverifiedDocument('manifest', envelope).sha256,
      workload,
      modelId: request.modelId,
      modelName: contents.modelName,
      bytes: files.reduce((total, file) => total + file.length, 0),
      deltaBytes: deltaBytes(files, before[0]),
      packedBytes: packedBytes(files),
      variants: manifest.variants.map(({ hardware, deviceClasses }) => ({ hardware, deviceClasses, runtime })),
      issuedAt: manifest.issuedAt,
      expiresAt: manifest.expiresAt,
      signedBy: release.keyId,
      withdrawn: false,
      files: files.map(({ name, length }) => ({ name, bytes: length })),
      checkSamples: contents.checkSamples,
      notes: [...contents.notes],
    };
    store.transaction(() => {
      store.artifacts.add({ record, envelope }, packed.blobs.keys());
      onStep('manifest');
      signFreshness();
      onStep('freshness');
    });
    onStep('committed');
    events.emit({ type: 'artifacts.changed' });
    return record;
  }

  function status(): SigningStatus {
    const root = keys.root()?.document;
    if (root === undefined) return { rootVersion: 0, rootExpiresAt: null, roles: [], freshnessExpiresAt: null, warnings: keys.fault === null ? [] : [keys.fault.message] };
    const days = Math.floor((Date.parse(root.expiresAt) - now()) / DAY_MS);
    const roles = (['root', 'release', 'freshness'] as const).map((role) => ({ role, keyIds: root.roles[role].keyIds, threshold: root.roles[role].threshold, held: keys.holds(role) }));
    const missing = roles.filter(({ role, held }) => role !== 'root' && !held).map(({ role }) => `The private ${role} key is missing: restore it from a backup, or make a new one with the root key.`);
    const ending = days < 90 && !keys.holds('root') ? [`The root document expires in ${days} days, and its key is not here: after that no device takes an update. Renew it with the root key.`] : [];
    return { rootVersion: root.version, rootExpiresAt: root.expiresAt, roles, freshnessExpiresAt: store.artifacts.freshness()?.expiresAt ?? null, warnings: [...missing, ...ending] };
  }

  await blobs.sweep(store.artifacts.blobs());
  const tendQuietly = (): void => void alone(tend).catch((error: unknown) => (closed ? undefined : onFault(error)));
  try {
    if (keys.fault !== null) throw keys.fault;
    await keys.renew();
    signAgain();
  } catch (error) {
    // The console is of use without: keys() says what is missing.
    onFault(error);
  }
  const every = options.every ?? defaultEvery;
  const stop = every(TEND_MS, tendQuietly);

  return {
    list: () => store.artifacts.list(),
    publish: (request) => alone(() => publish(request)),
    withdraw: (artifact, version, confirm) =>
      alone(async () => {
        required(artifact, version);
        if (confirm !== `${artifact} ${version}`) throw new EdgewiseError('CONFLICT', 'Nothing was withdrawn: what was typed is not the artifact and its version.', { hint: `Type "${artifact} ${version}" to withdraw it.` });
        store.transaction(() => {
          store.artifacts.withdraw(artifact, version);
          signFreshness();
        });
        events.emit({ type: 'artifacts.changed' });
        return required(artifact, version).record;
      }),
    manifest(artifact, version) {
      const found = store.artifacts.get(artifact, version);
      return found === undefined || found.record.withdrawn ? null : { digest: found.record.digest, manifest: manifestIn(found.envelope) };
    },
    keys: status,
    exportRoot: (path, passphrase, confirm) =>
      alone(async () => {
        if (confirm !== 'take the root key away') throw new EdgewiseError('CONFLICT', 'The root key was not taken away: that was not confirmed.', { hint: 'Type "take the root key away".' });
        await keys.exportRoot(path, passphrase);
        return status();
      }),
    rotate: (roles, root, confirm) =>
      alone(async () => {
        if (confirm !== 'new keys') throw new EdgewiseError('CONFLICT', 'No key was changed: that was not confirmed.', { hint: 'Type "new keys".' });
        await keys.rotate(roles, root === null ? undefined : readSigner(root.path, root.passphrase));
        signAgain();
        events.emit({ type: 'artifacts.changed' });
        return status();
      }),
    firstTrust: () => alone(async () => (await keys.ensure()).envelope),
    source: {
      blob: async (sha256) => (store.artifacts.serves(sha256) ? blobs.open(sha256) : null),
      root: async (version) => keys.rootEnvelope(version),
      async freshness() {
        if (keys.root() === null) return null;
        if (!isFresh(0.25)) signAgain();
        return store.artifacts.freshness()?.envelope ?? null;
      },
      manifest: async (sha256) => store.artifacts.manifest(sha256) ?? null,
      time: async (nonce) => (keys.root() === null ? null : signDocument({ type: 'time', format: 1, nonce, at: new Date(now()).toISOString() }, [keys.signer('freshness')])),
    },
    async close() {
      closed = true;
      stop();
      await queue;
    },
  };
}

/** Keys that cannot be read serve nothing and make nothing; what is there is left as it is. */
function keysIn(folder: string, now: () => number): SigningKeys & { readonly fault: EdgewiseError | null } {
  try {
    return { ...openSigningKeys(folder, now), fault: null };
  } catch (error) {
    const fault = toEdgewiseError(error);
    const refuse = (): never => {
      throw fault;
    };
    const later = (): Promise<never> => Promise.reject(fault);
    return { root: () => null, rootEnvelope: () => null, holds: () => false, renew: async () => false, signer: refuse, ensure: later, rotate: later, exportRoot: later, fault };
  }
}

function defaultEvery(ms: number, action: () => void): () => void {
  const timer = setInterval(action, ms).unref();
  return () => clearInterval(timer);
}
