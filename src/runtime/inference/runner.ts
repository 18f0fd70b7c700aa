/**
 * The parent's half: an InferenceRunner over a child process that may be killed. Cancel is a kill; so is passing a limit. A child that
 * ends by itself rejects what was asked of it with RUNTIME_CRASHED, and the next `open` starts another.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism, freemem, totalmem } from 'node:os';
import type { z } from 'zod';
import { cancelled, EdgewiseError, throwIfAborted, type ErrorRecord } from '../../base/errors.ts';
import type { Beside, InferenceRunner, InferenceSession, ReduceOptions, RunOptions, SampleSource } from '../../base/ports.ts';
import type { EnergyBench } from '../../base/energy.ts';
import type { EnergyChoice } from '../../contract/records/energy.ts';
import { benchEnergy, compareEnergy, type Work } from '../energy/measure-energy.ts';
import { withMeter } from '../energy/with-meter.ts';
import type { InferenceChild } from './channel.ts';
import { containProcess } from './contain.ts';
import { reply, results, type BenchResult, type Request } from './messages.ts';

export interface InferenceLimits {
  /** Resident memory of the child. */
  readonly memoryBytes: number;
  /** Longest time without any sign of progress, for one request. */
  readonly quietSeconds: number;
  /** How much of what the child prints is kept for an error. */
  readonly outputBytes: number;
}

export interface InferenceRunnerOptions {
  /** Starts a child that runs `serveInference`. */
  readonly fork: () => InferenceChild;
  readonly limits?: Partial<InferenceLimits>;
  /** Every living child, told on each change. */
  readonly onChildren?: (pids: readonly number[]) => void;
  /** How energy is measured; nothing is known of it where this is left out. */
  readonly energy?: EnergyChoice;
  /** A smaller model is not worth a second child. */
  readonly besideBytes?: number;
}

/** An InferenceRunner that can also time one model alone. */
export interface BenchRunner extends InferenceRunner {
  bench(session: InferenceSession, source: SampleSource, options?: RunOptions & { readonly seconds?: number }): Promise<BenchResult>;
  energy: NonNullable<InferenceRunner['energy']>;
  benchEnergy(session: InferenceSession, source: SampleSource, options?: RunOptions): Promise<EnergyBench>;
}

const WATCH_MS = 100;
/** A process that is being started on a busy machine is not a model that never ends. */
const START_SECONDS = 30;
const STATE_MS = 5000;
const BESIDE_BYTES = 2 ** 20;

export function defaultInferenceLimits(): InferenceLimits {
  return { memoryBytes: Math.max(2 ** 30, Math.min(totalmem() * 0.75, freemem() + 2 ** 30)), quietSeconds: 300, outputBytes: 16_384 };
}

type Waiting = {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: EdgewiseError) => void;
  readonly options: RunOptions & Pick<ReduceOptions, 'onState'>;
  readonly what: string;
};

interface Child {
  readonly handle: InferenceChild;
  readonly waiting: Map<number, Waiting>;
  output: string;
  lastSign: number;
  /** It listens; what it is asked from now on is the model's time. */
  ready: boolean;
  /** Set before a kill, so that the exit is told by its reason. */
  reason: EdgewiseError | undefined;
  gone: boolean;
}

