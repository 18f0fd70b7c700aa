import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JobRecord } from '../contract/records/job.ts';
import type { ModelRecord } from '../contract/records/model.ts';
import type { RouteInput, RouteName, RouteOutput } from '../contract/rpc/routes.ts';
import type { ConsoleEvent } from '../contract/rpc/events.ts';
import { createConsole, type Console, type ConsoleOptions } from './create-console.ts';
import { createNodeProcessHost } from './jobs/node-process-host.ts';
import { findEntries } from './processes/entries.ts';
import { writePictures, writeSmallModel } from './testing/small-model.ts';

const SCRIPTED = join(import.meta.dirname, 'testing/scripted-job-process.ts');

let root: string;
let home: string;
let open: Console[];
let log: string[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-console-'));
  home = join(root, 'home');
  open = [];
  log = [];
});
afterEach(async () => {
  for (const console of open) await console.close();
  rmSync(root, { recursive: true, force: true });
});

async function start(options: Partial<ConsoleOptions> = {}): Promise<Console> {
  const console = await createConsole({
    dataFolder: home,
    processHost: createNodeProcessHost(),
    entries: { ...findEntries(), jobProcess: SCRIPTED },
    host: 'browser',
    version: 'test',
    checkOutputs: true,
    log: (line) => log.push(line),
    ...options,
  });
  open.push(console);
  return console;
}

async function call<N extends RouteName>(console: Console, route: N, input: RouteInput<N>): Promise<RouteOutput<N>> {
  const answer = await console.router.call({ id: 1, route, input }, { trusted: true });
  if (!answer.ok) throw Object.assign(new Error(answer.error.message), answer.error);
  return answer.data as RouteOutput<N>;
}

const script = (name: string): RouteInput<'optimize.start'>['recipe'] => ({ version: 1, name, steps: [{ step: 'remove-identity' }] });

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 10));
}

function childrenOf(pid: number | undefined): number[] {
  return pid === undefined ? [] : readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter((text) => text !== '').map(Number);
}

async function importSmall(console: Console, name = 'small', seed = 1): Promise<ModelRecord> {
  const path = join(root, `${name}.onnx`);
  writeSmallModel(path, seed);
  return call(console, 'models.import', { path });
}

const filesIn = (folder: string): string[] => readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []));

