/** Stores, devices and what is known of them; claims, requests to join, certificates; what devices measured. */
import type { DatabaseSync } from 'node:sqlite';

export function fleet(database: DatabaseSync): void {
  database.exec(`
    CREATE TABLE stores (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;

    CREATE TABLE devices (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      store_id TEXT NOT NULL REFERENCES stores (id),
      record TEXT NOT NULL,
      seen TEXT NOT NULL
    ) STRICT;

    CREATE TABLE device_groups (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;

    CREATE TABLE device_events (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      device INTEGER NOT NULL REFERENCES devices (number) ON DELETE CASCADE,
      at_ms REAL NOT NULL,
      kind TEXT NOT NULL,
      text TEXT NOT NULL,
      rollout_id TEXT
    ) STRICT;
    CREATE INDEX device_events_of ON device_events (device, sequence);

    CREATE TABLE claims (
      secret_sha256 TEXT PRIMARY KEY,
      device_id TEXT NOT NULL,
      record TEXT NOT NULL,
      expires_at_ms REAL NOT NULL,
      enrolment_id TEXT
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE enrolments (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      secret_sha256 TEXT NOT NULL UNIQUE,
      csr_pem TEXT NOT NULL,
      certificate_pem TEXT,
      record TEXT NOT NULL
    ) STRICT;

    CREATE TABLE certificates (
      fingerprint TEXT PRIMARY KEY,
      device_id TEXT NOT NULL,
      key_fingerprint TEXT NOT NULL,
      until_ms REAL NOT NULL,
      revoked_at_ms REAL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX certificates_of ON certificates (device_id);

    CREATE TABLE telemetry_batches (device INTEGER NOT NULL, batch INTEGER NOT NULL, PRIMARY KEY (device, batch)) STRICT, WITHOUT ROWID;
    CREATE TABLE telemetry (
      device INTEGER NOT NULL,
      from_ms INTEGER NOT NULL,
      batch INTEGER NOT NULL,
      at INTEGER NOT NULL,
      row TEXT NOT NULL,
      PRIMARY KEY (device, from_ms, batch, at)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE rollouts (id TEXT PRIMARY KEY, record TEXT NOT NULL, stores TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE rollout_waves (rollout_id TEXT NOT NULL, number INTEGER NOT NULL, record TEXT NOT NULL, PRIMARY KEY (rollout_id, number)) STRICT, WITHOUT ROWID;
    CREATE TABLE rollout_devices (rollout_id TEXT NOT NULL, device_id TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (rollout_id, device_id)) STRICT, WITHOUT ROWID;
    CREATE TABLE rollout_audit (sequence INTEGER PRIMARY KEY AUTOINCREMENT, rollout_id TEXT NOT NULL, effect_id TEXT NOT NULL, entry TEXT NOT NULL, UNIQUE (rollout_id, effect_id)) STRICT;
    CREATE TABLE rollout_commands (
      rollout_id TEXT NOT NULL,
      device_id TEXT NOT NULL,
      sequence INTEGER NOT NULL,
      message TEXT NOT NULL,
      PRIMARY KEY (rollout_id, device_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX rollout_commands_of ON rollout_commands (device_id);
  `);
}
