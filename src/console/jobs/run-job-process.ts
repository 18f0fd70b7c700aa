/**
 * One job in one child process, from start to outcome. The host that calls this keeps or drops what comes out; this keeps watch: it
 * cancels first by asking and then by ending the process, caps memory and time, and names a crash.
 */
import { readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { EdgewiseError, cancelled } from '../../base/errors.ts';
import type { ProgressUpdate } from '../../base/progress.ts';
import type { OptimizeReport } from '../../contract/records/report.ts';
import { fromJobProcess, type JobTask, type ToJobProcess } from '../processes/messages.ts';
import type { ChildExit, ChildHandle, ProcessHost } from './process-host.ts';

export interface JobLimits {
  /** Resident memory of the job process itself; the runtime caps its own child. */
  readonly memoryBytes: number;
  readonly seconds: number;
}

export const defaultJobLimits: JobLimits = { memoryBytes: Math.max(1 << 30, Math.floor(totalmem() * 0.75)), seconds: 6 * 3600 };

/** Time that a job has for ending by itself after a cancel. */
const CANCEL_GRACE_MS = 400;
const WATCH_MS = 500;
/** The tail of what a child printed, kept for the log of a crash. */
const OUTPUT_TAIL = 4000;

export interface JobProcessResult {
  readonly outputPath: string;
  readonly report: OptimizeReport;
  readonly gatesMet: boolean;
}

export interface RunJobOptions {
  readonly processHost: ProcessHost;
  readonly jobProcess: string;
  readonly task: JobTask;
  readonly signal: AbortSignal;
  readonly progress: (update: ProgressUpdate) => void;
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void;
  readonly limits?: JobLimits;
  /** Process id of the job process, once started; for tests and diagnosis. */
  readonly onStarted?: (pid: number | undefined) => void;
}

/**
 * Runs the task and hands its result to `keep` while the workspace still exists; afterwards the workspace is gone in every case.
 * @throws EdgewiseError what the job failed with; CANCELLED; RUNTIME_CRASHED where the process ended by itself; RESOURCE_LIMIT
 */
export async function runJobProcess<T>(options: RunJobOptions, keep: (result: JobProcessResult) => Promise<T>): Promise<T> {
  const { task, signal } = options;
  if (signal.aborted) throw cancelled();
  await mkdir(task.workspace, { recursive: true });
  const child = options.processHost.fork(options.jobProcess, []);
  const exited = new Promise<ChildExit>((resolve) => child.onExit(resolve));
  options.onStarted?.(child.pid);
  const grandchildren = new Set<number>();
  try {
    const result = await outcome(child, exited, options, grandchildren);
    const kept = await keep(result);
    child.send({ type: 'release' } satisfies ToJobProcess);
    return kept;
  } finally {
    child.kill();
    for (const pid of grandchildren) endProcess(pid);
    await exited;
    await rm(task.workspace, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}

function outcome(child: ChildHandle, exited: Promise<ChildExit>, options: RunJobOptions, grandchildren: Set<number>): Promise<JobProcessResult> {
  const { task, signal, limits = defaultJobLimits } = options;
  let output = '';
  let stage = 'start';
  child.onOutput((text) => {
    output = (output + text).slice(-OUTPUT_TAIL);
  });
  return new Promise((resolve, reject) => {
    let watch: NodeJS.Timeout | undefined;
    let grace: NodeJS.Timeout | undefined;
    const started = performance.now();
    const settle = (action: () => void): void => {
      clearInterval(watch);
      clearTimeout(grace);
      signal.removeEventListener('abort', onAbort);
      action();
    };
    const fail = (error: EdgewiseError): void => settle(() => reject(signal.aborted ? cancelled() : error));
    const onAbort = (): void => {
      child.send({ type: 'cancel' } satisfies ToJobProcess);
      grace = setTimeout(() => fail(cancelled()), CANCEL_GRACE_MS);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    child.onMessage((raw) => {
      const parsed = fromJobProcess.safeParse(raw);
      if (!parsed.success) return fail(new EdgewiseError('INTERNAL', `The job process sent a message that cannot be read: ${parsed.error.issues[0]?.path.join('.') ?? ''} ${parsed.error.issues[0]?.message ?? ''}`));
      const message = parsed.data;
      switch (message.type) {
        case 'progress':
          stage = message.stage;
          options.progress({ stage: message.stage, fraction: message.fraction, ...(message.detail === undefined ? {} : { detail: message.detail }) });
          break;
        case 'log':
          options.log(message.level, message.message);
          break;
        case 'children':
          grandchildren.clear();
          for (const pid of message.pids) grandchildren.add(pid);
          break;
        case 'failed':
          fail(EdgewiseError.fromRecord(recordOf(message.error)));
          break;
        case 'done':
          // A cancel that arrives after the work is done still wins: the person was promised that nothing is left.
          if (signal.aborted) fail(cancelled());
          else settle(() => resolve(message));
          break;
      }
    });
    void exited.then((exit) => fail(crash(exit, stage, output)));
    watch = setInterval(() => {
      const seconds = (performance.now() - started) / 1000;
      if (seconds > limits.seconds) return fail(overTime(limits.seconds));
      const rss = residentBytes(child.pid);
      if (rss !== null && rss > limits.memoryBytes) fail(overMemory(rss, limits.memoryBytes));
    }, WATCH_MS);
    child.send({ type: 'start', task } satisfies ToJobProcess);
    if (signal.aborted) onAbort();
  });
}

function recordOf(error: { code: EdgewiseError['code']; message: string; hint?: string | undefined; details?: Record<string, unknown> | undefined }) {
  return {
    code: error.code,
    message: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.details === undefined ? {} : { details: error.details }),
  };
}

function crash(exit: ChildExit, stage: string, output: string): EdgewiseError {
  const how = exit.signal === null ? (exit.code === null ? 'could not be started' : `ended with code ${exit.code}`) : `was ended by ${exit.signal}`;
  return new EdgewiseError('RUNTIME_CRASHED', `The job process ${how} during the stage "${stage}".`, {
    hint: 'Nothing was changed. Run the job again; where it ends the same way, the machine may be short of memory, or the model makes its runtime crash.',
    details: { stage, exitCode: exit.code, signal: exit.signal, ...(output === '' ? {} : { output }) },
  });
}

function overTime(seconds: number): EdgewiseError {
  return new EdgewiseError('RESOURCE_LIMIT', `The job ran longer than ${seconds} seconds and was ended.`, {
    hint: 'Use fewer samples, or a smaller model.',
    details: { limitSeconds: seconds },
  });
}

function overMemory(bytes: number, limit: number): EdgewiseError {
  return new EdgewiseError('RESOURCE_LIMIT', `The job used ${Math.round(bytes / 2 ** 20)} MiB of memory, more than its limit of ${Math.round(limit / 2 ** 20)} MiB, and was ended.`, {
    hint: 'Close other programs, or use a machine with more memory.',
    details: { bytes, limitBytes: limit },
  });
}

/** Resident memory of a process, where the platform shows it as a file. */
function residentBytes(pid: number | undefined): number | null {
  if (pid === undefined || process.platform !== 'linux') return null;
  try {
    const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return match ? Number(match[1]) * 1024 : null;
  } catch {
    return null;
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
