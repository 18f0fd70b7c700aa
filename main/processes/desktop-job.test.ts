/**
 * A real job in its desktop form: the console on the shell's process host, the real job process and the real inference child, joined by a
 * message port. Only Electron itself is stood in for, by threads.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createConsole, type Console } from '../../src/console/create-console.ts';
import { findEntries } from '../../src/console/processes/entries.ts';
import { writePictures, writeSmallModel } from '../../src/console/testing/small-model.ts';
import type { JobRecord } from '../../src/contract/records/job.ts';
import { workerUtility, type WorkerUtility } from '../testing/worker-utility.ts';
import { createUtilityHost } from './utility-host.ts';

let folder = '';
let console: Console;
let platform: WorkerUtility;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'edgewise-desktop-job-'));
  platform = workerUtility();
  const entries = findEntries();
  console = await createConsole({
    dataFolder: join(folder, 'home'),
    processHost: createUtilityHost({ platform, inferenceChild: entries.inferenceChild }),
    entries,
    host: 'desktop',
    version: 'test',
    checkOutputs: true,
  });
});

afterAll(async () => {
  await console.close();
  rmSync(folder, { recursive: true, force: true });
});

async function run(recipe: string, dataPath?: string): Promise<JobRecord> {
  const path = join(folder, `${recipe}.onnx`);
  writeSmallModel(path);
  const model = await console.library.import(path);
  const job = console.jobs.start({ modelId: model.id, recipe, ...(dataPath === undefined ? {} : { dataPath }) }, recipe);
  await console.jobs.idle();
  return console.jobs.get(job.id);
}

describe('a job on the desktop', () => {
  it('runs the engine in one process and onnxruntime in another that the shell has started', async () => {
    const job = await run('simplify');
    expect(job.error).toBeNull();
    expect(job.state).toBe('succeeded');
    const inference = platform.started.filter(({ entry }) => entry === findEntries().inferenceChild);
    expect(inference.length).toBeGreaterThan(0);
    expect(readdirSync(join(folder, 'home/jobs'))).toEqual([]);
  });

  it('calibrates, measures and keeps the result', async () => {
    const pictures = join(folder, 'pictures');
    await writePictures(pictures, 12);
    const job = await run('int8', pictures);
    expect(job.error).toBeNull();
    expect(job.state).toBe('succeeded');
    expect(console.library.list().some((model) => model.id === job.result?.modelId)).toBe(true);
  });
});
