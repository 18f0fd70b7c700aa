import type { DatabaseSync } from 'node:sqlite';
import { artifactRecord, type ArtifactRecord } from '../../contract/rpc/rollout-routes.ts';
import { parseColumn } from './row.ts';

export interface StoredManifest {
  readonly record: ArtifactRecord;
  /** The signed manifest. */
  readonly envelope: Uint8Array;
}

export interface StoredFreshness {
  readonly version: number;
  readonly rootVersion: number;
  readonly expiresAt: string;
  readonly envelope: Uint8Array;
}

export interface ArtifactsRepository {
  /** Newest first, also withdrawn ones. */
  list(): ArtifactRecord[];
  get(artifact: string, version: number): StoredManifest | undefined;
  /** What is not withdrawn, oldest first. */
  current(): StoredManifest[];
  /** One more than the highest that there ever was. */
  nextVersion(artifact: string): number;
  /** Signed manifest by its digest; not a withdrawn one. */
  manifest(sha256: string): Uint8Array | undefined;
  /** Whether a manifest that is not withdrawn names the blob. */
  serves(blob: string): boolean;
  /** Blobs of all manifests that are not withdrawn. */
  blobs(): Set<string>;
  add(manifest: StoredManifest, blobs: Iterable<string>): void;
  /** The same manifest under other signatures. */
  resign(record: ArtifactRecord, envelope: Uint8Array): void;
  withdraw(artifact: string, version: number): void;
  freshness(): StoredFreshness | undefined;
  setFreshness(freshness: StoredFreshness): void;
}

export function createArtifactsRepository(database: DatabaseSync): ArtifactsRepository {
  const columns = 'artifact, version, envelope, record, withdrawn';
  const list = database.prepare('SELECT artifact, version, record, withdrawn FROM artifacts ORDER BY sequence DESC');
  const get = database.prepare(`SELECT ${columns} FROM artifacts WHERE artifact = ? AND version = ?`);
  const current = database.prepare(`SELECT ${columns} FROM artifacts WHERE withdrawn = 0 ORDER BY sequence`);
  const highest = database.prepare('SELECT max(version) AS version FROM artifacts WHERE artifact = ?');
  const manifest = database.prepare('SELECT envelope FROM artifacts WHERE sha256 = ? AND withdrawn = 0');
  const named = 'FROM artifact_blobs JOIN artifacts ON artifacts.sha256 = artifact_blobs.manifest WHERE artifacts.withdrawn = 0';
  const serves = database.prepare(`SELECT 1 ${named} AND artifact_blobs.sha256 = ?`);
  const blobs = database.prepare(`SELECT DISTINCT artifact_blobs.sha256 AS sha256 ${named}`);
  const add = database.prepare('INSERT INTO artifacts (artifact, version, sha256, envelope, record) VALUES (?, ?, ?, ?, ?)');
  const addBlob = database.prepare('INSERT INTO artifact_blobs (sha256, manifest) VALUES (?, ?)');
  const resign = database.prepare('UPDATE artifacts SET envelope = ?, record = ? WHERE sha256 = ?');
  const withdraw = database.prepare('UPDATE artifacts SET withdrawn = 1 WHERE artifact = ? AND version = ?');
  const freshness = database.prepare('SELECT version, root_version, expires_at, envelope FROM artifact_freshness');
  const setFreshness = database.prepare('REPLACE INTO artifact_freshness (id, version, root_version, expires_at, envelope) VALUES (1, ?, ?, ?, ?)');
  const recordOf = (row: Record<string, unknown>): ArtifactRecord => ({
    ...parseColumn(artifactRecord, row['record'], `artifacts ${String(row['artifact'])} ${String(row['version'])}`),
    withdrawn: row['withdrawn'] === 1,
  });
  const storedOf = (row: Record<string, unknown>): StoredManifest => ({ record: recordOf(row), envelope: row['envelope'] as Uint8Array });
  return {
    list: () => list.all().map(recordOf),
    get(artifact, version) {
      const row = get.get(artifact, version);
      return row === undefined ? undefined : storedOf(row);
    },
    current: () => current.all().map(storedOf),
    nextVersion: (artifact) => Number(highest.get(artifact)?.['version'] ?? 0) + 1,
    manifest: (sha256) => manifest.get(sha256)?.['envelope'] as Uint8Array | undefined,
    serves: (blob) => serves.get(blob) !== undefined,
    blobs: () => new Set(blobs.all().map((row) => String(row['sha256']))),
    add({ record, envelope }, names) {
      add.run(record.artifact, record.version, record.digest, envelope, JSON.stringify(record));
      for (const name of new Set(names)) addBlob.run(name, record.digest);
    },
    resign(record, envelope) {
      resign.run(envelope, JSON.stringify(record), record.digest);
    },
    withdraw(artifact, version) {
      withdraw.run(artifact, version);
    },
    freshness() {
      const row = freshness.get();
      if (row === undefined) return undefined;
      return { version: Number(row['version']), rootVersion: Number(row['root_version']), expiresAt: String(row['expires_at']), envelope: row['envelope'] as Uint8Array };
    },
    setFreshness({ version, rootVersion, expiresAt, envelope }) {
      setFreshness.run(version, rootVersion, expiresAt, envelope);
    },
  };
}
