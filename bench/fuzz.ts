/**
 * A long fuzz run: seeded damage to real models through the reader, checks, facts, passes and writer in a child process that may hang, die
 * or grow, and some thousand of those that pass through the runtime. Prints one JSON object. Needs the models (EDGEWISE_DATA, or ../shared/data).
 *
 *   node bench/fuzz.ts [--cases 100000] [--first 0] [--runtime 2000]
 */
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { EdgewiseError } from '../src/base/errors.ts';
import { createNodeProcessHost } from '../src/console/jobs/node-process-host.ts';
import { findEntries } from '../src/console/processes/entries.ts';
import { createInferenceRunner } from '../src/runtime/index.ts';
import { fuzzCase, originals, throughProgram, type Original } from '../test/support/fuzz.ts';

const HANG_SECONDS = 30;
const MEMORY_MB = 1024;
const { values: flags } = parseArgs({ options: { cases: { type: 'string', default: '100000' }, first: { type: 'string', default: '0' }, runtime: { type: 'string', default: '2000' }, worker: { type: 'boolean', default: false } } });
const first = Number(flags.first);
const end = first + Number(flags.cases);

const outcome = z.object({ seed: z.number(), code: z.string(), fault: z.string().optional(), slow: z.number() });
type Outcome = z.infer<typeof outcome>;

/** `accepted`, the code of a named error, or what went wrong. */
async function attempt(seed: number, from: string, action: () => Promise<unknown>): Promise<Outcome> {
  const started = performance.now();
  const slow = (): number => performance.now() - started;
  try {
    await action();
    return { seed, code: 'accepted', slow: slow() };
  } catch (error) {
    if (!(error instanceof EdgewiseError)) return { seed, code: 'FAULT', fault: `from ${from}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`, slow: slow() };
    const unnamed = error.code === 'INTERNAL' || !/\w/u.test(error.message) || !/\w/u.test(error.hint ?? '');
    return { seed, code: error.code, ...(unnamed ? { fault: `from ${from}: ${error.message} / ${error.hint}` } : {}), slow: slow() };
  }
}

async function work(): Promise<void> {
  const pool = originals();
  for (let seed = first; seed < end; seed++) {
    const { from, bytes } = fuzzCase(pool, seed);
    const result = await attempt(seed, from, () => throughProgram(bytes));
    await new Promise<void>((resolve, reject) => process.send?.(result, undefined, undefined, (error) => (error ? reject(error) : resolve())));
  }
  process.disconnect();
}

interface Tally {
  cases: number;
  crashes: number;
  hangs: number;
  unnamed: number;
  slowestMs: number;
  peakMb: number;
  seconds: number;
  readonly codes: Record<string, number>;
  readonly faults: string[];
}

const tally = (): Tally => ({ cases: 0, crashes: 0, hangs: 0, unnamed: 0, slowestMs: 0, peakMb: 0, seconds: 0, codes: {}, faults: [] });

function note(total: Tally, { seed, code, fault, slow }: Outcome): void {
  total.cases++;
  total.codes[code] = (total.codes[code] ?? 0) + 1;
  total.slowestMs = Math.max(total.slowestMs, Math.round(slow));
  if (fault !== undefined) {
    total.unnamed++;
    total.faults.push(`seed ${seed} ${code}: ${fault}`);
  }
}

/** One child after the other, each from the seed after the one that ended the last. */
async function throughChildren(): Promise<{ readonly total: Tally; readonly accepted: number[] }> {
  const total = tally();
  const accepted: number[] = [];
  const started = performance.now();
  for (let next = first; next < end; ) {
    const child = fork(import.meta.filename, ['--worker', '--first', String(next), '--cases', String(end - next)], { execArgv: ['--disable-warning=ExperimentalWarning', `--max-old-space-size=${MEMORY_MB}`] });
    let sign = performance.now();
    let reason = '';
    const watch = setInterval(() => {
      const peak = peakMb(child.pid);
      total.peakMb = Math.max(total.peakMb, peak);
      if (performance.now() - sign > HANG_SECONDS * 1000) reason = 'hang';
      if (peak > 2 * MEMORY_MB) reason = 'memory';
      if (reason !== '') child.kill('SIGKILL');
    }, 500);
    child.on('message', (raw) => {
      const result = outcome.parse(raw);
      sign = performance.now();
      next = result.seed + 1;
      if (result.code === 'accepted') accepted.push(result.seed);
      note(total, result);
      if (total.cases % 10_000 === 0) process.stderr.write(`${total.cases} cases, ${total.crashes} crashes, ${total.hangs} hangs, ${total.unnamed} unnamed\n`);
    });
    const how = await new Promise<string>((resolve) => child.on('exit', (code, signal) => resolve(code === 0 ? '' : `${code ?? signal}`)));
    clearInterval(watch);
    if (how === '' && next >= end) break;
    total.cases++;
    if (reason === 'hang') total.hangs++;
    else total.crashes++;
    total.faults.push(`seed ${next}: ${reason === '' ? `ended with ${how}` : reason}`);
    next++;
  }
  total.seconds = Math.round((performance.now() - started) / 1000);
  return { total, accepted };
}

/** Models that the program accepts, run once on generated inputs; a child that they end is replaced by the next. */
async function throughRuntime(pool: readonly Original[], seeds: readonly number[]): Promise<Tally> {
  const total = tally();
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'edgewise-fuzz-'));
  const host = createNodeProcessHost({ ownGroup: false });
  const runner = createInferenceRunner({ fork: () => host.fork(findEntries().inferenceChild, []), limits: { memoryBytes: MEMORY_MB * 2 ** 20, quietSeconds: 10 } });
  const path = join(folder, 'model.onnx');
  try {
    for (const seed of seeds) {
      const { from, bytes } = fuzzCase(pool, seed);
      writeFileSync(path, bytes);
      const result = await attempt(seed, from, async () => {
        const session = await runner.open(path, { threads: 1, optimization: seed % 2 === 0 ? 'all' : 'disabled' });
        try {
          await runner.compare(session, session, { kind: 'generated', seed, count: 1 });
        } finally {
          await runner.close(session);
        }
      });
      if (result.slow > HANG_SECONDS * 1000) total.hangs++;
      note(total, result);
    }
  } finally {
    total.peakMb = Math.round(runner.peakRssBytes() / 2 ** 20);
    await runner.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
  total.seconds = Math.round((performance.now() - started) / 1000);
  return total;
}

/** Resident at most so far, where the system tells (Linux). */
function peakMb(pid: number | undefined): number {
  try {
    return Math.round(Number(/VmHWM:\s+(\d+) kB/u.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024);
  } catch {
    return 0;
  }
}

if (flags.worker) await work();
else {
  const pool = originals();
  if (pool.length === 0) {
    console.error('The models are not here: set EDGEWISE_DATA to the folder that holds models/.');
    process.exit(1);
  }
  const { total, accepted } = await throughChildren();
  const step = Math.max(1, Math.floor(accepted.length / Number(flags.runtime)));
  const runtime = await throughRuntime(pool, Number(flags.runtime) === 0 ? [] : accepted.filter((_, index) => index % step === 0).slice(0, Number(flags.runtime)));
  console.log(JSON.stringify({ models: pool.length, first, program: total, runtime }, null, 2));
  if (total.crashes + total.hangs + total.unnamed + runtime.hangs + runtime.unnamed > 0) process.exitCode = 1;
}
