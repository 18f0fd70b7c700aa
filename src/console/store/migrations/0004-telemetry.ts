/**
 * What devices measured: batches as they came, and what they add up to by hour, day and month. Rows in the form of 0003, which no release has written,
 * are let go; the numbers of their batches stay, so that none is counted again.
 */
import type { DatabaseSync } from 'node:sqlite';

const SUMS = `
  rows INTEGER NOT NULL, duration_ms REAL NOT NULL, inferences INTEGER NOT NULL, errors INTEGER NOT NULL, busy_ms REAL NOT NULL,
  energy_ms REAL NOT NULL, energy_j REAL NOT NULL, energy_inferences INTEGER NOT NULL,
  above_idle_ms REAL NOT NULL, above_idle_j REAL NOT NULL, above_idle_inferences INTEGER NOT NULL,
  latency_p50_weighted REAL NOT NULL, latency_p95_weighted REAL NOT NULL, latency_inferences INTEGER NOT NULL, latency_p95_max_ms REAL NOT NULL,
  temperature_weighted REAL NOT NULL, temperature_ms REAL NOT NULL, temperature_max_c REAL NOT NULL,
  cpu_weighted REAL NOT NULL, cpu_ms REAL NOT NULL,
  accuracy_right REAL NOT NULL, accuracy_samples INTEGER NOT NULL`;

export function telemetry(database: DatabaseSync): void {
  const rollup = (table: string): string => `
    CREATE TABLE ${table} (
      bucket INTEGER NOT NULL,
      device INTEGER NOT NULL,
      digest INTEGER NOT NULL,
      evidence INTEGER NOT NULL,
      ${SUMS},
      PRIMARY KEY (bucket, device, digest, evidence)
    ) STRICT, WITHOUT ROWID;`;
  database.exec(`
    DROP TABLE telemetry;
    ALTER TABLE telemetry_batches RENAME TO telemetry_numbers;
    CREATE TABLE telemetry_batches (
      device INTEGER NOT NULL REFERENCES devices (number) ON DELETE CASCADE,
      from_ms REAL NOT NULL,
      to_ms REAL NOT NULL,
      batch INTEGER NOT NULL,
      skew_ms REAL NOT NULL,
      arrived_ms REAL NOT NULL,
      packed BLOB NOT NULL,
      PRIMARY KEY (device, from_ms, batch)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE telemetry_words (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE) STRICT;
    CREATE TABLE telemetry_runs (
      device INTEGER NOT NULL,
      digest INTEGER NOT NULL,
      first_ms REAL NOT NULL,
      last_ms REAL NOT NULL,
      PRIMARY KEY (device, digest)
    ) STRICT, WITHOUT ROWID;
    ${rollup('telemetry_hours')}
    ${rollup('telemetry_days')}
    ${rollup('telemetry_months')}
  `);
}
