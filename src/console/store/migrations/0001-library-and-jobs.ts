/** The first tables: the model library, jobs with their log, reports, settings, and data sets used before. */
import type { DatabaseSync } from 'node:sqlite';

export function libraryAndJobs(database: DatabaseSync): void {
  database.exec(`
    CREATE TABLE models (
      id TEXT PRIMARY KEY,
      name TEXT NOT NULL,
      sha256 TEXT NOT NULL,
      record TEXT NOT NULL,
      facts TEXT NOT NULL,
      created_at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX models_by_sha256 ON models (sha256);

    CREATE TABLE jobs (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      state TEXT NOT NULL,
      record TEXT NOT NULL
    ) STRICT;
    CREATE INDEX jobs_by_state ON jobs (state);

    CREATE TABLE job_log (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
      at TEXT NOT NULL,
      level TEXT NOT NULL,
      message TEXT NOT NULL
    ) STRICT;
    CREATE INDEX job_log_by_job ON job_log (job_id, sequence);

    CREATE TABLE reports (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      job_id TEXT NOT NULL,
      from_model_id TEXT NOT NULL,
      to_model_id TEXT NOT NULL,
      created_at TEXT NOT NULL,
      report TEXT NOT NULL
    ) STRICT;
    CREATE INDEX reports_by_from ON reports (from_model_id);
    CREATE INDEX reports_by_to ON reports (to_model_id);

    CREATE TABLE settings (
      key TEXT PRIMARY KEY,
      value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE recent_datasets (
      path TEXT PRIMARY KEY,
      name TEXT NOT NULL,
      sample INTEGER NOT NULL,
      used_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
  `);
}
