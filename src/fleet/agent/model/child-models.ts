/** The real model runtime of a device: one process for each model that is loaded. */
import { fork, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';
import { EdgewiseError, throwIfAborted } from '../../../base/errors.ts';
import { containProcess } from '../../../runtime/inference/contain.ts';
import type { InstalledModel } from '../install/installer.ts';
import type { LoadedModel, ModelRuntime } from '../ports.ts';
import { childReply, childResults, type ChildRequest, type WorkloadInput } from './child-messages.ts';

export interface ChildModelsOptions {
  readonly input: WorkloadInput;
  /** Threads inside an operator; 0 lets the runtime choose. */
  readonly threads: number;
  /** Longest time that one request may take. */
  readonly quietMs?: number;
  /** Told of every process that lives, on each change. */
  readonly onChildren?: (pids: readonly number[]) => void;
}

const QUIET_MS = 120_000;
const OUTPUT_BYTES = 4096;

/** The entry beside this file, run from source or built. */
export function findModelEntry(from: string = import.meta.url): string {
  const folder = dirname(fileURLToPath(from));
  const found = [join(folder, 'agent-model.ts'), join(folder, 'agent-model.js'), join(folder, '..', 'agent-model.js')].find((path) => existsSync(path));
  if (found === undefined) throw new Error(`The entry agent-model is not beside ${folder}; build the project again.`);
  return found;
}

export function childModels(options: ChildModelsOptions): ModelRuntime {
  const living = new Set<number>();
  const told = (pid: number | undefined, lives: boolean): void => {
    if (pid === undefined) return;
    if (lives) living.add(pid);
    else living.delete(pid);
    options.onChildren?.([...living]);
  };
  return {
    async load(model) {
      const child = startChild(options.quietMs ?? QUIET_MS, told);
      try {
        const { digests } = await child.ask('load the model', { op: 'load', folder: model.folder, files: model.record.files.map(({ name }) => name), input: options.input, threads: options.threads }, childResults.load);
        const other = model.record.files.find(({ name, sha256 }) => digests[name] !== sha256);
        if (other !== undefined) throw new EdgewiseError('WRONG_CONTENT', `The model's process read another "${other.name}" than was signed.`, { hint: 'Install again. If it comes back, the disk of the device is failing.' });
        return loadedModel(child, model);
      } catch (error) {
        await child.end();
        throw error;
      }
    },
  };
}

function loadedModel(child: ModelChild, model: InstalledModel): LoadedModel {
  return {
    digest: model.record.manifestSha256,
    infer: async (count) => (await child.ask('run the model', { op: 'infer', count }, childResults.infer)).ms,
    async check(of, signal) {
      throwIfAborted(signal);
      return child.ask('measure accuracy', { op: 'check', folder: of.folder }, childResults.check);
    },
    answer: (body) => child.ask('run the model', { op: 'answer', body: new Uint8Array(body) }, childResults.answer),
    onEnd: child.onEnd,
    close: child.end,
  };
}

interface ModelChild {
  ask<T>(what: string, request: ChildRequest, result: z.ZodType<T>): Promise<T>;
  onEnd(listener: (error: Error) => void): void;
  end(): Promise<void>;
}

function startChild(quietMs: number, told: (pid: number | undefined, lives: boolean) => void): ModelChild {
  const child: ChildProcess = fork(findModelEntry(), [], { serialization: 'advanced', stdio: ['ignore', 'pipe', 'pipe', 'ipc'], execArgv: ['--disable-warning=ExperimentalWarning'] });
  const waiting = new Map<number, { readonly what: string; readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void }>();
  const listeners: ((error: Error) => void)[] = [];
  let count = 0;
  let output = '';
  let wanted = false;
  let ended: EdgewiseError | null = null;
  let reason: EdgewiseError | null = null;
  told(child.pid, true);
  if (child.pid !== undefined) containProcess(child.pid, Math.max(2 ** 30, Math.min(totalmem() * 0.75, freemem() + 2 ** 30)));
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: Buffer) => (output = (output + text.toString()).slice(-OUTPUT_BYTES)));

  const gone = new Promise<void>((resolve) => {
    const over = (how: string): void => {
      if (ended !== null) return;
      const [first] = waiting.values();
      ended = reason ?? new EdgewiseError('RUNTIME_CRASHED', `The model's process was ended ${how} while it was asked to ${first?.what ?? 'wait'}.`, {
        hint: 'The model makes the runtime crash, or needs more memory than there is.',
        details: output.trim() === '' ? {} : { output: output.trim() },
      });
      told(child.pid, false);
      for (const { reject } of waiting.values()) reject(ended);
      waiting.clear();
      if (!wanted) for (const listener of listeners) listener(ended);
      resolve();
    };
    child.on('error', (error) => over(`(${error.message})`));
    child.on('exit', (code, signal) => over(signal === null ? `with code ${code}` : `by ${signal}`));
  });

  child.on('message', (raw) => {
    const parsed = childReply.safeParse(raw);
    if (!parsed.success) return;
    const asked = waiting.get(parsed.data.id);
    waiting.delete(parsed.data.id);
    if (parsed.data.type === 'done') asked?.resolve(parsed.data.result);
    else asked?.reject(EdgewiseError.fromRecord(parsed.data.error as Parameters<typeof EdgewiseError.fromRecord>[0]));
  });

  return {
    async ask(what, request, result) {
      if (ended !== null) throw ended;
      const id = count++;
      const limit = setTimeout(() => {
        reason ??= new EdgewiseError('RESOURCE_LIMIT', `The model gave no answer for ${quietMs / 1000} s while it was asked to ${what}.`, { hint: 'It may never end (a loop), or be too large for this device.' });
        child.kill('SIGKILL');
      }, quietMs);
      try {
        const answer = await new Promise<unknown>((resolve, reject) => {
          waiting.set(id, { what, resolve, reject });
          child.send({ id, request }, () => {});
        });
        return result.parse(answer);
      } finally {
        clearTimeout(limit);
      }
    },
    onEnd: (listener) => void listeners.push(listener),
    async end() {
      wanted = true;
      reason ??= new EdgewiseError('CANCELLED', 'The model was stopped.');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
