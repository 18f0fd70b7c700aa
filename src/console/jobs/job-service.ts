/**
 * Jobs: kept before they start, one at a time, told while they run. A job moves
 * queued -> running -> succeeded | failed | cancelled, and running -> interrupted where the host ended under it.
 */
import { join } from 'node:path';
import { EdgewiseError, toEdgewiseError } from '../../base/errors.ts';
import type { Clock } from '../../base/ports.ts';
import type { ProgressUpdate } from '../../base/progress.ts';
import type { JobRecord, OptimizeInput, OptimizeResult } from '../../contract/records/job.ts';
import type { EventHub } from '../events.ts';
import type { JobLogEntry } from '../store/jobs-repository.ts';
import type { Store } from '../store/open-store.ts';
import type { ProcessEntries } from '../processes/entries.ts';
import type { JobTask } from '../processes/messages.ts';
import type { ProcessHost } from './process-host.ts';
import { runJobProcess, type JobLimits, type JobProcessResult } from './run-job-process.ts';
import { createTimeLeft } from './time-left.ts';

/** Progress reaches the pages at most so often, and the database less often. */
const TELL_MS = 150;
const SAVE_MS = 1000;

export interface JobServiceOptions {
  readonly store: Store;
  readonly events: EventHub;
  readonly processHost: ProcessHost;
  readonly entries: ProcessEntries;
  /** Folder for workspaces. */
  readonly workspaces: string;
  /** Folder in which an interrupted job leaves what it goes on from; absent: it begins anew. */
  readonly checkpoints?: string;
  /** Folder that keeps, by job, the smallest model on which a rewrite went wrong. */
  readonly failures?: string;
  readonly limits?: JobLimits;
  readonly clock: Clock;
  readonly now: () => string;
  readonly newId: () => string;
  /** Turns a stored input into everything that the child needs. @throws where the model or recipe is gone */
  readonly prepare: (job: JobRecord) => Promise<Omit<JobTask, 'workspace' | 'inferenceChild'>>;
  /** Puts the result's file into the library, before the transaction that names it. */
  readonly storeFile: (job: JobRecord, result: JobProcessResult) => Promise<StoredResult>;
  readonly onFault: (where: string, error: unknown) => void;
}

/** A result whose file is safe on disk and whose records are not written yet. */
export interface StoredResult {
  /** Writes the records; runs inside a transaction. */
  commit(): OptimizeResult;
  /** Tells the pages, after the transaction. */
  announce(): void;
}

export interface JobService {
  start(input: OptimizeInput, title: string): JobRecord;
  list(): JobRecord[];
  get(id: string): JobRecord;
  log(id: string): JobLogEntry[];
  /** Resolves once the job has ended and left nothing. A job that has ended already stays as it is. */
  cancel(id: string): Promise<JobRecord>;
  retry(id: string): JobRecord;
  remove(id: string): void;
  /** True while a job that is queued or running needs this model. */
  uses(modelId: string): boolean;
  /** Resolves once no job runs and none is queued. */
  idle(): Promise<void>;
  /** Process id of the running job's child, for tests and diagnosis. */
  runningPid(): number | undefined;
  /** Ends the running job, which stays `interrupted` and can be run again; queued ones stay queued. */
  close(): Promise<void>;
}

interface Running {
  readonly id: string;
  readonly abort: AbortController;
  readonly ended: Promise<void>;
  pid: number | undefined;
}

