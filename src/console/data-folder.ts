/**
 * The folder that one console owns. The lock is the operating system's, held through SQLite on a file of its own: it ends with the
 * process however that ends, so a stale lock cannot exist. `console.json` beside it says who holds it.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { EdgewiseError } from '../base/errors.ts';

const SQLITE_BUSY = 5;

export interface DataFolder {
  readonly root: string;
  readonly database: string;
  readonly models: string;
  /** Workspaces of running jobs; empty at every start. */
  readonly jobs: string;
  /** The smallest models on which rewrites went wrong, by job; made when there is one. */
  readonly failures: string;
  /** States of calibrations that were interrupted; made when there is one. */
  readonly checkpoints: string;
  /** Files that a page has sent and not imported yet; empty at every start. */
  readonly uploads: string;
  /** What is published for devices, by content; made when there is something. */
  readonly artifacts: string;
  /** Keys that sign for devices; made with the first artifact. */
  readonly signing: string;
  /** Authority, certificates and the embedded broker's own; made when a fleet is wanted. */
  readonly link: string;
  release(): void;
}

/** `EDGEWISE_HOME`, else the platform's folder for application data. */
export function defaultDataFolder(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const named = environment['EDGEWISE_HOME'];
  if (named !== undefined && named !== '') return named;
  if (process.platform === 'win32') return join(environment['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local'), 'Edgewise');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'Edgewise');
  return join(environment['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share'), 'edgewise');
}

/**
 * Creates the folder where it is missing and takes its lock; leftovers of jobs and uploads go.
 * @throws EdgewiseError CONFLICT where another console holds it, WRITE_FAILED where it cannot be made
 */
export function openDataFolder(root: string, now: string): DataFolder {
  const folder = { root, database: join(root, 'edgewise.sqlite'), models: join(root, 'models'), jobs: join(root, 'jobs'), failures: join(root, 'failures'), checkpoints: join(root, 'checkpoints'), uploads: join(root, 'uploads'), artifacts: join(root, 'artifacts'), signing: join(root, 'signing'), link: join(root, 'link') };
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw cannotWrite(root, error);
  }
  const lock = takeLock(root);
  try {
    writeFileSync(join(root, 'console.json'), JSON.stringify({ pid: process.pid, startedAt: now }));
    for (const path of [folder.jobs, folder.uploads]) rmSync(path, { recursive: true, force: true });
    for (const path of [folder.models, folder.jobs, folder.uploads]) mkdirSync(path, { recursive: true });
  } catch (error) {
    lock.close();
    throw cannotWrite(root, error);
  }
  return {
    ...folder,
    release() {
      rmSync(join(root, 'console.json'), { force: true });
      lock.close();
    },
  };
}

function takeLock(root: string): DatabaseSync {
  let lock: DatabaseSync;
  try {
    lock = new DatabaseSync(join(root, 'console.lock'));
  } catch (error) {
    throw cannotWrite(root, error);
  }
  try {
    lock.exec('PRAGMA journal_mode = DELETE; PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    if (((error as { errcode?: number }).errcode ?? 0) % 256 !== SQLITE_BUSY) throw cannotWrite(root, error);
    const holder = holderOf(root);
    throw new EdgewiseError('CONFLICT', `Another Edgewise${holder === undefined ? '' : ` (process ${holder})`} is using the data folder ${root}.`, {
      hint: 'Use the window or page that is already open, end that process, or name another folder in EDGEWISE_HOME.',
      details: { folder: root, ...(holder === undefined ? {} : { pid: holder }) },
      cause: error,
    });
  }
}

function holderOf(root: string): number | undefined {
  try {
    const record = JSON.parse(readFileSync(join(root, 'console.json'), 'utf8')) as { pid?: unknown };
    return typeof record.pid === 'number' ? record.pid : undefined;
  } catch {
    return undefined;
  }
}

function cannotWrite(root: string, cause: unknown): EdgewiseError {
  return new EdgewiseError('WRITE_FAILED', `The data folder ${root} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}.`, {
    hint: 'Check its permissions, or name another folder in EDGEWISE_HOME.',
    cause,
  });
}
