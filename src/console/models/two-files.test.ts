/** Models of several files through the whole console: in by path and by upload, kept, run, exported, deleted; nothing of them is left. */
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RouteInput, RouteName, RouteOutput } from '../../contract/rpc/routes.ts';
import { encodeModel, makeTensor, modelFiles, type Model } from '../../engine/onnx/index.ts';
import { buildModel } from '../../../test/support/build-model.ts';
import { createConsole, type Console, type ConsoleOptions } from '../create-console.ts';
import { createNodeProcessHost } from '../jobs/node-process-host.ts';
import { findEntries } from '../processes/entries.ts';
import { copyOut } from './copy-out.ts';
import { modelDownload } from './model-download.ts';
import { withModelFile } from './model-file.ts';

/** Above this a model is two files here; protobuf's own bound is 2 GiB. */
const FILE_BYTES = 8000;

let root: string;
let source: string;
let open: Console[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-two-files-'));
  source = join(root, 'source');
  mkdirSync(source);
  open = [];
});
afterEach(async () => {
  for (const console of open) await console.close();
  rmSync(root, { recursive: true, force: true });
});

async function start(options: Partial<ConsoleOptions> = {}): Promise<Console> {
  const console = await createConsole({ dataFolder: join(root, 'home'), processHost: createNodeProcessHost(), entries: findEntries(), host: 'browser', version: 'test', checkOutputs: true, fileBytes: FILE_BYTES, ...options });
  open.push(console);
  return console;
}

async function call<N extends RouteName>(console: Console, route: N, input: RouteInput<N>): Promise<RouteOutput<N>> {
  const answer = await console.router.call({ id: 1, route, input }, { trusted: true });
  if (!answer.ok) throw Object.assign(new Error(answer.error.message), answer.error);
  return answer.data as RouteOutput<N>;
}

const weights = Float32Array.from({ length: 4096 }, (_, i) => Math.sin(i));
const model = (): Model =>
  buildModel({
    inputs: { x: [1, 64] },
    outputs: ['y'],
    initializers: { w: { dims: [64, 64], values: weights }, b: { dims: [64], values: weights.subarray(0, 64) } },
    nodes: [{ op: 'Identity', in: ['x'], out: ['i'] }, { op: 'Gemm', in: ['i', 'w', 'b'], out: ['g'] }, { op: 'Relu', in: ['g'], out: ['y'] }],
  });

/** The model as `in.onnx` with its weights beside it. */
function writeSource(name = 'in.onnx'): string {
  for (const file of modelFiles(model(), name, { externalData: true })) writeFileSync(join(source, file.name), Buffer.concat([...file.chunks]));
  return join(source, name);
}

const filesIn = (folder: string): string[] => readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : [])).sort();
const weightsOf = (path: string): Promise<Uint8Array> => withModelFile(path, async (file) => Buffer.concat([...encodeModel(file.model).chunks]));

describe('a model with its weights beside it', () => {
  test('is kept as two files where one cannot hold it; its digest covers both', async () => {
    const console = await start();
    const path = writeSource();
    const record = await call(console, 'models.import', { path });
    const stored = await console.library.pathOf(record.id);
    expect(filesIn(join(root, 'home', 'models'))).toEqual(['model.onnx', 'model.onnx.data']);
    expect(record.sha256).toBe(createHash('sha256').update(readFileSync(stored)).update(readFileSync(`${stored}.data`)).digest('hex'));
    expect(record.bytes).toBe(readFileSync(stored).length + readFileSync(`${stored}.data`).length);
    expect(await weightsOf(stored)).toEqual(await weightsOf(path));
    // The same again is the same, and leaves nothing behind.
    expect((await call(console, 'models.import', { path })).id).toBe(record.id);
    expect(filesIn(join(root, 'home', 'models'))).toHaveLength(2);
  });

  test('another weight is another digest', async () => {
    const console = await start();
    const path = writeSource();
    const first = await call(console, 'models.import', { path });
    const data = readFileSync(join(source, 'in.onnx.data'));
    data[2] = (data[2] ?? 0) ^ 1;
    writeFileSync(join(source, 'in.onnx.data'), data);
    const second = await call(console, 'models.import', { path });
    expect(second.sha256).not.toBe(first.sha256);
    expect(filesIn(join(root, 'home', 'models'))).toHaveLength(4);
  });

  test('becomes one file where that is enough', async () => {
    const console = await start({ fileBytes: 1_000_000 });
    const record = await call(console, 'models.import', { path: writeSource() });
    expect(filesIn(join(root, 'home', 'models'))).toEqual([`${record.sha256}.onnx`]);
  });

  test('is optimized, exported with its weights under the new name, and deleted with them', async () => {
    const console = await start();
    const record = await call(console, 'models.import', { path: writeSource() });
    const job = await call(console, 'optimize.start', { modelId: record.id, recipe: 'simplify' });
    await console.jobs.idle();
    const done = await call(console, 'jobs.get', { id: job.id });
    expect(done.error).toBeNull();
    const result = done.result?.modelId ?? '';
    const report = await call(console, 'reports.get', { id: done.result?.reportId ?? '' });
    expect(report.input.sha256).toBe(record.sha256);
    expect(report.input.bytes).toBe(record.bytes);

    const target = join(root, 'out');
    mkdirSync(target);
    const exported = await call(console, 'models.export', { id: record.id, path: join(target, 'mine.onnx') });
    expect(filesIn(target)).toEqual(['mine.onnx', 'mine.onnx.data']);
    expect(exported.bytes).toBe(readFileSync(join(target, 'mine.onnx')).length + readFileSync(join(target, 'mine.onnx.data')).length);
    expect(await weightsOf(join(target, 'mine.onnx'))).toEqual(await weightsOf(join(source, 'in.onnx')));
    await expect(call(console, 'models.export', { id: record.id, path: join(target, 'mine.onnx') })).rejects.toMatchObject({ code: 'CONFLICT' });

    await call(console, 'models.delete', { id: record.id, confirm: record.name });
    await call(console, 'models.delete', { id: result, confirm: console.library.get(result).record.name });
    expect(filesIn(join(root, 'home', 'models'))).toEqual([]);
  }, 60_000);

  test('a data file in the way of an export stops it before anything is written', async () => {
    const console = await start();
    const record = await call(console, 'models.import', { path: writeSource() });
    writeFileSync(join(root, 'mine.onnx.data'), 'somebody else');
    await expect(call(console, 'models.export', { id: record.id, path: join(root, 'mine.onnx') })).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('mine.onnx.data') });
    expect(readFileSync(join(root, 'mine.onnx.data'), 'utf8')).toBe('somebody else');
    expect(readdirSync(root)).not.toContain('mine.onnx');
  });

  test('what a crash left of an import is swept, what is whole stays', async () => {
    const first = await start();
    const record = await call(first, 'models.import', { path: writeSource() });
    await first.close();
    open = [];
    const half = join(root, 'home', 'models', 'incoming-1.tmp');
    mkdirSync(half);
    writeFileSync(join(half, 'model.onnx.data'), 'half');
    const second = await start();
    expect(filesIn(join(root, 'home', 'models'))).toEqual(['model.onnx', 'model.onnx.data']);
    expect(await second.library.pathOf(record.id)).toContain(record.sha256);
  });

  test('weights that are missing are named, and nothing is kept', async () => {
    const console = await start();
    const path = writeSource();
    rmSync(join(source, 'in.onnx.data'));
    await expect(call(console, 'models.import', { path })).rejects.toMatchObject({ code: 'EXTERNAL_BAD', message: expect.stringContaining('in.onnx.data') });
    expect(filesIn(join(root, 'home', 'models'))).toEqual([]);
  });
});