export function createJobService(options: JobServiceOptions): JobService {
  const { store, events, clock, now } = options;
  let running: Running | undefined;
  /** The running job as it stands, ahead of what is saved. */
  let current: JobRecord | undefined;
  let closing = false;
  let idleWaiters: (() => void)[] = [];

  markInterrupted('The program ended while this job was running.');

  function markInterrupted(message: string): void {
    for (const job of store.jobs.inState('running')) {
      const error = new EdgewiseError('INTERRUPTED', message, { hint: 'Nothing was changed. Run the job again.' });
      save({ ...job, state: 'interrupted', error: error.toRecord(), endedAt: now() });
    }
  }

  function save(job: JobRecord): JobRecord {
    store.jobs.update(job);
    events.emit({ type: 'job.updated', job });
    return job;
  }

  function find(id: string): JobRecord {
    const job = current?.id === id ? current : store.jobs.get(id);
    if (job === undefined) throw new EdgewiseError('NOT_FOUND', `There is no job with the id "${id}".`);
    return job;
  }

  function pump(): void {
    if (running || closing) return;
    const next = store.jobs.inState('queued')[0];
    if (next === undefined) {
      for (const waiter of idleWaiters) waiter();
      idleWaiters = [];
      return;
    }
    const abort = new AbortController();
    const entry: Running = { id: next.id, abort, pid: undefined, ended: Promise.resolve().then(() => run(next, abort.signal)) };
    running = entry;
    void entry.ended.then(() => {
      running = undefined;
      pump();
    });
  }

  async function run(job: JobRecord, signal: AbortSignal): Promise<void> {
    current = save({ ...job, state: 'running', startedAt: now(), progress: { stage: 'start', fraction: 0, secondsLeft: null } });
    try {
      const task: JobTask = { ...(await options.prepare(job)), workspace: join(options.workspaces, job.id), inferenceChild: options.entries.inferenceChild, ...(options.checkpoints === undefined ? {} : { checkpoints: options.checkpoints }), ...(options.failures === undefined ? {} : { failures: join(options.failures, job.id) }) };
      await runJobProcess(
        {
          processHost: options.processHost,
          jobProcess: options.entries.jobProcess,
          task,
          signal,
          progress: tellProgress(),
          log: (level, message) => store.jobs.appendLog(job.id, { at: now(), level, message }),
          ...(options.limits === undefined ? {} : { limits: options.limits }),
          onStarted: (pid) => {
            if (running) running.pid = pid;
          },
        },
        (result) => succeed(job, result),
      );
    } catch (thrown) {
      fail(toEdgewiseError(thrown), thrown);
    } finally {
      current = undefined;
    }
  }

  async function succeed(job: JobRecord, result: JobProcessResult): Promise<void> {
    const stored = await options.storeFile(job, result);
    if (!result.gatesMet) store.jobs.appendLog(job.id, { at: now(), level: 'warn', message: gateMessage(result) });
    const done = store.transaction((): JobRecord => {
      const ended: JobRecord = {
        ...(current ?? job),
        state: 'succeeded',
        progress: { stage: 'done', fraction: 1, secondsLeft: 0 },
        result: stored.commit(),
        endedAt: now(),
      };
      store.jobs.update(ended);
      return ended;
    });
    current = done;
    stored.announce();
    events.emit({ type: 'job.updated', job: done });
  }

  function fail(error: EdgewiseError, thrown: unknown): void {
    const job = current;
    if (job === undefined || job.state !== 'running') return options.onFault('jobs', thrown);
    if (error.code === 'INTERNAL') options.onFault('jobs', thrown);
    try {
      if (error.code === 'CANCELLED' && closing) {
        const told = new EdgewiseError('INTERRUPTED', 'The program was closed while this job was running.', { hint: 'Nothing was changed. Run the job again.' });
        save({ ...job, state: 'interrupted', error: told.toRecord(), endedAt: now() });
      } else if (error.code === 'CANCELLED') {
        save({ ...job, state: 'cancelled', endedAt: now() });
      } else {
        store.jobs.appendLog(job.id, { at: now(), level: 'error', message: `${error.code}: ${error.message}` });
        save({ ...job, state: 'failed', error: error.toRecord(), endedAt: now() });
      }
    } catch (fault) {
      options.onFault('jobs', fault);
    }
  }

  function tellProgress(): (update: ProgressUpdate) => void {
    const timeLeft = createTimeLeft(clock);
    let toldAt = -Infinity;
    let savedAt = clock();
    return (update) => {
      if (current === undefined) return;
      const fraction = Math.min(1, Math.max(current.progress?.fraction ?? 0, update.fraction));
      const stageChanged = update.stage !== current.progress?.stage;
      current = {
        ...current,
        progress: { stage: update.stage, fraction, secondsLeft: timeLeft.update(fraction), ...(update.detail === undefined ? {} : { detail: update.detail }) },
      };
      const at = clock();
      if (at - savedAt >= SAVE_MS) {
        store.jobs.update(current);
        savedAt = at;
      }
      if (stageChanged || at - toldAt >= TELL_MS) {
        events.emit({ type: 'job.updated', job: current });
        toldAt = at;
      }
    };
  }

  function add(input: OptimizeInput, title: string): JobRecord {
    if (closing) throw new EdgewiseError('CONFLICT', 'Edgewise is closing; no new work is taken.');
    const job: JobRecord = {
      id: options.newId(),
      kind: 'optimize',
      title,
      state: 'queued',
      input,
      progress: null,
      result: null,
      error: null,
      createdAt: now(),
      startedAt: null,
      endedAt: null,
    };
    store.jobs.add(job);
    events.emit({ type: 'job.updated', job });
    pump();
    return job;
  }

  queueMicrotask(pump);

  return {
    start: add,
    list: () => store.jobs.list().map((job) => (job.id === current?.id ? current : job)),
    get: find,
    log: (id) => {
      find(id);
      return store.jobs.log(id);
    },
    async cancel(id) {
      const job = find(id);
      if (running?.id === id) {
        running.abort.abort();
        await running.ended;
        return find(id);
      }
      return job.state === 'queued' ? save({ ...job, state: 'cancelled', endedAt: now() }) : job;
    },
    retry(id) {
      const job = find(id);
      if (job.state === 'queued' || job.state === 'running') throw new EdgewiseError('CONFLICT', 'This job has not ended yet.', { hint: 'Cancel it first, or wait.' });
      return add(job.input, job.title);
    },
    remove(id) {
      const job = find(id);
      if (job.state === 'queued' || job.state === 'running') throw new EdgewiseError('CONFLICT', 'This job has not ended yet.', { hint: 'Cancel it first.' });
      store.jobs.remove(id);
      events.emit({ type: 'job.removed', id });
    },
    uses: (modelId) => [...store.jobs.inState('running'), ...store.jobs.inState('queued')].some((job) => job.input.modelId === modelId),
    idle: () => (running || store.jobs.inState('queued').length > 0 ? new Promise((resolve) => idleWaiters.push(resolve)) : Promise.resolve()),
    runningPid: () => running?.pid,
    async close() {
      closing = true;
      running?.abort.abort();
      await running?.ended;
    },
  };
}

function gateMessage(result: JobProcessResult): string {
  const missed = result.report.gates.filter((gate) => !gate.met);
  return `A gate of the recipe was not met: ${missed.map((gate) => `${gate.metric} ${gate.op} ${gate.value}, measured ${gate.measured ?? 'nothing'}`).join('; ')}`;
}
