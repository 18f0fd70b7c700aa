import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JobRecord } from '../../contract/records/job.ts';
import type { ConsoleEvent } from '../../contract/rpc/events.ts';
import { createEventHub } from '../events.ts';
import { openStore, type Store } from '../store/open-store.ts';
import { createJobService, type JobService } from './job-service.ts';
import { createNodeProcessHost } from './node-process-host.ts';
import type { JobLimits } from './run-job-process.ts';

const SCRIPTED = join(import.meta.dirname, '../testing/scripted-job-process.ts');

let root: string;
let store: Store;
let jobs: JobService;
let events: ConsoleEvent[];
let kept: string[];
let faults: unknown[];

function open(limits?: JobLimits): void {
  store = openStore(join(root, 'edgewise.sqlite'), 'stamp');
  const hub = createEventHub((error) => faults.push(error));
  hub.subscribe((event) => events.push(event));
  let ids = store.jobs.list().length;
  jobs = createJobService({
    store,
    events: hub,
    processHost: createNodeProcessHost(),
    entries: { jobProcess: SCRIPTED, inferenceChild: 'none' },
    workspaces: join(root, 'jobs'),
    ...(limits === undefined ? {} : { limits }),
    clock: () => performance.now(),
    now: () => new Date().toISOString(),
    newId: () => `job-${++ids}`,
    prepare: async ({ input }) => ({
      modelPath: 'none',
      modelName: input.modelId,
      recipe: { version: 1, name: String(input.recipe), steps: [{ step: 'none' }] },
      data: null,
      samples: 1,
      evaluationSamples: 1,
      seed: 1,
      verify: false,
      threads: 1,
      version: 'test',
      createdAt: 'now',
    }),
    storeFile: async (_job, { outputPath }) => {
      kept.push(readFileSync(outputPath, 'utf8'));
      return { commit: () => ({ modelId: 'made', reportId: 'report' }), announce: () => {} };
    },
    onFault: (_where, error) => faults.push(error),
  });
}

/** What a host leaves behind that is killed: the database as it stands, and no more writing to it. */
async function restart(): Promise<void> {
  await jobs.close();
  store.close();
  open();
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-jobs-'));
  events = [];
  kept = [];
  faults = [];
  open();
});
afterEach(async () => {
  await jobs.close();
  store.close();
  rmSync(root, { recursive: true, force: true });
});

const start = (script: string): JobRecord => jobs.start({ modelId: 'model', recipe: script }, script);
const leftovers = (): string[] => (existsSync(join(root, 'jobs')) ? readdirSync(join(root, 'jobs')) : []);
const statesOf = (id: string): string[] => [...new Set(events.flatMap((event) => (event.type === 'job.updated' && event.job.id === id ? [event.job.state] : [])))];

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 5));
}
const reaches = (id: string, stage: string): Promise<void> => until(() => jobs.get(id).progress?.stage === stage);

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie still answers; its state tells.
    return process.platform !== 'linux' || !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a job that ends by itself', () => {
  const cases = [
    { script: 'succeed', state: 'succeeded', code: undefined },
    { script: 'fail', state: 'failed', code: 'BAD_DATASET' },
    { script: 'exit', state: 'failed', code: 'RUNTIME_CRASHED' },
    { script: 'die', state: 'failed', code: 'RUNTIME_CRASHED' },
    { script: 'babble', state: 'failed', code: 'INTERNAL' },
  ] as const;
  for (const { script, state, code } of cases) {
    test(`${script}: ${state}${code === undefined ? '' : ` with ${code}`}, told, kept, and nothing left behind`, async () => {
      const { id } = start(script);
      await jobs.idle();
      const job = jobs.get(id);
      expect(job.state).toBe(state);
      expect(job.error?.code).toBe(code);
      expect(job.endedAt).not.toBeNull();
      expect(statesOf(id)).toEqual(['queued', 'running', state]);
      expect(store.jobs.get(id)).toEqual(job);
      expect(leftovers()).toEqual([]);
      expect(kept).toEqual(script === 'succeed' ? ['result of model'] : []);
      expect(job.result).toEqual(script === 'succeed' ? { modelId: 'made', reportId: 'report' } : null);
      expect(jobs.log(id).map(({ message }) => message)).toContain(`playing ${script}`);
    });
  }

  test('a crash tells where it was, how it ended and what it said last', async () => {
    const { id } = start('exit');
    await jobs.idle();
    expect(jobs.get(id).error).toMatchObject({ message: expect.stringContaining('code 7'), details: { stage: 'passes', output: expect.stringContaining('last words') } });
  });

  test('too much memory ends it with RESOURCE_LIMIT', async () => {
    await jobs.close();
    store.close();
    open({ memoryBytes: 400 << 20, seconds: 60 });
    const { id } = start('eat');
    await jobs.idle();
    expect(jobs.get(id)).toMatchObject({ state: 'failed', error: { code: 'RESOURCE_LIMIT' } });
  });

  test('too much time ends it with RESOURCE_LIMIT', async () => {
    await jobs.close();
    store.close();
    open({ memoryBytes: 2 ** 40, seconds: 0 });
    const { id } = start('hang');
    await jobs.idle();
    expect(jobs.get(id)).toMatchObject({ state: 'failed', error: { code: 'RESOURCE_LIMIT' } });
    expect(leftovers()).toEqual([]);
  });
});

