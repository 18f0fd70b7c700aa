/**
 * Hostile models against the doors that people use: the command line, the library, the report page. Names that act, data files that point
 * elsewhere, bombs of constants.
 */
import { spawn } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createConsole, type Console } from '../src/console/create-console.ts';
import { createNodeProcessHost } from '../src/console/jobs/node-process-host.ts';
import { findEntries } from '../src/console/processes/entries.ts';
import { encodeModel, modelFacts } from '../src/engine/onnx/index.ts';
import { simplifyOrder } from '../src/engine/passes/index.ts';
import { runPasses } from '../src/engine/passes/pipeline.ts';
import { buildModel, modelBytes, reread, type ModelSpec } from './support/build-model.ts';
import { hostileFiles } from './support/hostile-files.ts';
import { foldingBombs, inputBombs, memoryBombs, timeBombs, traps } from './support/hostile-models.ts';
import { makePipe } from './support/make-pipe.ts';
import { encodeWithOracle } from './support/onnx-proto.ts';

const CLI = join(import.meta.dirname, '../src/cli/index.ts');
const SECRET = 'secret-that-belongs-to-nobody-else';

let root: string;
let home: Console;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-hostile-'));
  home = await createConsole({ dataFolder: join(root, 'home'), processHost: createNodeProcessHost(), entries: findEntries(), host: 'browser', version: 'test', checkOutputs: true, log: () => {} });
});
afterAll(async () => {
  await home.close();
  rmSync(root, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function edgewise(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}

interface Shown {
  readonly error: { readonly code: string; readonly message: string; readonly hint: string };
}

function expectRefused({ code, out, err }: Ended, expected: string): void {
  const { error } = JSON.parse(out) as Shown;
  expect(error.code, error.message).toBe(expected);
  expect(error.message).toMatch(/\w{3}/u);
  expect(error.hint).toMatch(/\w{3}/u);
  expect(code).toBe(3);
  expect(out + err).not.toContain(SECRET);
  // Nothing that a terminal would act on, and no stack.
  // oxlint-disable-next-line no-control-regex
  expect(out + err).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f\u202a-\u202e\u2066-\u2069]|\n {4}at /u);
}

async function importModel(path: string): Promise<Shown['error'] | null> {
  const answer = await home.router.call({ id: 1, route: 'models.import', input: { path } }, { trusted: true });
  return answer.ok ? null : (answer.error as Shown['error']);
}

function save(name: string, bytes: Uint8Array): string {
  const path = join(root, name);
  writeFileSync(path, bytes);
  return path;
}

const named = (name: string): ModelSpec => ({ inputs: { [name]: [1, 4] }, outputs: ['y'], nodes: [{ op: 'Relu', in: [name], out: ['y'], name: 'n' }] });
const nodeNamed = (name: string): ModelSpec => ({ inputs: { x: [1, 4] }, outputs: ['y'], nodes: [{ op: 'Relu', in: ['x'], out: ['y'], name }] });

describe('names that act', () => {
  const cases: readonly (readonly [string, Uint8Array])[] = [
    ['a script as the name of a node', modelBytes(buildModel(nodeNamed('<script>alert(1)</script>')))],
    ['a script as the name of an input', modelBytes(buildModel(named('<img src=x onerror=alert(1)>')))],
    ['a name that is written from right to left', modelBytes(buildModel(nodeNamed('safe\u202Egnp.exe')))],
    ['a name that clears the terminal', modelBytes(buildModel(nodeNamed('\u001B[2J\u001B[1;1H')))],
    // Built by hand: in an object literal it would be no key.
    ['__proto__ as an input', encodeWithOracle({
      ir_version: '8', opset_import: [{ version: '17' }],
      graph: { name: 'g', node: [{ op_type: 'Relu', input: ['__proto__'], output: ['y'] }], input: [{ name: '__proto__', type: { tensor_type: { elem_type: 1 } } }], output: [{ name: 'y' }] },
    })],
  ];

  it.each(cases)('%s is refused by inspect and by the library', async (_, bytes) => {
    const path = save('name.onnx', bytes);
    expectRefused(await edgewise(['inspect', path, '--json']), 'UNSAFE_NAME');
    const error = await importModel(path);
    expect(error).toMatchObject({ code: 'UNSAFE_NAME', hint: expect.stringMatching(/\w/u) });
    expect(readdirSync(join(root, 'home', 'models'))).toEqual([]);
  });

  it('what is allowed in a name, and any name of a file, is escaped on the report page', async () => {
    const mark = '<b onmouseover=alert(1)>"\'&amp;';
    const model = buildModel({
      inputs: { x: [1, 4] },
      outputs: ['y'],
      initializers: { w: { dims: [4, 4], values: Array.from({ length: 16 }, (_, i) => i / 16 - 0.4) }, b: { dims: [4], values: [0, 1, 2, 3] } },
      nodes: [{ op: 'Identity', in: ['x'], out: ['same'], name: `${mark}1` }, { op: 'Gemm', in: ['same', 'w', 'b'], out: ['y'], name: `${mark}2` }],
    });
    const file = process.platform === 'win32' ? 'plain.onnx' : '<img src=x onerror=alert(1)>.onnx';
    const report = join(root, 'report.html');
    const ended = await edgewise(['optimize', save(file, modelBytes(model)), '-o', join(root, 'out.onnx'), '--report', report, '--json']);
    expect(ended.code, ended.err).toBe(0);
    const html = readFileSync(report, 'utf8');
    expect(html).toContain(process.platform === 'win32' ? 'plain' : '&lt;img src=x');
    expect(html).not.toMatch(/<img|<b[\s>]|<script|onerror=alert\(1\)>(?!\.|<)/u);
  });
});

describe('every hostile file', () => {
  it.each(hostileFiles().map(([code, files]) => ({ code, files })))('$code: the library refuses each by that name and keeps nothing', async ({ code, files }) => {
    // Its own folder: the data file that some of them name is there.
    const folder = mkdtempSync(join(root, 'files-'));
    writeFileSync(join(folder, 'd'), new Uint8Array(64));
    for (const [name, bytes] of files) {
      const path = join(folder, 'model.onnx');
      writeFileSync(path, bytes);
      const error = await importModel(path);
      expect(error, name).toMatchObject({ code, message: expect.stringMatching(/\w{3}/u), hint: expect.stringMatching(/\w{3}/u) });
    }
    expect(readdirSync(join(root, 'home', 'models'))).toEqual([]);
  });
});

describe('data files that point elsewhere', () => {
  const outside = (location: string, changes: readonly { readonly key: string; readonly value: string }[] = []): Uint8Array =>
    encodeWithOracle({
      ir_version: '8', opset_import: [{ version: '17' }],
      graph: {
        name: 'g', node: [{ op_type: 'Add', input: ['x', 'w'], output: ['y'] }],
        input: [{ name: 'x', type: { tensor_type: { elem_type: 1, shape: { dim: [{ dim_value: '8' }] } } } }], output: [{ name: 'y' }],
        initializer: [{ name: 'w', dims: ['8'], data_type: 1, data_location: 1, external_data: [{ key: 'location', value: location }, ...changes] }],
      },
    });

  it.skipIf(process.platform === 'win32')('are not opened by inspect, the library or a job', async () => {
    const folder = join(root, 'downloads');
    mkdirSync(folder);
    const secret = save('secret.bin', new TextEncoder().encode(SECRET));
    // Whoever opens the pipe waits for ever.
    makePipe(join(root, 'pipe'));
    symlinkSync(secret, join(folder, 'link.bin'));
    linkSync(secret, join(folder, 'hard.bin'));
    symlinkSync(root, join(folder, 'linked'));
    symlinkSync(join(root, 'pipe'), join(folder, 'linkpipe'));
    for (const location of ['../secret.bin', 'a/../../secret.bin', secret, 'link.bin', 'hard.bin', 'linked/secret.bin', '../pipe', 'linkpipe', '/dev/zero', 'file:///etc/passwd', '*/_ORT_MEM_ADDR_/*']) {
      const path = join(folder, 'model.onnx');
      writeFileSync(path, outside(location));
      expect((await importModel(path))?.code, location).toBe('EXTERNAL_FORBIDDEN');
      if (location === 'hard.bin' || location === 'linkpipe') {
        expectRefused(await edgewise(['inspect', path, '--json']), 'EXTERNAL_FORBIDDEN');
        expectRefused(await edgewise(['optimize', path, '-o', join(root, 'taken.onnx'), '--recipe', 'simplify', '--json']), 'EXTERNAL_FORBIDDEN');
        expect(existsSync(join(root, 'taken.onnx'))).toBe(false);
      }
    }
  });

  it('a context of another runtime that names a file is no way around', async () => {
    save('context.bin', new TextEncoder().encode(SECRET));
    const path = save('context.onnx', modelBytes(buildModel({
      inputs: { x: [1] },
      outputs: ['y'],
      domains: { 'com.microsoft': 1 },
      nodes: [{ op: 'EPContext', domain: 'com.microsoft', in: ['x'], out: ['y'], attrs: { embed_mode: 0, ep_cache_context: '../context.bin', main_context: 1, source: 'QNN' } }],
    })));
    const ended = await edgewise(['optimize', path, '-o', join(root, 'taken.onnx'), '--recipe', 'simplify', '--json']);
    expectRefused(ended, (JSON.parse(ended.out) as Shown).error.code === 'UNSUPPORTED_OP' ? 'UNSUPPORTED_OP' : 'RUNTIME_ERROR');
  });
});

describe('the command line over what harms when it is run', () => {
  const limits = { EDGEWISE_MAX_MEMORY_MB: '600', EDGEWISE_MAX_QUIET_SECONDS: '2' };
  const commands: readonly (readonly [string, () => ModelSpec, readonly string[], string])[] = [
    ['optimize, a bomb', memoryBombs['Loop that collects'] as () => ModelSpec, ['optimize', 'MODEL', '-o', 'OUT', '--recipe', 'simplify'], 'RESOURCE_LIMIT'],
    ['bench, a bomb folded at load', foldingBombs['folded at load: ten weights, each expanded to 1 GB'] as () => ModelSpec, ['bench', 'MODEL'], 'RESOURCE_LIMIT'],
    ['compare, an endless loop', timeBombs['Loop without a bound'] as () => ModelSpec, ['compare', 'MODEL', 'MODEL'], 'RESOURCE_LIMIT'],
    ...(process.arch === 'x64' ? ([['bench, a trap', traps['INT64_MIN / -1'] as () => ModelSpec, ['bench', 'MODEL'], 'RUNTIME_CRASHED']] as const) : []),
  ];

  it.skipIf(process.platform !== 'linux').each(commands)('%s', async (_, make, args, code) => {
    const model = save('bomb.onnx', modelBytes(buildModel(make())));
    const out = join(root, 'bomb-out.onnx');
    expectRefused(await edgewise([...args.map((arg) => arg.replace('MODEL', model).replace('OUT', out)), '--json'], limits), code);
    expect(existsSync(out)).toBe(false);
  });

  it('limits that are no numbers are named', async () => {
    const model = save('plain.onnx', modelBytes(buildModel(nodeNamed('n'))));
    const ended = await edgewise(['bench', model, '--json'], { EDGEWISE_MAX_MEMORY_MB: 'much' });
    expect((JSON.parse(ended.out) as Shown).error).toMatchObject({ code: 'USAGE', message: expect.stringContaining('EDGEWISE_MAX_MEMORY_MB') });
  });
});

describe('what the program itself computes of them', () => {
  const all = { ...memoryBombs, ...foldingBombs, ...inputBombs, ...timeBombs, ...traps };

  it.each(Object.keys(all))('%s: facts and passes stay small', async (name) => {
    const model = reread(buildModel((all[name] as () => ModelSpec)()));
    const before = process.resourceUsage().maxRSS;
    expect(modelFacts(model, 1000, []).nodes).toBe(model.graph.nodes.length);
    let asked = 0;
    const { model: simpler } = await runPasses(model, simplifyOrder, {
      clock: () => 0,
      evaluate: (constants) => {
        // What goes to the runtime for folding is bounded by shapes that were inferred; a bomb is never in it.
        asked += 1;
        for (const { shape } of constants.graph.outputs) expect((shape ?? []).reduce((product: number, dim) => product * Number(dim), 1)).toBeLessThan(2 ** 20);
        return Promise.reject(new Error('not run here'));
      },
    });
    expect(asked).toBeLessThan(20);
    expect(encodeModel(simpler).byteLength).toBeLessThan(encodeModel(model).byteLength + 200_000);
    // kB on Linux, and never less than before.
    expect(process.resourceUsage().maxRSS - before).toBeLessThan(200_000);
  });
});
