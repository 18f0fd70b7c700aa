/** An artifact's files in every form that is worth it, with the versions before as bases of differences. */
import type { ArtifactFile, ManifestDocument } from '../../contract/records/artifact.ts';
import { packFile } from '../../fleet/artifact/pack.ts';
import { parseDocument } from '../../fleet/artifact/documents.ts';
import { unverifiedDocument } from '../../fleet/artifact/envelope.ts';
import type { ArtifactContents } from './artifact-contents.ts';
import type { BlobStore } from './blob-store.ts';

export interface PackedArtifact {
  readonly files: readonly ArtifactFile[];
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

/** One's own manifest, read back from the store. */
export function manifestIn(envelope: Uint8Array): ManifestDocument {
  return parseDocument('manifest', unverifiedDocument('manifest', envelope));
}

/** @param before manifests of versions that devices may have, the newest first */
export async function packArtifact(contents: ArtifactContents, before: readonly ManifestDocument[], blobs: BlobStore): Promise<PackedArtifact> {
  const files: ArtifactFile[] = [];
  const all = new Map<string, Uint8Array>();
  for (const { name, bytes } of contents.files) {
    const bases = new Set(before.flatMap((manifest) => manifest.variants.flatMap((variant) => variant.files.filter((file) => file.name === name).map((file) => file.sha256))));
    const found = await Promise.all([...bases].map((sha256) => blobs.read(sha256)));
    const packed = await packFile(name, bytes, found.filter((base) => base !== null));
    files.push(packed.file);
    for (const [sha256, blob] of packed.blobs) all.set(sha256, blob);
  }
  return { files, blobs: all };
}

/** What a device downloads that has none of the files, bytes. */
export function packedBytes(files: readonly ArtifactFile[]): number {
  return sum(files.map((file) => least(file, () => false)));
}

/** What a device downloads that has the files of the version before; null: it has none of them, nor a base for one. */
export function deltaBytes(files: readonly ArtifactFile[], before: ManifestDocument | undefined): number | null {
  const had = new Set(before?.variants.flatMap((variant) => variant.files.map((file) => file.sha256)));
  const helped = files.some((file) => had.has(file.sha256) || file.sources.some((source) => source.form === 'zstd-delta' && had.has(source.base)));
  return helped ? sum(files.map((file) => (had.has(file.sha256) ? 0 : least(file, (base) => had.has(base))))) : null;
}

function least(file: ArtifactFile, has: (base: string) => boolean): number {
  return Math.min(...file.sources.filter((source) => source.form !== 'zstd-delta' || has(source.base)).map((source) => source.blob.length));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
