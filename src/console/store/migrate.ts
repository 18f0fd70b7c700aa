/** Brings a database up to date: one function per version, in order, each in a transaction with the version it reaches. */
import type { DatabaseSync } from 'node:sqlite';
import { EdgewiseError } from '../../base/errors.ts';
import { libraryAndJobs } from './migrations/0001-library-and-jobs.ts';
import { artifacts } from './migrations/0002-artifacts.ts';
import { fleet } from './migrations/0003-fleet.ts';
import { telemetry } from './migrations/0004-telemetry.ts';
import { auditPages } from './migrations/0005-audit-pages.ts';

export type Migration = (database: DatabaseSync) => void;

/** Migration n (from 1) takes version n - 1 to n. Only append: a migration that has been released never changes. */
export const migrations: readonly Migration[] = [libraryAndJobs, artifacts, fleet, telemetry, auditPages];

/** @throws EdgewiseError CONFLICT where a newer Edgewise has written the database */
export function migrate(database: DatabaseSync, steps: readonly Migration[] = migrations): { readonly from: number; readonly to: number } {
  const from = versionOf(database);
  if (from > steps.length) {
    throw new EdgewiseError('CONFLICT', `The database has version ${from}; this Edgewise knows versions up to ${steps.length}.`, {
      hint: 'A newer Edgewise has used this data folder. Update Edgewise, or name another folder in EDGEWISE_HOME.',
    });
  }
  for (const [index, step] of steps.entries()) {
    const version = index + 1;
    if (version <= from) continue;
    database.exec('BEGIN IMMEDIATE');
    try {
      step(database);
      database.exec(`PRAGMA user_version = ${version}`);
      database.exec('COMMIT');
    } catch (error) {
      database.exec('ROLLBACK');
      throw error;
    }
  }
  return { from, to: steps.length };
}

function versionOf(database: DatabaseSync): number {
  const row = database.prepare('PRAGMA user_version').get() as { user_version?: unknown } | undefined;
  return Number(row?.user_version ?? 0);
}