describe('the library', () => {
  test('an import is kept by its content, with its facts, and told', async () => {
    const console = await start();
    const events: ConsoleEvent[] = [];
    console.events.subscribe((event) => events.push(event));
    const model = await importSmall(console);
    expect(model).toMatchObject({ name: 'small', nodes: 7, opset: 13, quantized: false, origin: { kind: 'imported', fileName: 'small.onnx' } });
    expect(filesIn(join(home, 'models'))).toEqual([`${model.sha256}.onnx`]);
    expect(events).toEqual([{ type: 'model.added', model }]);
    const { facts } = await call(console, 'models.get', { id: model.id });
    expect(facts.inputs).toEqual([{ name: 'image', type: 'float32', shape: ['batch', 1, 8, 8] }]);
    expect(facts.layers.map(({ op }) => op)).toContain('Conv');
  });

  test('its graph is for drawing: every node once, in a unit, without weights; a model that is not there is named', async () => {
    const console = await start();
    const { id } = await importSmall(console);
    const graph = await call(console, 'models.graph', { id });
    expect(graph.nodes).toHaveLength(7);
    expect(graph.units.flatMap(({ nodes }) => nodes).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(JSON.stringify(graph).length).toBeLessThan(7 * 1000);
    await expect(call(console, 'models.graph', { id: 'nobody' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('the same bytes again are the same model; others are another', async () => {
    const console = await start();
    const first = await importSmall(console);
    expect(await importSmall(console, 'copy')).toEqual(first);
    const other = await importSmall(console, 'other', 2);
    expect(other.sha256).not.toBe(first.sha256);
    expect((await call(console, 'models.list', {})).map(({ name }) => name)).toEqual(['other', 'small']);
  });

  test('deleting asks for the name, removes the file, and is refused while a job uses it', async () => {
    const console = await start();
    const model = await importSmall(console);
    await expect(call(console, 'models.delete', { id: model.id, confirm: 'smal' })).rejects.toMatchObject({ code: 'CONFLICT' });
    const job = await call(console, 'optimize.start', { modelId: model.id, recipe: script('wait') });
    await expect(call(console, 'models.delete', { id: model.id, confirm: 'small' })).rejects.toMatchObject({ code: 'CONFLICT' });
    await call(console, 'jobs.cancel', { id: job.id });
    await call(console, 'models.delete', { id: model.id, confirm: 'small' });
    expect(filesIn(join(home, 'models'))).toEqual([]);
    await expect(call(console, 'models.get', { id: model.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(call(console, 'jobs.retry', { id: job.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('an export is the same bytes, and replaces only when told so', async () => {
    const console = await start();
    const model = await importSmall(console);
    const path = join(root, 'out.onnx');
    expect(await call(console, 'models.export', { id: model.id, path })).toEqual({ path, bytes: model.bytes });
    expect(readFileSync(path).equals(readFileSync(join(root, 'small.onnx')))).toBe(true);
    await expect(call(console, 'models.export', { id: model.id, path })).rejects.toMatchObject({ code: 'CONFLICT' });
    await call(console, 'models.export', { id: model.id, path, overwrite: true });
  });

  test('an upload is imported under the name it had, once', async () => {
    const console = await start();
    const { id, path } = console.uploads.begin();
    writeSmallModel(path);
    await expect(call(console, 'models.importUpload', { uploadId: id, fileName: 'x.onnx' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    console.uploads.complete(id);
    expect(await call(console, 'models.importUpload', { uploadId: id, fileName: 'shelf v2.onnx' })).toMatchObject({ name: 'shelf v2' });
    expect(filesIn(join(home, 'uploads'))).toEqual([]);
    await expect(call(console, 'models.importUpload', { uploadId: id, fileName: 'x.onnx' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('a file that is no model is a named error and leaves nothing', async () => {
    const console = await start();
    const path = join(root, 'page.onnx');
    writeFileSync(path, '<html>');
    await expect(call(console, 'models.import', { path })).rejects.toMatchObject({ code: 'NOT_ONNX' });
    await expect(call(console, 'models.import', { path: join(root, 'none.onnx') })).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    expect(filesIn(join(home, 'models'))).toEqual([]);
  });

  test('a start removes leftovers and says which model has lost its file', async () => {
    const console = await start();
    const model = await importSmall(console);
    await console.close();
    rmSync(join(home, 'models', model.sha256.slice(0, 2), `${model.sha256}.onnx`));
    writeFileSync(join(home, 'models', 'incoming-1.tmp'), 'half');
    const again = await start();
    expect(log.join('\n')).toContain('"small" is missing');
    expect(filesIn(join(home, 'models'))).toEqual([]);
    await expect(call(again, 'optimize.start', { modelId: model.id, recipe: script('succeed') })).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });
});

describe('hosts', () => {
  test('without native dialogs they are refused by name', async () => {
    const console = await start();
    expect((await call(console, 'app.info', {})).dialogs).toBe(false);
    await expect(call(console, 'dialogs.open', { kind: 'model' })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  test('browsing shows folders first, models only, and nothing hidden', async () => {
    const console = await start();
    writeSmallModel(join(root, 'b/model.onnx'));
    for (const name of ['b/notes.txt', 'b/.hidden.onnx']) writeFileSync(join(root, name), '');
    writeSmallModel(join(root, 'b/deeper/x.onnx'));
    const { entries, parent } = await call(console, 'files.browse', { folder: join(root, 'b'), kind: 'model' });
    expect(entries.map(({ name, folder }) => ({ name, folder }))).toEqual([{ name: 'deeper', folder: true }, { name: 'model.onnx', folder: false }]);
    expect(parent).toBe(root);
    await expect(call(console, 'files.browse', { folder: join(root, 'none'), kind: 'model' })).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  test('a host that is killed loses nothing: the job is interrupted and no process stays', async () => {
    const console = await start();
    const model = await importSmall(console);
    await console.close();
    const host = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'testing/host.ts'), home, model.id], { stdio: ['ignore', 'pipe', 'inherit'] });
    const pids = await new Promise<number[]>((resolve, reject) => {
      host.stdout.once('data', (chunk: Buffer) => resolve(JSON.parse(chunk.toString()) as number[]));
      host.once('exit', (code) => reject(new Error(`the host ended with ${code}`)));
    });
    const ended = new Promise((resolve) => host.once('exit', resolve));
    host.kill('SIGKILL');
    await ended;
    await until(() => pids.every((pid) => !existsSync(`/proc/${pid}`)));
    const again = await start();
    const [job] = await call(again, 'jobs.list', {});
    expect(job).toMatchObject({ state: 'interrupted', error: { code: 'INTERRUPTED' } });
    expect(filesIn(join(home, 'jobs'))).toEqual([]);
    expect(await call(again, 'models.list', {})).toEqual([model]);
  });
});

describe('a real job', () => {
  const ended = async (console: Console, id: string): Promise<JobRecord> => {
    await until(() => console.jobs.get(id).endedAt !== null);
    return call(console, 'jobs.get', { id });
  };

  test('int8 on pictures: a smaller model with its lineage, a report, and again the same result', async () => {
    const console = await start({ entries: findEntries() });
    const model = await importSmall(console);
    await writePictures(join(root, 'pictures'), 12);
    const dataPath = join(root, 'pictures');
    const match = await call(console, 'datasets.match', { path: dataPath, modelId: model.id });
    expect(match.facts).toMatchObject({ kind: 'class-folders', samples: 36, labelled: true });
    const { id } = await call(console, 'optimize.start', { modelId: model.id, recipe: 'int8', dataPath, samples: 12 });
    const job = await ended(console, id);
    expect(job.error).toBeNull();
    expect(job.state).toBe('succeeded');
    const result = job.result ?? { modelId: '', reportId: '' };
    const { model: made } = await call(console, 'models.get', { id: result.modelId });
    expect(made).toMatchObject({ quantized: true, origin: { kind: 'optimized', fromModelId: model.id, jobId: id, recipe: 'int8' } });
    const report = await call(console, 'reports.get', { id: result.reportId });
    expect(report).toMatchObject({ output: { sha256: made.sha256, bytes: made.bytes }, data: { calibrationSamples: 12, overlap: false }, accuracy: { before: { samples: 24 } } });
    expect((await call(console, 'reports.html', { id: result.reportId })).html).toContain('<html');
    expect((await call(console, 'reports.forModel', { modelId: model.id })).map((stored) => stored.id)).toEqual([result.reportId]);
    expect(await call(console, 'datasets.recent', {})).toEqual([{ path: dataPath, name: 'pictures', sample: false }]);

    const again = await ended(console, (await call(console, 'jobs.retry', { id })).id);
    expect(again.result?.modelId).toBe(made.id);
  });

  const victims = [
    // After fidelity the same sessions are needed again; a child that dies idle between two stages is just started again.
    { who: 'the inference child', stages: ['fidelity'], pidOf: (console: Console) => childrenOf(console.jobs.runningPid())[0] },
    { who: 'the job process', stages: ['simplify', 'calibrate', 'fidelity'], pidOf: (console: Console) => console.jobs.runningPid() },
  ];
  for (const { who, stages, pidOf } of victims) {
    for (const stage of stages) {
      test.skipIf(process.platform !== 'linux')(`killing ${who} at "${stage}" fails the job by name, leaves nothing, and the next one works`, async () => {
        const console = await start({ entries: findEntries() });
        const model = await importSmall(console);
        await writePictures(join(root, 'pictures'), 4);
        const input = { modelId: model.id, recipe: 'int8', dataPath: join(root, 'pictures') };
        const { id } = await call(console, 'optimize.start', input);
        const stop = console.events.subscribe((event) => {
          const pid = event.type === 'job.updated' && event.job.progress?.stage === stage ? pidOf(console) : undefined;
          if (pid === undefined) return;
          stop();
          process.kill(pid, 'SIGKILL');
        });
        const job = await ended(console, id);
        expect(filesIn(join(home, 'jobs'))).toEqual([]);
        expect(job).toMatchObject({ state: 'failed', error: { code: 'RUNTIME_CRASHED' } });
        expect(await call(console, 'models.list', {})).toEqual([model]);
        expect(await ended(console, (await call(console, 'jobs.retry', { id })).id)).toMatchObject({ state: 'succeeded', error: null });
      });
    }
  }

  test('the sample runs at the first start only', async () => {
    writeSmallModel(join(root, 'sample.onnx'));
    await writePictures(join(root, 'sample-pictures'), 8);
    const sample = { model: join(root, 'sample.onnx'), data: join(root, 'sample-pictures') };
    const console = await start({ entries: findEntries(), sample });
    const job = await console.firstRun();
    expect(job?.input.recipe).toBe('int8');
    expect(await ended(console, job?.id ?? '')).toMatchObject({ state: 'succeeded', error: null });
    expect(await call(console, 'datasets.recent', {})).toEqual([{ path: sample.data, name: 'sample', sample: true }]);
    expect(await console.firstRun()).toBeUndefined();
    await console.close();
    expect(await (await start({ sample })).firstRun()).toBeUndefined();
  });
});
