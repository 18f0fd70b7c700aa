/** The command as other programs call it: a process with exit code, standard output and standard error. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { optimizeReport } from '../contract/records/report.ts';
import { writePictures, writeSmallModel } from '../console/testing/small-model.ts';

const ENTRY = join(import.meta.dirname, 'index.ts');

let root: string;
let model: string;
let pictures: string;
let scratch: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-cli-'));
  model = join(root, 'small.onnx');
  pictures = join(root, 'pictures');
  writeSmallModel(model);
  await writePictures(pictures, 10);
});
beforeEach(() => {
  // Each command gets its own folder for temporary files, so that what it leaves behind shows.
  scratch = mkdtempSync(join(root, 'tmp-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function launch(args: readonly string[]): { readonly child: ChildProcess; readonly ended: Promise<Ended>; readonly output: () => string } {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ENTRY, ...args], {
    env: { ...process.env, TMPDIR: scratch, EDGEWISE_HOME: join(scratch, 'home') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  return { child, ended: new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err }))), output: () => out + err };
}

const edgewise = (...args: string[]): Promise<Ended> => launch(args).ended;
const json = ({ out }: Ended): Record<string, unknown> => {
  // Exactly one object, on one line.
  expect(out.trimEnd().split('\n')).toHaveLength(1);
  return JSON.parse(out) as Record<string, unknown>;
};

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('errors', () => {
  const cases: readonly { readonly args: readonly string[]; readonly exit: number; readonly code: string }[] = [
    { args: ['frobnicate'], exit: 2, code: 'USAGE' },
    { args: [], exit: 2, code: 'USAGE' },
    { args: ['inspect'], exit: 2, code: 'USAGE' },
    { args: ['inspect', 'a', 'b'], exit: 2, code: 'USAGE' },
    { args: ['inspect', 'MODEL', '--depth', '3'], exit: 2, code: 'USAGE' },
    { args: ['bench', 'MODEL', '--threads', '0'], exit: 2, code: 'USAGE' },
    { args: ['optimize', 'MODEL'], exit: 2, code: 'USAGE' },
    { args: ['optimize', 'MODEL', '-o', 'MODEL'], exit: 2, code: 'USAGE' },
    { args: ['optimize', 'MODEL', '-o', ''], exit: 2, code: 'USAGE' },
    { args: ['optimize', 'MODEL', '-o', 'ROOT/empty'], exit: 2, code: 'USAGE' },
    { args: ['optimize', 'MODEL', '-o', 'ROOT/out.json', '--report', 'ROOT/out.json'], exit: 2, code: 'USAGE' },
    { args: ['optimize', 'MODEL', '-o', 'ROOT/page.onnx/out.onnx'], exit: 3, code: 'FILE_NOT_FOUND' },
    { args: ['inspect', ''], exit: 3, code: 'FILE_NOT_FOUND' },
    { args: ['optimize', 'MODEL', '-o', 'ROOT/out.onnx', '--preprocess', 'ROOT/none.json'], exit: 3, code: 'FILE_NOT_FOUND' },
    { args: ['evaluate', 'MODEL', '--data', ''], exit: 2, code: 'USAGE' },
    { args: ['evaluate', 'MODEL', '--data', 'PICTURES', '--labels', ''], exit: 2, code: 'USAGE' },
    { args: ['evaluate', 'MODEL', '--data', 'PICTURES', '--labels', 'ROOT'], exit: 3, code: 'BAD_LABELS' },
    { args: ['optimize', 'MODEL', '-o', 'ROOT/out.onnx', '--recipe', 'ROOT'], exit: 3, code: 'FILE_UNREADABLE' },
    { args: ['evaluate', 'MODEL'], exit: 2, code: 'USAGE' },
    { args: ['inspect', 'ROOT/none.onnx'], exit: 3, code: 'FILE_NOT_FOUND' },
    { args: ['inspect', 'ROOT'], exit: 3, code: 'FILE_UNREADABLE' },
    { args: ['inspect', 'ROOT/page.onnx'], exit: 3, code: 'NOT_ONNX' },
    { args: ['inspect', 'ROOT/half.onnx'], exit: 3, code: 'TRUNCATED' },
    { args: ['compare', 'MODEL', 'ROOT/none.onnx'], exit: 3, code: 'FILE_NOT_FOUND' },
    { args: ['optimize', 'MODEL', '-o', 'ROOT/out.onnx', '--recipe', 'magic'], exit: 3, code: 'BAD_RECIPE' },
    { args: ['optimize', 'MODEL', '-o', 'ROOT/no/out.onnx'], exit: 3, code: 'FILE_NOT_FOUND' },
    { args: ['optimize', 'MODEL', '-o', 'ROOT/out.onnx', '--preprocess', '{"zoom":1}'], exit: 3, code: 'BAD_PREPROCESS' },
    { args: ['optimize', 'MODEL', '-o', 'ROOT/out.onnx', '--data', 'ROOT/none'], exit: 3, code: 'FILE_NOT_FOUND' },
    { args: ['evaluate', 'MODEL', '--data', 'ROOT/empty'], exit: 3, code: 'BAD_DATASET' },
  ];
  beforeAll(() => {
    writeFileSync(join(root, 'page.onnx'), '<!doctype html><p>404</p>');
    const bytes = readFileSync(model);
    writeFileSync(join(root, 'half.onnx'), bytes.subarray(0, bytes.length / 2));
    mkdirSync(join(root, 'empty'), { recursive: true });
  });
  for (const { args, exit, code } of cases) {
    test(`edgewise ${args.join(' ')}: ${exit}, ${code}`, async () => {
      const ended = await edgewise(...args.map((arg) => arg.replace('MODEL', model).replace('ROOT', root).replace('PICTURES', pictures)), '--json');
      expect(json(ended)).toEqual({ error: { code, message: expect.any(String), hint: expect.any(String) } });
      expect(ended.code).toBe(exit);
      expect(existsSync(join(root, 'out.onnx'))).toBe(false);
    });
  }

  test('without --json they are text on standard error, with the code and the next step', async () => {
    const ended = await edgewise('inspect', join(root, 'page.onnx'));
    expect(ended).toMatchObject({ code: 3, out: '' });
    expect(ended.err).toContain('[NOT_ONNX]');
  });
});

describe('what is printed', () => {
  test('--help works for the program and for each command, and is no error', async () => {
    const main = await edgewise('--help');
    expect(main).toMatchObject({ code: 0, err: '' });
    for (const command of ['inspect', 'optimize', 'evaluate', 'compare', 'bench', 'serve', 'doctor', 'version']) expect(main.out).toContain(`  ${command} `);
    expect((await edgewise('optimize', '--help')).out).toContain('--recipe <name|file>');
  });

  test('version and doctor', async () => {
    expect(json(await edgewise('version', '--json'))).toEqual({ version: expect.stringMatching(/^\d+\.\d+\.\d+/), node: process.versions.node });
    const doctor = await edgewise('doctor', '--json');
    expect(doctor.code).toBe(0);
    expect((json(doctor)['checks'] as { name: string }[]).map(({ name }) => name)).toEqual(expect.arrayContaining(['node', 'onnxruntime', 'sharp', 'electron', 'chromium', 'cpu', 'memory', 'data folder', 'energy meter']));
  });

  test('inspect has exactly the promised fields', async () => {
    const facts = json(await edgewise('inspect', model, '--json'));
    expect(Object.keys(facts)).toEqual(['nodes', 'parameters', 'macs', 'bytes', 'opset', 'ir', 'inputs', 'outputs', 'layers', 'warnings']);
    expect(facts).toMatchObject({ nodes: 7, opset: 13, ir: 8, bytes: readFileSync(model).length, inputs: [{ name: 'image', type: 'float32', shape: ['batch', 1, 8, 8] }] });
    expect((facts['layers'] as object[])[0]).toEqual({ name: 'conv', op: 'Conv', macs: 8 * 9 * 36, parameters: expect.any(Number), outputShape: ['batch', 8, 6, 6] });
  });
});

describe('optimize', () => {
  test('writes the model and both reports, and prints the promised fields', async () => {
    const out = join(scratch, 'out.onnx');
    const ended = await edgewise('optimize', model, '-o', out, '--data', pictures, '--samples', '9', '--report', join(scratch, 'report'), '--json');
    expect(ended.code).toBe(0);
    const result = json(ended);
    const side = { bytes: expect.any(Number), nodes: expect.any(Number), macs: expect.any(Number), parameters: expect.any(Number) };
    expect(result).toMatchObject({
      input: side,
      output: { ...side, bytes: readFileSync(out).length },
      fidelity: { cosine: expect.any(Number), top1Agreement: expect.any(Number) },
      latency: { threads: 1, beforeMs: { median: expect.any(Number), p95: expect.any(Number) }, afterMs: expect.anything(), ratio: expect.any(Number), ci95: [expect.any(Number), expect.any(Number)] },
      accuracy: { before: { samples: 21 } },
      seconds: expect.any(Number),
      peakRssBytes: expect.any(Number),
    });
    expect((result['steps'] as object[])[0]).toEqual({ pass: expect.any(String), changed: expect.any(Boolean), stats: expect.anything(), ms: expect.any(Number) });
    expect(optimizeReport.parse(JSON.parse(readFileSync(join(scratch, 'report.json'), 'utf8'))).data?.calibrationSamples).toBe(9);
    expect(readFileSync(join(scratch, 'report.html'), 'utf8')).toContain('small');
    expect(readdirSync(scratch).sort()).toEqual(['out.onnx', 'report.html', 'report.json']);
    expect(ended.err).toContain('%');
  });

  test('the same seed gives the same bytes', async () => {
    const paths = [join(scratch, 'a.onnx'), join(scratch, 'b.onnx')];
    for (const path of paths) expect((await edgewise('optimize', model, '-o', path, '--data', pictures, '--seed', '5', '--samples', '6')).code).toBe(0);
    const [first, second] = paths.map((path) => readFileSync(path));
    expect(first?.equals(second ?? Buffer.alloc(0))).toBe(true);
  });

  test('a gate that is not met: exit code 4, the report, and no model unless --keep', async () => {
    const recipe = join(scratch, 'strict.json');
    const out = join(scratch, 'out.onnx');
    writeFileSync(recipe, JSON.stringify({ version: 1, name: 'strict', steps: [{ step: 'remove-identity' }], gates: [{ metric: 'bytes', op: '<=', value: 1 }] }));
    const refused = await edgewise('optimize', model, '-o', out, '--recipe', recipe, '--report', join(scratch, 'r.json'), '--json');
    expect(refused.code).toBe(4);
    expect(json(refused)['gates']).toEqual([{ metric: 'bytes', op: '<=', value: 1, measured: expect.any(Number), met: false }]);
    expect(refused.err).toContain('[GATE_NOT_MET]');
    expect(existsSync(join(scratch, 'r.json'))).toBe(true);
    expect(existsSync(out)).toBe(false);
    expect((await edgewise('optimize', model, '-o', out, '--recipe', recipe, '--keep')).code).toBe(4);
    expect(existsSync(out)).toBe(true);
  });

  test.each(['fp16', 'portable'])('the recipe %s writes a model, and with a gate that it does not meet none', async (name) => {
    const out = join(scratch, 'out.onnx');
    const done = await edgewise('optimize', model, '-o', out, '--recipe', name, '--json');
    expect([done.code, existsSync(out)]).toEqual([0, true]);
    rmSync(out);
    const strict = join(scratch, 'strict.json');
    writeFileSync(strict, JSON.stringify({ ...(JSON.parse(readFileSync(join(import.meta.dirname, `../../resources/recipes/${name}.json`), 'utf8')) as object), gates: [{ metric: 'bytes', op: '<=', value: 1 }] }));
    expect([(await edgewise('optimize', model, '-o', out, '--recipe', strict)).code, existsSync(out)]).toEqual([4, false]);
  });

  test('--portable keeps int8 within 16 bits, and is refused where the recipe makes no int8', async () => {
    const report = join(scratch, 'r.json');
    expect((await edgewise('optimize', model, '-o', join(scratch, 'out.onnx'), '--portable', '--report', report)).code).toBe(0);
    const { recipe, steps } = optimizeReport.parse(JSON.parse(readFileSync(report, 'utf8')));
    expect(recipe.steps.at(-1)?.options).toMatchObject({ reduceRange: 'where-needed' });
    expect(steps.at(-1)?.notes.join(' ')).toContain('without VNNI the answers are the same');
    const refused = await edgewise('optimize', model, '-o', join(scratch, 'other.onnx'), '--portable', '--recipe', 'fp16', '--json');
    expect([refused.code, refused.out]).toEqual([2, expect.stringContaining('makes no int8')]);
  });

  test('matmul recipes say what they lack where there is no matrix product that is large enough', async () => {
    const refused = await edgewise('optimize', model, '-o', join(scratch, 'out.onnx'), '--recipe', 'matmul-int4', '--json');
    expect([refused.code, refused.out]).toEqual([3, expect.stringContaining('NOT_QUANTIZABLE')]);
  });

  test('readers that go away early: the model is written, and nothing else is left', async () => {
    const output = join(scratch, 'unread.onnx');
    const { child, ended } = launch(['optimize', model, '-o', output, '--recipe', 'simplify', '--json']);
    child.stdout?.destroy();
    child.stderr?.destroy();
    expect((await ended).code).toBe(0);
    expect(readdirSync(scratch)).toEqual(['unread.onnx']);
  });

  test('Ctrl+C: exit code 130, and nothing left', async () => {
    const { child, ended, output } = launch(['optimize', model, '-o', join(scratch, 'out.onnx'), '--data', pictures, '--report', join(scratch, 'r'), '--json']);
    await until(() => output().includes('%'));
    child.kill('SIGINT');
    const { code, out } = await ended;
    expect(code).toBe(130);
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'CANCELLED' } });
    expect(readdirSync(scratch)).toEqual([]);
  });
});

describe('measuring', () => {
  test('evaluate needs labels and says how it fed the samples', async () => {
    const ended = await edgewise('evaluate', model, '--data', pictures, '--json');
    expect(ended.code).toBe(0);
    expect(json(ended)).toMatchObject({ samples: 30, top1: expect.any(Number), top5: 1, preprocess: expect.anything(), preprocessGuessed: true });
  });

  test('compare with itself is identical, with data and without', async () => {
    expect(json(await edgewise('compare', model, model, '--data', pictures, '--samples', '5', '--json'))).toMatchObject({ fidelity: { samples: 5, sqnrDb: null, top1Agreement: 1 }, accuracy: { a: { samples: 5 } } });
    const generated = json(await edgewise('compare', model, model, '--json'));
    expect(generated).toMatchObject({ a: { nodes: 7 }, b: { nodes: 7 }, fidelity: { samples: 32, sqnrDb: null }, latency: { threads: 1 }, accuracy: null });
  });

  test('bench', async () => {
    expect(json(await edgewise('bench', model, '--threads', '2', '--seconds', '1', '--json'))).toMatchObject({ threads: 2, runs: expect.any(Number), ms: { median: expect.any(Number), p95: expect.any(Number) } });
  });
});

describe('serve', () => {
  const page = join(import.meta.dirname, '../../out/renderer/index.html');

  test.skipIf(!existsSync(page))('prints an address, keeps its folder to itself, and ends on a signal', async () => {
    const first = launch(['serve', '--port', '0']);
    await until(() => /http:\/\/127\.0\.0\.1:\d+\/\?token=\S+/.test(first.output()));
    const second = await edgewise('serve', '--port', '0', '--json');
    expect(second.code).toBe(1);
    expect(json(second)).toMatchObject({ error: { code: 'CONFLICT', message: expect.stringContaining(`process ${first.child.pid}`) } });
    first.child.kill('SIGTERM');
    expect((await first.ended).code).toBe(0);
  });
});
