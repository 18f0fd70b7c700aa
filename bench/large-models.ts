/**
 * A model above 2 GiB through everything: looked at, imported, simplified, written again, timed, exported. Its weights are a data file full
 * of holes (a table of embeddings of which a few rows are numbers), so the input costs no disk; what is written does. Prints one JSON
 * object with seconds and the largest resident memory of each step's process; on Linux, where memory can be read.
 *
 *   node bench/large-models.ts [--gigabytes 2.3] [--int8]
 */
import { spawn } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createConsole } from '../src/console/create-console.ts';
import { createNodeProcessHost } from '../src/console/jobs/node-process-host.ts';
import { findEntries } from '../src/console/processes/entries.ts';
import { DataType, encodeModel, int64Tensor, type Tensor } from '../src/engine/onnx/index.ts';
import { buildModel } from '../test/support/build-model.ts';

const WIDTH = 512;
/** Weights of the layers behind the table, which are read and computed with. */
const LAYERS = 4;
const CLI = join(import.meta.dirname, '../src/cli/index.ts');
const { values: flags } = parseArgs({ options: { gigabytes: { type: 'string', default: '2.3' }, int8: { type: 'boolean', default: false }, import: { type: 'string' } } });

interface Step {
  readonly seconds: number;
  /** Over the process and its children, each on its own. */
  readonly peakMb: number;
  readonly code: number | null;
  readonly note?: string;
}

/** Writes `model.onnx` and a sparse `weights.bin`. @returns bytes of both */
function writeModel(folder: string, gigabytes: number): number {
  const rows = Math.ceil((gigabytes * 1e9) / (WIDTH * 4));
  const data = openSync(join(folder, 'weights.bin'), 'w');
  let at = 0;
  const tensor = (name: string, dims: readonly number[], fill: (index: number) => number, filled: number): Tensor => {
    const length = dims.reduce((product, dim) => product * dim, 4);
    writeSync(data, new Uint8Array(Float32Array.from({ length: filled }, (_, i) => fill(i)).buffer), 0, filled * 4, at);
    const payload = { kind: 'external' as const, location: 'weights.bin', offset: at, length, open: () => { throw new Error('not read here'); } };
    at = Math.ceil((at + length) / 4096) * 4096;
    return { name, dataType: DataType.FLOAT, dims, payload };
  };
  const table = tensor('table', [rows, WIDTH], (i) => Math.sin(i), 1000 * WIDTH);
  const layers = Array.from({ length: LAYERS }, (_, layer) => tensor(`w${layer}`, [WIDTH, WIDTH], (i) => Math.cos(i * (layer + 1)) / 23, WIDTH * WIDTH));
  ftruncateSync(data, at);
  closeSync(data);
  const model = buildModel({
    inputs: { ids: { type: 'FLOAT', shape: [1, 16] } },
    outputs: ['y'],
    initializers: { table, ...Object.fromEntries(layers.map((layer) => [layer.name, layer])), last: int64Tensor('last', [], [999]) },
    nodes: [
      { op: 'Cast', in: ['ids'], out: ['whole'], attrs: { to: DataType.INT64 } },
      { op: 'Abs', in: ['whole'], out: ['positive'] },
      { op: 'Min', in: ['positive', 'last'], out: ['bounded'] },
      { op: 'Gather', in: ['table', 'bounded'], out: ['h0'] },
      ...layers.flatMap(({ name }, layer) => [
        { op: 'Identity', in: [`h${layer}`], out: [`i${layer}`] },
        { op: 'MatMul', in: [`i${layer}`, name], out: [`m${layer}`] },
        { op: 'Relu', in: [`m${layer}`], out: [layer === LAYERS - 1 ? 'y' : `h${layer + 1}`] },
      ]),
    ],
  });
  const { chunks, byteLength } = encodeModel(model, { externalStays: { location: 'weights.bin' } });
  writeFileSync(join(folder, 'model.onnx'), Buffer.concat([...chunks]));
  return byteLength + at;
}

async function step(args: readonly string[], command: readonly string[] = [CLI]): Promise<Step> {
  const started = performance.now();
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let peakMb = 0;
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.resume();
  const watch = setInterval(() => {
    for (const pid of family(child.pid)) peakMb = Math.max(peakMb, peakOf(pid));
  }, 10);
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  clearInterval(watch);
  process.stderr.write(`${args[0]}: ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
  return { seconds: Number(((performance.now() - started) / 1000).toFixed(1)), peakMb, code, ...(code === 0 ? {} : { note: said.slice(0, 600) }) };
}

function family(pid: number | undefined): number[] {
  if (pid === undefined) return [];
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').map(Number).filter((child) => child > 0);
    return [pid, ...children.flatMap(family)];
  } catch {
    return [];
  }
}

/** Anonymous memory and what is mapped of files, at most so far. */
function peakOf(pid: number): number {
  try {
    return Math.round(Number(/VmHWM:\s+(\d+) kB/u.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024);
  } catch {
    return 0;
  }
}

if (flags.import !== undefined) {
  // The library's own process: in, out again, gone.
  const [model, folder] = [join(flags.import, 'model.onnx'), flags.import];
  const home = await createConsole({ dataFolder: join(folder, 'home'), processHost: createNodeProcessHost(), entries: findEntries(), host: 'browser', version: 'bench', log: () => {} });
  const record = await home.library.import(model);
  await home.library.export(record.id, join(folder, 'exported.onnx'), true);
  await home.library.remove(record.id, record.name);
  await home.close();
} else {
  const folder = mkdtempSync(join(tmpdir(), 'edgewise-large-'));
  try {
    const bytes = writeModel(folder, Number(flags.gigabytes));
    const model = join(folder, 'model.onnx');
    const out = join(folder, 'out.onnx');
    const steps: Record<string, Step> = {};
    steps['inspect'] = await step(['inspect', model, '--json']);
    steps['bench'] = await step(['bench', model, '--seconds', '1', '--json']);
    steps['library: import, export, delete'] = await step(['--import', folder], [import.meta.filename]);
    rmSync(join(folder, 'exported.onnx.data'), { force: true });
    steps['simplify, not verified'] = await step(['optimize', model, '-o', out, '--recipe', 'simplify', '--no-verify', '--json']);
    const written = (statSync(out, { throwIfNoEntry: false })?.size ?? 0) + (statSync(`${out}.data`, { throwIfNoEntry: false })?.size ?? 0);
    steps['inspect the result'] = await step(['inspect', out, '--json']);
    steps['simplify, verified'] = await step(['optimize', model, '-o', out, '--recipe', 'simplify', '--json']);
    if (flags.int8) steps['int8'] = await step(['optimize', model, '-o', join(folder, 'int8.onnx'), '--recipe', 'int8', '--json']);
    console.log(JSON.stringify({ bytes, diskBytes: (statSync(join(folder, 'weights.bin')).blocks ?? 0) * 512, written, steps }, null, 2));
    if (Object.values(steps).some(({ code }) => code !== 0)) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
