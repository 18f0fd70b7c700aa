/** Published artifacts: the signed manifests, the blobs that they name, and the one list of what is current. */
import type { DatabaseSync } from 'node:sqlite';

export function artifacts(database: DatabaseSync): void {
  database.exec(`
    CREATE TABLE artifacts (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      artifact TEXT NOT NULL,
      version INTEGER NOT NULL,
      sha256 TEXT NOT NULL UNIQUE,
      envelope BLOB NOT NULL,
      record TEXT NOT NULL,
      withdrawn INTEGER NOT NULL DEFAULT 0,
      UNIQUE (artifact, version)
    ) STRICT;

    CREATE TABLE artifact_blobs (
      sha256 TEXT NOT NULL,
      manifest TEXT NOT NULL REFERENCES artifacts (sha256),
      PRIMARY KEY (sha256, manifest)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE artifact_freshness (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      version INTEGER NOT NULL,
      root_version INTEGER NOT NULL,
      expires_at TEXT NOT NULL,
      envelope BLOB NOT NULL
    ) STRICT;
  `);
}