export function createInferenceRunner(options: InferenceRunnerOptions): BenchRunner {
  const limits: InferenceLimits = { ...defaultInferenceLimits(), ...options.limits };
  const owners = new WeakMap<InferenceSession, { readonly child: Child; readonly id: number }>();
  let current: Child | undefined;
  /** Those that have been killed stay until the system says that they are gone. */
  const living = new Set<Child>();
  let watch: NodeJS.Timeout | undefined;
  let count = 0;
  let sessionCount = 0;
  let peak = 0;
  let disposed = false;

  const noteMemory = (child: Child, bytes: number): void => {
    peak = Math.max(peak, bytes);
    if (bytes > limits.memoryBytes && child.reason === undefined) {
      end(child, new EdgewiseError('RESOURCE_LIMIT', `The model took ${gigabytes(bytes)} GB of memory in the runtime; the limit here is ${gigabytes(limits.memoryBytes)} GB.`, {
        hint: 'Use a smaller input, or a machine with more memory. A model that asks for this much without reason may be hostile.',
        details: { bytes, limitBytes: limits.memoryBytes },
      }));
    }
  };

  const end = (child: Child, reason: EdgewiseError): void => {
    child.reason ??= reason;
    child.handle.kill();
  };

  let other: InferenceRunner | undefined;
  let othersChildren: readonly number[] = [];
  const tellChildren = (): void => options.onChildren?.([...[...living].flatMap(({ handle }) => handle.pid ?? []), ...othersChildren]);

  const beside = (modelBytes: number): Beside | null => {
    const cores = availableParallelism();
    // The file is parsed, laid out anew and run: what the first child was seen to need is some three times the file.
    if (disposed || cores < 2 || modelBytes < (options.besideBytes ?? BESIDE_BYTES) || freemem() < 6 * modelBytes + 2 ** 29) return null;
    other ??= createInferenceRunner({
      ...options,
      onChildren: (pids) => {
        othersChildren = pids;
        tellChildren();
      },
    });
    return { runner: other, threads: Math.floor(cores / 2) };
  };

  /** Why a child ended, for one of those who wait for it: a cancel is the own wish of whoever asked for it, and of nobody else. */
  const reasonFor = (child: Child, signal: AbortSignal | undefined): EdgewiseError | undefined => {
    if (child.reason?.code !== 'CANCELLED' || disposed || signal?.aborted === true) return child.reason;
    return new EdgewiseError('RUNTIME_CRASHED', 'The runtime was ended, since another request to it was cancelled; its sessions are gone.', { hint: 'Open the model again.' });
  };

  const lookAtMemory = (child: Child): void => {
    const bytes = peakResidentBytes(child.handle.pid);
    if (bytes !== undefined) noteMemory(child, bytes);
  };

  const look = (): void => {
    const child = current;
    if (child === undefined) return;
    lookAtMemory(child);
    const quietSeconds = child.ready ? limits.quietSeconds : Math.max(START_SECONDS, limits.quietSeconds);
    if (child.waiting.size > 0 && performance.now() - child.lastSign > quietSeconds * 1000) {
      const [first] = child.waiting.values();
      end(child, new EdgewiseError('RESOURCE_LIMIT', `The runtime gave no sign for ${quietSeconds} s while it was asked to ${first?.what ?? 'work'}.`, {
        hint: 'The model may never end (a loop), or be too large for this machine.',
        details: { limitSeconds: quietSeconds },
      }));
    }
  };

  const start = (): Child => {
    const handle = options.fork();
    const child: Child = { handle, waiting: new Map(), output: '', lastSign: performance.now(), ready: false, reason: undefined, gone: false };
    living.add(child);
    let known: number | undefined;
    const started = (pid: number): void => {
      tellChildren();
      if (known !== pid) containProcess(pid, limits.memoryBytes);
      known = pid;
    };
    handle.onOutput((text) => (child.output = (child.output + text).slice(-limits.outputBytes)));
    handle.onMessage((raw) => {
      const message = reply.safeParse(raw);
      if (!message.success) return;
      child.lastSign = performance.now();
      if (message.data.type === 'memory') return noteMemory(child, message.data.rssBytes);
      if (message.data.type === 'ready') {
        child.ready = true;
        if (handle.pid !== undefined) started(handle.pid);
        return;
      }
      const waiting = child.waiting.get(message.data.id);
      if (waiting === undefined) return;
      if (message.data.type === 'progress') {
        waiting.options.progress?.({ stage: waiting.what, fraction: message.data.fraction, detail: message.data.detail });
        return;
      }
      if (message.data.type === 'state') {
        waiting.options.onState?.(message.data.state, message.data.samples);
        return;
      }
      // What came and went between two looks counts too: then the answer waits for the exit, which tells the reason.
      lookAtMemory(child);
      if (child.reason !== undefined) return;
      child.waiting.delete(message.data.id);
      if (message.data.type === 'done') waiting.resolve(message.data.result);
      else waiting.reject(withLimit(message.data.error as ErrorRecord, limits.memoryBytes));
    });
    handle.onExit((exit) => {
      child.gone = true;
      living.delete(child);
      if (current === child) {
        current = undefined;
        clearInterval(watch);
      }
      tellChildren();
      for (const waiting of child.waiting.values()) waiting.reject(reasonFor(child, waiting.options.signal) ?? crash(exit, waiting.what, child.output));
      child.waiting.clear();
    });
    if (handle.pid !== undefined) started(handle.pid);
    clearInterval(watch);
    watch = setInterval(look, WATCH_MS);
    watch.unref();
    return child;
  };

  const ask = async <S extends z.ZodType>(child: Child, what: string, request: Request, schema: S, runOptions: Waiting['options'] = {}): Promise<z.infer<S>> => {
    throwIfAborted(runOptions.signal);
    if (child.gone || child.reason !== undefined) throw reasonFor(child, runOptions.signal) ?? new EdgewiseError('RUNTIME_CRASHED', 'The runtime has ended; its sessions are gone.', { hint: 'Open the model again.' });
    const id = count++;
    const onAbort = (): void => end(child, cancelled());
    runOptions.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const result = await new Promise<unknown>((resolve, reject) => {
        if (child.waiting.size === 0) child.lastSign = performance.now();
        child.waiting.set(id, { resolve, reject, options: runOptions, what });
        child.handle.send({ id, request });
      });
      const parsed = schema.safeParse(result);
      if (parsed.success) return parsed.data;
      throw new EdgewiseError('RUNTIME_ERROR', `The runtime was asked to ${what} and answered what cannot be: ${parsed.error.issues[0]?.path.join('.') ?? ''} ${parsed.error.issues[0]?.message ?? ''}.`, {
        hint: 'The model may compute NaN or infinity. Check that it runs in onnxruntime elsewhere.',
      });
    } finally {
      runOptions.signal?.removeEventListener('abort', onAbort);
    }
  };

  const ownerOf = (session: InferenceSession): { readonly child: Child; readonly id: number } => {
    const owner = owners.get(session);
    if (owner === undefined) throw new Error('this session belongs to another runner');
    return owner;
  };
  const pairOf = (reference: InferenceSession, candidate: InferenceSession): { readonly child: Child; readonly ids: { readonly reference: number; readonly candidate: number } } => {
    const a = ownerOf(reference);
    const b = ownerOf(candidate);
    if (a.child !== b.child) throw reasonFor(a.child, undefined) ?? new EdgewiseError('RUNTIME_CRASHED', 'The runtime ended between two measurements.', { hint: 'Run the job again.' });
    return { child: a.child, ids: { reference: a.id, candidate: b.id } };
  };

  const workOf = (session: InferenceSession, source: SampleSource, { signal }: RunOptions): Work => {
    const { child, id } = ownerOf(session);
    return { run: (seconds) => ask(child, 'measure energy', { op: 'work', session: id, source: plain(source), seconds }, results.work, signal === undefined ? {} : { signal }) };
  };

  return {
    async open(modelPath, openOptions = {}) {
      if (disposed) throw new EdgewiseError('INTERNAL', 'The runner has been disposed.');
      throwIfAborted(openOptions.signal);
      // One that has been killed but is not gone yet would answer for a cancel or a limit that was another request's.
      if (current === undefined || current.reason !== undefined) current = start();
      const child = current;
      const opened = await ask(child, 'load the model', { op: 'open', path: modelPath, threads: openOptions.threads ?? 0, optimization: openOptions.optimization ?? 'all' }, results.open, openOptions);
      const session: InferenceSession = { id: sessionCount++, modelPath, inputs: opened.inputs, outputs: opened.outputs };
      owners.set(session, { child, id: opened.session });
      return session;
    },
    async close(session) {
      const { child, id } = ownerOf(session);
      // A child that is being ended takes its sessions along; its reason is told to those who wait for an answer.
      if (!child.gone && child.reason === undefined) await ask(child, 'close the model', { op: 'close', session: id }, results.close);
    },
    async run(session, feeds, runOptions) {
      const { child, id } = ownerOf(session);
      const values = Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, { ...value, dims: [...value.dims], ...(value.strings ? { strings: [...value.strings] } : {}) }]));
      return (await ask(child, 'run the model', { op: 'run', session: id, feeds: values as never }, results.run, runOptions)) as Awaited<ReturnType<InferenceRunner['run']>>;
    },
    async reduce(session, source, reducer, outputs, runOptions = {}) {
      const { child, id } = ownerOf(session);
      const stateMs = runOptions.onState ? (runOptions.stateMs ?? STATE_MS) : null;
      const request: Request = { op: 'reduce', session: id, source: plain(source), reducer: reducer.name, options: reducer.options, outputs: [...outputs], skip: runOptions.skip ?? 0, stateMs };
      return ask(child, 'observe the activations', request, results.reduce, runOptions);
    },
    async evaluate(session, source, runOptions) {
      const { child, id } = ownerOf(session);
      return ask(child, 'measure accuracy', { op: 'evaluate', session: id, source: plain(source) }, results.evaluate, runOptions);
    },
    async compare(reference, candidate, source, runOptions) {
      const { child, ids } = pairOf(reference, candidate);
      return ask(child, 'compare the outputs', { op: 'compare', ...ids, source: plain(source) }, results.compare, runOptions);
    },
    async latency(reference, candidate, source, runOptions = {}) {
      const { child, ids } = pairOf(reference, candidate);
      return ask(child, 'measure latency', { op: 'latency', ...ids, source: plain(source), minPairs: runOptions.minPairs ?? 20, maxSeconds: runOptions.maxSeconds ?? 6 }, results.latency, runOptions);
    },
    async bench(session, source, runOptions = {}) {
      const { child, id } = ownerOf(session);
      return ask(child, 'measure latency', { op: 'bench', session: id, source: plain(source), seconds: runOptions.seconds ?? 5 }, results.bench, runOptions);
    },
    energy: (reference, candidate, source, runOptions = {}) =>
      withMeter(options.energy, runOptions, (meter, how) => compareEnergy(meter, workOf(reference, source, runOptions), workOf(candidate, source, runOptions), how)),
    benchEnergy: (session, source, runOptions = {}) => withMeter(options.energy, runOptions, (meter, how) => benchEnergy(meter, workOf(session, source, runOptions), how)),
    beside,
    peakRssBytes: () => peak + (other?.peakRssBytes() ?? 0),
    async dispose() {
      disposed = true;
      await other?.dispose();
      const gone = [...living].map((child) => new Promise<void>((resolve) => child.handle.onExit(() => resolve())));
      for (const child of living) end(child, cancelled());
      await Promise.all(gone);
      clearInterval(watch);
    },
  };
}

