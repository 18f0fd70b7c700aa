/**
 * Models made to do harm, through the real job: the file is read, checked, rewritten and run in children as for anybody's model. Each must
 * end in a named error with a next step, in bounded time and memory, with no process and no file left, and the host must live on.
 */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EdgewiseError } from '../src/base/errors.ts';
import { createNodeProcessHost } from '../src/console/jobs/node-process-host.ts';
import { runJobProcess } from '../src/console/jobs/run-job-process.ts';
import { findEntries } from '../src/console/processes/entries.ts';
import type { Recipe } from '../src/contract/records/recipe.ts';
import { createInferenceRunner } from '../src/runtime/index.ts';
import { buildModel, modelBytes, type ModelSpec } from './support/build-model.ts';
import { foldingBombs, inputBombs, manyInitializers, memoryBombs, timeBombs, traps } from './support/hostile-models.ts';

const LINUX = process.platform === 'linux';
const MEMORY_MB = 600;
const QUIET_SECONDS = 2;
/** What a child may take beyond the limit between two looks at it: half a gigabyte, and a machine that is far faster than ours. */
const SLACK_MB = 1500;
const HANG_SECONDS = 30;

const simplify: Recipe = { version: 1, name: 'simplify', steps: [{ step: 'simplify' }], gates: [] };

interface Case {
  readonly name: string;
  readonly make: () => ModelSpec;
  /** Off: the first thing to run the model is the pass that folds constants, or the session that folds while it loads. */
  readonly verify: boolean;
  readonly codes: readonly string[];
}

interface Outcome {
  readonly error: unknown;
  readonly seconds: number;
  /** Of the runtime's child, where the system tells. */
  readonly peakMb: number;
  readonly jobPeakMb: number;
  readonly survivors: readonly number[];
  readonly left: readonly string[];
}

const cases: readonly Case[] = [
  ...list(memoryBombs, ['RESOURCE_LIMIT']),
  ...list(inputBombs, ['RESOURCE_LIMIT']),
  ...list(foldingBombs, ['RESOURCE_LIMIT'], false),
  ...list(timeBombs, ['RESOURCE_LIMIT']),
  // Where the processor does not trap, a quotient that overflows is a number like another.
  ...list(traps, process.arch === 'x64' ? ['RUNTIME_CRASHED', 'RUNTIME_ERROR'] : ['RUNTIME_ERROR', 'none']),
  ...list({ 'INT64_MIN / -1': traps['INT64_MIN / -1'] as () => ModelSpec, '7 mod 0': traps['7 mod 0'] as () => ModelSpec }, process.arch === 'x64' ? ['RUNTIME_CRASHED', 'RUNTIME_ERROR'] : ['RUNTIME_ERROR', 'none'], false),
];

function list(models: Readonly<Record<string, () => ModelSpec>>, codes: readonly string[], verify = true): Case[] {
  return Object.entries(models).map(([name, make]) => ({ name: verify ? name : `${name}, not verified`, make, verify, codes }));
}

let root: string;
const outcomes = new Map<string, Outcome>();

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-hostile-'));
  // The job process and the runtime's child inherit both.
  process.env['EDGEWISE_MAX_MEMORY_MB'] = String(MEMORY_MB);
  process.env['EDGEWISE_MAX_QUIET_SECONDS'] = String(QUIET_SECONDS);
  if (!LINUX) return;
  // Two at a time: half of each case is the start of processes.
  const waiting = [...cases];
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) outcomes.set(next.name, await attempt(next));
  };
  await Promise.all([lane(), lane()]);
}, 300_000);

afterAll(() => {
  delete process.env['EDGEWISE_MAX_MEMORY_MB'];
  delete process.env['EDGEWISE_MAX_QUIET_SECONDS'];
  rmSync(root, { recursive: true, force: true });
});

