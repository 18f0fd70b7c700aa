import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { jobRecord, type JobRecord, type JobState } from '../../contract/records/job.ts';
import { parseColumn } from './row.ts';

export const jobLogEntry = z.object({ at: z.string(), level: z.enum(['info', 'warn', 'error']), message: z.string() });
export type JobLogEntry = z.infer<typeof jobLogEntry>;

/** The log of one job never grows past this; the first lines are kept. */
const LOG_LINES = 5000;

export interface JobsRepository {
  /** Newest first. */
  list(): JobRecord[];
  get(id: string): JobRecord | undefined;
  /** Oldest first. */
  inState(state: JobState): JobRecord[];
  add(job: JobRecord): void;
  update(job: JobRecord): void;
  remove(id: string): void;
  appendLog(id: string, entry: JobLogEntry): void;
  log(id: string): JobLogEntry[];
}

export function createJobsRepository(database: DatabaseSync): JobsRepository {
  const list = database.prepare('SELECT id, record FROM jobs ORDER BY sequence DESC');
  const get = database.prepare('SELECT id, record FROM jobs WHERE id = ?');
  const inState = database.prepare('SELECT id, record FROM jobs WHERE state = ? ORDER BY sequence');
  const add = database.prepare('INSERT INTO jobs (id, state, record) VALUES (?, ?, ?)');
  const update = database.prepare('UPDATE jobs SET state = ?, record = ? WHERE id = ?');
  const remove = database.prepare('DELETE FROM jobs WHERE id = ?');
  const count = database.prepare('SELECT count(*) AS lines FROM job_log WHERE job_id = ?');
  const append = database.prepare('INSERT INTO job_log (job_id, at, level, message) VALUES (?, ?, ?, ?)');
  const log = database.prepare('SELECT at, level, message FROM job_log WHERE job_id = ? ORDER BY sequence');
  const recordOf = (row: Record<string, unknown>): JobRecord => parseColumn(jobRecord, row['record'], `jobs ${String(row['id'])}`);
  return {
    list: () => list.all().map(recordOf),
    get(id) {
      const row = get.get(id);
      return row === undefined ? undefined : recordOf(row);
    },
    inState: (state) => inState.all(state).map(recordOf),
    add(job) {
      add.run(job.id, job.state, JSON.stringify(job));
    },
    update(job) {
      update.run(job.state, JSON.stringify(job), job.id);
    },
    remove(id) {
      remove.run(id);
    },
    appendLog(id, entry) {
      if (Number(count.get(id)?.['lines'] ?? 0) < LOG_LINES) append.run(id, entry.at, entry.level, entry.message);
    },
    log: (id) => log.all(id).map((row) => jobLogEntry.parse(row)),
  };
}
