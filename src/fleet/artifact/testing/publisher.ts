/** A publisher with real keys, for tests: makes a root, lists manifests and signs whatever it is told to, well or badly. */
import type { ArtifactFile, FreshnessDocument, ManifestDocument, RootDocument } from '../../../contract/records/artifact.ts';
import { signDocument } from '../documents.ts';
import { sealDocument } from '../envelope.ts';
import { generateSigner, sha256, type Signer } from '../keys.ts';
import type { DeviceFacts, UpdateDocuments } from '../verify.ts';

export const NOW = Date.parse('2026-06-01T12:00:00Z');
export const DAY_MS = 86_400_000;

export function at(ms: number): string {
  return new Date(ms).toISOString();
}

export const DEVICE: DeviceFacts = {
  hardware: 'linux-x64',
  deviceClass: 'gateway',
  workload: 'customer-flow',
  runtimes: [{ name: 'onnxruntime', version: '1.30.0', providers: ['cpu'] }],
};

export const WANTED = { artifact: 'flow' } as const;

export interface Keys {
  readonly root: readonly Signer[];
  readonly release: readonly Signer[];
  readonly freshness: readonly Signer[];
}

/** Three root keys (two of them needed), one release key, one freshness key. */
export function newKeys(): Keys {
  return { root: [generateSigner(), generateSigner(), generateSigner()], release: [generateSigner()], freshness: [generateSigner()] };
}

export function rootOf(keys: Keys, change: Partial<RootDocument> = {}): RootDocument {
  const all = [...keys.root, ...keys.release, ...keys.freshness];
  const role = (signers: readonly Signer[], threshold: number): { keyIds: string[]; threshold: number } => ({ keyIds: signers.map((signer) => signer.keyId), threshold });
  return {
    type: 'root',
    format: 1,
    version: 1,
    issuedAt: at(NOW - 30 * DAY_MS),
    expiresAt: at(NOW + 365 * DAY_MS),
    keys: Object.fromEntries(all.map((signer) => [signer.keyId, signer.publicKey])),
    roles: { root: role(keys.root, 2), release: role(keys.release, 1), freshness: role(keys.freshness, 1) },
    ...change,
  };
}

/** A file that a manifest can name, without a download behind it. */
export function plainFile(name: string, bytes: Uint8Array): ArtifactFile {
  const digest = sha256(bytes);
  return { name, length: bytes.length, sha256: digest, sources: [{ form: 'plain', blob: { sha256: digest, length: bytes.length, chunks: bytes.length === 0 ? [] : [digest] } }] };
}

export function manifestOf(version: number, change: Partial<ManifestDocument> = {}): ManifestDocument {
  return {
    type: 'manifest',
    format: 1,
    artifact: 'flow',
    version,
    issuedAt: at(NOW - DAY_MS),
    expiresAt: at(NOW + 90 * DAY_MS),
    workload: 'customer-flow',
    variants: [
      {
        hardware: 'linux-x64',
        deviceClasses: [],
        runtime: { name: 'onnxruntime', minVersion: '1.20', providers: ['cpu'] },
        files: [plainFile('model.onnx', Buffer.from(`model ${version}`))],
      },
    ],
    ...change,
  };
}

/** Lists manifests as they are, whatever they are. */
export function freshnessOf(version: number, manifests: readonly ManifestDocument[], change: Partial<FreshnessDocument> = {}): FreshnessDocument {
  return {
    type: 'freshness',
    format: 1,
    version,
    issuedAt: at(NOW - 60_000),
    expiresAt: at(NOW + DAY_MS),
    rootVersion: 1,
    manifests: manifests.map((manifest) => {
      const bytes = Buffer.from(JSON.stringify(manifest));
      return { artifact: manifest.artifact, version: manifest.version, sha256: sha256(bytes), length: bytes.length };
    }),
    ...change,
  };
}

/** Signs a manifest and a freshness document of the same number that lists it. */
export function updateOf(keys: Keys, version: number, change: { readonly manifest?: Partial<ManifestDocument>; readonly freshness?: Partial<FreshnessDocument>; readonly roots?: readonly Uint8Array[] } = {}): UpdateDocuments {
  const manifest = manifestOf(version, change.manifest);
  return {
    roots: change.roots ?? [],
    freshness: signDocument(freshnessOf(version, [manifest], change.freshness), keys.freshness),
    manifest: signDocument(manifest, keys.release),
  };
}

/** Signs anything, also what no publisher would. */
export function sealAnything(type: Parameters<typeof sealDocument>[0], value: unknown, signers: readonly Signer[]): Uint8Array {
  return sealDocument(type, typeof value === 'string' ? Buffer.from(value) : Buffer.from(JSON.stringify(value)), signers);
}
