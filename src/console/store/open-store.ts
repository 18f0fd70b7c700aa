/**
 * The console's database. WAL with synchronous = FULL: what has been acknowledged survives a power cut. A file that is no database
 * any more is put aside with its journal, never deleted, and the person is told where it is.
 */
import { existsSync, renameSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { EdgewiseError } from '../../base/errors.ts';
import { migrate } from './migrate.ts';
import { createArtifactsRepository, type ArtifactsRepository } from './artifacts-repository.ts';
import { createDatasetsRepository, type DatasetsRepository } from './datasets-repository.ts';
import { createEnrolmentsRepository, type EnrolmentsRepository } from './enrolments-repository.ts';
import { createFleetRepository, type FleetRepository } from './fleet-repository.ts';
import { createJobsRepository, type JobsRepository } from './jobs-repository.ts';
import { createModelsRepository, type ModelsRepository } from './models-repository.ts';
import { createReportsRepository, type ReportsRepository } from './reports-repository.ts';
import { createRolloutsRepository, type RolloutsRepository } from './rollouts-repository.ts';
import { createSettingsRepository, type SettingsRepository } from './settings-repository.ts';
import { createTelemetryRepository, type TelemetryRepository } from './telemetry-repository.ts';

export interface Store {
  readonly models: ModelsRepository;
  readonly jobs: JobsRepository;
  readonly reports: ReportsRepository;
  readonly settings: SettingsRepository;
  readonly datasets: DatasetsRepository;
  readonly artifacts: ArtifactsRepository;
  readonly fleet: FleetRepository;
  readonly enrolments: EnrolmentsRepository;
  readonly telemetry: TelemetryRepository;
  readonly rollouts: RolloutsRepository;
  /** All or nothing. Not to be nested. */
  transaction<T>(work: () => T): T;
  close(): void;
}

/**
 * Opens or creates the database.
 * @param stamp makes the name under which a corrupt file is kept
 * @throws EdgewiseError STORE_CORRUPT after the file has been put aside; the next call starts with an empty one
 * @throws EdgewiseError CONFLICT where a newer version wrote it
 */
export function openStore(path: string, stamp: string): Store {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 2000;');
    checkIntegrity(database);
    migrate(database);
    return storeOf(database);
  } catch (error) {
    try {
      database?.close();
    } catch {
      // A database that cannot be read may not close either; its file is put aside all the same.
    }
    if (!isCorrupt(error)) throw error;
    const kept = putAside(path, stamp);
    throw new EdgewiseError('STORE_CORRUPT', `The database ${path} is damaged and cannot be read. It has been kept as ${kept}; model files are untouched.`, {
      hint: 'Start Edgewise again: it begins with an empty library. Import the models from the folder `models` again, or restore the database from a backup.',
      details: { path, kept },
      cause: error,
    });
  }
}

function storeOf(database: DatabaseSync): Store {
  return {
    models: createModelsRepository(database),
    jobs: createJobsRepository(database),
    reports: createReportsRepository(database),
    settings: createSettingsRepository(database),
    datasets: createDatasetsRepository(database),
    artifacts: createArtifactsRepository(database),
    fleet: createFleetRepository(database),
    enrolments: createEnrolmentsRepository(database),
    telemetry: createTelemetryRepository(database),
    rollouts: createRolloutsRepository(database),
    transaction(work) {
      database.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        database.exec('COMMIT');
        return result;
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
    },
    close() {
      database.close();
    },
  };
}

function checkIntegrity(database: DatabaseSync): void {
  const row = database.prepare('PRAGMA quick_check(1)').get() as { quick_check?: unknown } | undefined;
  if (row?.quick_check !== 'ok') throw new CorruptError(String(row?.quick_check));
}

class CorruptError extends Error {}

/** SQLITE_CORRUPT is 11, SQLITE_NOTADB 26. */
function isCorrupt(error: unknown): boolean {
  if (error instanceof CorruptError) return true;
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' && ((code & 0xff) === 11 || (code & 0xff) === 26);
}

function putAside(path: string, stamp: string): string {
  const kept = `${path}.corrupt-${stamp.replaceAll(/[^0-9A-Za-z]/g, '')}`;
  for (const suffix of ['', '-wal', '-shm']) if (existsSync(path + suffix)) renameSync(path + suffix, kept + suffix);
  return kept;
}