async function attempt({ make, verify, name }: Case): Promise<Outcome> {
  const folder = mkdtempSync(join(root, 'case-'));
  const modelPath = join(folder, 'model.onnx');
  writeFileSync(modelPath, modelBytes(buildModel(make())));
  const entries = findEntries();
  const seen = new Set<number>();
  let job: number | undefined;
  let peakMb = 0;
  let jobPeakMb = 0;
  const watch = setInterval(() => {
    if (job === undefined) return;
    jobPeakMb = Math.max(jobPeakMb, peakOf(job));
    for (const pid of childrenOf(job)) {
      seen.add(pid);
      peakMb = Math.max(peakMb, peakOf(pid));
    }
  }, 20);
  const started = performance.now();
  let error: unknown;
  try {
    await runJobProcess(
      {
        processHost: createNodeProcessHost(),
        jobProcess: entries.jobProcess,
        task: {
          modelPath, modelName: name, recipe: simplify, data: null, samples: 4, evaluationSamples: 4, seed: 1, verify, threads: 1,
          workspace: join(folder, 'work'), inferenceChild: entries.inferenceChild, version: 'test', createdAt: '2026-01-01T00:00:00.000Z',
        },
        signal: AbortSignal.timeout(2 * HANG_SECONDS * 1000),
        progress: () => {},
        log: () => {},
        onStarted: (pid) => (job = pid),
      },
      () => Promise.resolve(),
    );
  } catch (thrown) {
    error = thrown;
  }
  clearInterval(watch);
  return {
    error,
    seconds: (performance.now() - started) / 1000,
    peakMb,
    jobPeakMb,
    survivors: [...seen, ...(job === undefined ? [] : [job])].filter(isAlive),
    left: readdirSync(folder).filter((file) => file !== 'model.onnx'),
  };
}

/** Resident at most so far. */
function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/u.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').map(Number).filter((child) => child > 0);
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/mu.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

describe.skipIf(!LINUX)('a job over a model that is made to do harm', () => {
  it.each(cases)('$name', ({ name, codes }) => {
    const { error, seconds, peakMb, jobPeakMb, survivors, left } = outcomes.get(name) as Outcome;
    if (error === undefined) expect(codes).toContain('none');
    else {
      expect(error).toBeInstanceOf(EdgewiseError);
      const { code, message, hint } = error as EdgewiseError;
      expect(codes, message).toContain(code);
      expect(message.length).toBeGreaterThan(20);
      expect(message.length).toBeLessThan(900);
      expect(hint ?? '').toMatch(/\w{3}.*\.$/u);
    }
    expect(seconds).toBeLessThan(HANG_SECONDS);
    expect(peakMb).toBeLessThan(MEMORY_MB + SLACK_MB);
    expect(jobPeakMb).toBeLessThan(MEMORY_MB);
    expect(survivors).toEqual([]);
    expect(left).toEqual([]);
  });

  it('at least one of the traps ends the child by the processor\'s signal', () => {
    if (process.arch !== 'x64') return;
    const signals = [...outcomes.values()].map(({ error }) => (error as EdgewiseError | undefined)?.details?.['signal']);
    expect(signals).toContain('SIGFPE');
  });
});

describe('30,000 initializers that nothing reads', () => {
  it('do not fill a log: what the runtime says stays short', async () => {
    const folder = join(root, 'flood');
    mkdirSync(folder);
    const path = join(folder, 'flood.onnx');
    writeFileSync(path, modelBytes(buildModel(manyInitializers(30_000))));
    const host = createNodeProcessHost({ ownGroup: false });
    let written = 0;
    const runner = createInferenceRunner({
      fork: () => {
        const child = host.fork(findEntries().inferenceChild, []);
        child.onOutput((text) => (written += text.length));
        return child;
      },
    });
    try {
      const session = await runner.open(path);
      expect(session.outputs).toHaveLength(1);
    } finally {
      await runner.dispose();
    }
    expect(written).toBeLessThan(10_000);
  });
});