describe('a model sent through the page with its weights', () => {
  const send = (console: Console, bytes: Uint8Array): string => {
    const { id, path } = console.uploads.begin();
    writeFileSync(path, bytes);
    console.uploads.complete(id);
    return id;
  };

  test('is imported as one by path is, and the uploads are gone', async () => {
    const console = await start();
    const path = writeSource();
    const [uploadId, dataId] = [send(console, readFileSync(path)), send(console, readFileSync(`${path}.data`))];
    const record = await call(console, 'models.importUpload', { uploadId, fileName: 'in.onnx', data: [{ uploadId: dataId, fileName: 'in.onnx.data' }] });
    expect(record).toMatchObject({ name: 'in', origin: { kind: 'imported', fileName: 'in.onnx' } });
    expect(record.sha256).toBe((await call(console, 'models.import', { path })).sha256);
    expect(filesIn(join(root, 'home', 'uploads'))).toEqual([]);
  });

  test.each(['../in.onnx.data', '/etc/passwd', 'a/b.data', '..', 'a\\b', 'C:data', 'model.onnx'])('a data file named %s is refused', async (fileName) => {
    const console = await start();
    const path = writeSource();
    const [uploadId, dataId] = [send(console, readFileSync(path)), send(console, readFileSync(`${path}.data`))];
    await expect(call(console, 'models.importUpload', { uploadId, fileName: 'in.onnx', data: [{ uploadId: dataId, fileName }] })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    expect(filesIn(join(root, 'home', 'uploads'))).toEqual([]);
    expect(filesIn(root).filter((name) => name.endsWith('.parts'))).toEqual([]);
  });

  test('one upload given twice is refused', async () => {
    const console = await start();
    const uploadId = send(console, readFileSync(writeSource()));
    await expect(call(console, 'models.importUpload', { uploadId, fileName: 'in.onnx', data: [{ uploadId, fileName: 'in.onnx.data' }] })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });
});

test('a page gets both files as one archive, which tar unpacks', async () => {
  const console = await start();
  const record = await call(console, 'models.import', { path: writeSource() });
  const { fileName, bytes, body } = await modelDownload(await console.library.pathOf(record.id), record.name);
  expect(fileName).toBe('in.tar');
  const archive = join(root, fileName);
  await pipeline(body(), createWriteStream(archive));
  expect(statSync(archive).size).toBe(bytes);
  const target = join(root, 'unpacked');
  mkdirSync(target);
  execFileSync('tar', ['-xf', archive, '-C', target]);
  expect(filesIn(target)).toEqual(['model.onnx', 'model.onnx.data']);
  expect(await weightsOf(join(target, 'model.onnx'))).toEqual(await weightsOf(join(source, 'in.onnx')));
});

describe('copyOut of two files', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'edgewise-copy-out-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('replaces both', async () => {
    const other = model();
    other.graph.initializers.set('w', makeTensor('w', 1, [64, 64], new Uint8Array(4 * 4096)));
    for (const [name, each] of [['old.onnx', other], ['new.onnx', model()]] as const) {
      for (const file of modelFiles(each, name, { externalData: true })) writeFileSync(join(folder, file.name), Buffer.concat([...file.chunks]));
    }
    const expected = await weightsOf(join(folder, 'new.onnx'));
    await copyOut(join(folder, 'new.onnx'), join(folder, 'old.onnx'), true);
    expect(await weightsOf(join(folder, 'old.onnx'))).toEqual(expected);
    expect(filesIn(folder)).toEqual(['new.onnx', 'new.onnx.data', 'old.onnx', 'old.onnx.data']);
  });
});