describe('cancel', () => {
  test('a job that listens ends by itself', async () => {
    const { id } = start('polite');
    await reaches(id, 'passes');
    expect((await jobs.cancel(id)).state).toBe('cancelled');
    expect(leftovers()).toEqual([]);
  });

  test('a job that does not listen is ended, with what runs below it', async () => {
    const { id } = start('hang');
    await reaches(id, 'hanging');
    const child = jobs.runningPid() ?? 0;
    const below = Number(jobs.log(id).map(({ message }) => /^below (\d+)$/.exec(message)?.[1]).find((pid) => pid !== undefined));
    expect(alive(child)).toBe(true);
    expect(alive(below)).toBe(true);
    expect((await jobs.cancel(id)).state).toBe('cancelled');
    await until(() => !alive(child) && !alive(below));
    expect(leftovers()).toEqual([]);
  });

  test('a queued job never starts; the running one goes on', async () => {
    const first = start('polite');
    const second = start('succeed');
    await reaches(first.id, 'passes');
    expect((await jobs.cancel(second.id)).state).toBe('cancelled');
    expect(jobs.get(first.id).state).toBe('running');
    await jobs.cancel(first.id);
    await jobs.idle();
    expect(statesOf(second.id)).toEqual(['queued', 'cancelled']);
    expect(kept).toEqual([]);
  });

  test('a job that has ended stays as it is', async () => {
    const { id } = start('succeed');
    await jobs.idle();
    expect((await jobs.cancel(id)).state).toBe('succeeded');
  });
});

describe('the queue', () => {
  test('runs one at a time, in order', async () => {
    const ids = ['succeed', 'fail', 'succeed'].map((script) => start(script).id);
    await jobs.idle();
    const started = ids.map((id) => events.findIndex((event) => event.type === 'job.updated' && event.job.id === id && event.job.state === 'running'));
    const ended = ids.map((id) => events.findIndex((event) => event.type === 'job.updated' && event.job.id === id && event.job.endedAt !== null));
    expect([started[0], ended[0], started[1], ended[1], started[2], ended[2]]).toEqual([...started, ...ended].sort((a, b) => a - b));
  });

  test('a job is in the database before its process starts', () => {
    const { id } = start('succeed');
    expect(store.jobs.get(id)?.state).toBe('queued');
    expect(jobs.runningPid()).toBeUndefined();
  });
});

describe('a restart', () => {
  test('closing interrupts the running job, keeps the queued ones, and they go on', async () => {
    const first = start('hang');
    const second = start('succeed');
    await reaches(first.id, 'hanging');
    await restart();
    expect(jobs.get(first.id)).toMatchObject({ state: 'interrupted', error: { code: 'INTERRUPTED' } });
    await jobs.idle();
    expect(jobs.get(second.id).state).toBe('succeeded');
  });

  test('a crash of the host interrupts the running job, and it can be run again', async () => {
    const { id } = start('succeed');
    await jobs.idle();
    const record = store.jobs.get(id);
    if (!record) throw new Error('lost');
    // As the database stands when the host is killed in the middle.
    store.jobs.update({ ...record, state: 'running', result: null, endedAt: null });
    await restart();
    expect(jobs.get(id)).toMatchObject({ state: 'interrupted', error: { code: 'INTERRUPTED', hint: expect.any(String) } });
    const again = jobs.retry(id);
    expect(again.id).not.toBe(id);
    await jobs.idle();
    expect(jobs.get(again.id).state).toBe('succeeded');
    expect(jobs.get(id).state).toBe('interrupted');
  });

  test('a job that has not ended can be neither retried nor removed; one that has can', async () => {
    const { id } = start('polite');
    await reaches(id, 'passes');
    for (const refused of [() => jobs.retry(id), () => jobs.remove(id)]) expect(refused).toThrowError(expect.objectContaining({ code: 'CONFLICT' }));
    await jobs.cancel(id);
    jobs.remove(id);
    expect(() => jobs.get(id)).toThrowError(expect.objectContaining({ code: 'NOT_FOUND' }));
  });
});