/** A copy with mutable arrays, as the schema's type has them. */
function plain(source: SampleSource): Extract<Request, { op: 'evaluate' }>['source'] {
  return structuredClone(source) as Extract<Request, { op: 'evaluate' }>['source'];
}

function crash(exit: { readonly code: number | null; readonly signal: string | null }, what: string, output: string): EdgewiseError {
  const how = exit.signal === null ? `with code ${exit.code}` : `by ${exit.signal}`;
  return new EdgewiseError('RUNTIME_CRASHED', `The runtime's process was ended ${how} while it was asked to ${what}.`, {
    hint: exit.signal === 'SIGKILL' ? 'Somebody or the system (out of memory) killed it. Run it again.' : 'The model makes onnxruntime crash. Export it again, or report it with this message.',
    details: { signal: exit.signal, exitCode: exit.code, ...(output.trim() === '' ? {} : { output: output.trim().slice(-2000) }) },
  });
}

/** An allocation that was refused names the limit, as a child that was ended for its size does. */
function withLimit(record: ErrorRecord, memoryBytes: number): EdgewiseError {
  return EdgewiseError.fromRecord(record.code === 'RESOURCE_LIMIT' ? { ...record, details: { ...record.details, limitBytes: memoryBytes } } : record);
}

/** The most resident memory that a process has had so far, where the system tells (Linux). */
function peakResidentBytes(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined;
  try {
    const match = /VmHWM:\s+(\d+) kB/u.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return match === null ? undefined : Number(match[1]) * 1024;
  } catch {
    // Not Linux, or the process has just ended: its own reports have to do.
    return undefined;
  }
}

function gigabytes(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(1);
}
