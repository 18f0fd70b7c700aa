/**
 * What a device downloads: real models in each packed form, and as the difference to a version before, with the time to make and to apply it.
 *
 *     node bench/artifact.ts [--quick]
 *
 * Prints one JSON object. Needs the models and data sets (EDGEWISE_DATA, or ../shared/data). Sizes are exact for a seed; times are of one run.
 * `--quick`: the smaller network alone.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { brotliCompressSync, constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { seededRandom } from '../src/base/random.ts';
import { encodeModel, floatTensor, parseModel, tensorBytes, tensorFloats } from '../src/engine/onnx/index.ts';
import { packFile, unpackFile } from '../src/fleet/artifact/pack.ts';
import { machineRecord } from '../src/runtime/index.ts';
import { bytesSource, noExternalFiles } from '../test/support/build-model.ts';
import { sharedData, sharedDataset, sharedModel } from '../test/support/shared-data.ts';

/** ONNX's number of the element type. */
const FLOAT = 1;
const MODELS: readonly (readonly [name: string, model: string, data: string])[] = [
  ['SqueezeNet 1.1', 'squeezenet1.1-reassembled/squeezenet1.1.onnx', 'imagenet-sample'],
  ['grocery MobileNetV2', 'derived-retail/grocery81_mobilenetv2_bn_relu.onnx', 'grocery-store/train'],
];

const { values } = parseArgs({ options: { quick: { type: 'boolean' } } });
if (sharedData === undefined) {
  console.error('The models and data sets are not here: set EDGEWISE_DATA to the folder that holds models/ and datasets/.');
  process.exit(1);
}
const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'edgewise-bench-'));

function int8(bytes: Uint8Array, data: string, seed: number): Buffer {
  const [from, to] = [join(folder, 'from.onnx'), join(folder, 'to.onnx')];
  writeFileSync(from, bytes);
  execFileSync(process.execPath, [join(root, 'bin/edgewise.mjs'), 'optimize', from, '-o', to, '--recipe', 'int8', '--keep', '--data', sharedDataset(data), '--samples', '20', '--eval-samples', '10', '--seed', String(seed), '--json'], { stdio: ['ignore', 'ignore', 'inherit'] });
  return readFileSync(to);
}

/** Every nth of the larger weights retrained: each value moved by up to a tenth. null: the last of them alone, the head. */
function retrained(bytes: Uint8Array, nth: number | null): Buffer {
  const model = parseModel(bytesSource(bytes), noExternalFiles);
  const random = seededRandom(5);
  const weights = [...model.graph.initializers.values()].filter((tensor) => tensor.dataType === FLOAT && tensorBytes(tensor).length > 4000);
  for (const tensor of nth === null ? weights.slice(-1) : weights.filter((_, index) => index % nth === 0)) {
    model.graph.initializers.set(tensor.name, floatTensor(tensor.name, tensor.dims, tensorFloats(tensor).map((value) => value * (0.9 + 0.2 * random()))));
  }
  return Buffer.concat([...encodeModel(model).chunks]);
}

async function timed<T>(action: () => T | Promise<T>): Promise<readonly [T, number]> {
  const start = performance.now();
  const result = await action();
  return [result, Math.round(performance.now() - start)];
}

const zstd = (level: number) => (bytes: Uint8Array): Buffer => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: level } });
const PACKERS: Readonly<Record<string, (bytes: Uint8Array) => Buffer>> = {
  'gzip 9': (bytes) => gzipSync(bytes, { level: 9 }),
  'zstd 3': zstd(3),
  'zstd 9': zstd(9),
  'zstd 19': zstd(19),
  'brotli 9': (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
};

interface Difference {
  readonly change: string;
  readonly bytes: number;
  /** The best form of the whole. */
  readonly wholeBytes: number;
  /** null: not smaller, so not made. */
  readonly differenceBytes: number | null;
  /** Whole and difference together. */
  readonly packMs: number;
  readonly applyMs: number | null;
}

async function difference(change: string, base: Uint8Array, next: Uint8Array): Promise<Difference> {
  const [{ file, blobs }, packMs] = await timed(() => packFile('model.onnx', next, [base]));
  const source = file.sources.find(({ form }) => form === 'zstd-delta');
  const wholeBytes = Math.min(...file.sources.filter(({ form }) => form !== 'zstd-delta').map(({ blob }) => blob.length));
  if (source === undefined) return { change, bytes: next.length, wholeBytes, differenceBytes: null, packMs, applyMs: null };
  const blob = blobs.get(source.blob.sha256) ?? new Uint8Array(0);
  const [back, applyMs] = await timed(() => unpackFile(file, source, blob, base));
  if (Buffer.compare(back, next) !== 0) throw new Error('the difference does not give the file back');
  return { change, bytes: next.length, wholeBytes, differenceBytes: source.blob.length, packMs, applyMs };
}

async function measure([name, path, data]: (typeof MODELS)[number]): Promise<unknown> {
  const float = readFileSync(sharedModel(path));
  const quantized = int8(float, data, 1);
  const [head, tenth] = [retrained(float, null), retrained(float, 10)];
  const packed: Record<string, unknown> = {};
  for (const [form, bytes] of [['float', float], ['int8', quantized]] as const) {
    for (const [packer, pack] of Object.entries(PACKERS)) {
      const [result, ms] = await timed(() => pack(bytes));
      packed[`${form}, ${packer}`] = { bytes: result.length, share: Number((result.length / bytes.length).toFixed(4)), ms };
    }
  }
  return {
    model: name,
    bytes: { float: float.length, int8: quantized.length },
    packed,
    differences: [
      await difference('float -> int8', float, quantized),
      await difference('int8 -> float', quantized, float),
      await difference('float, head retrained', float, head),
      await difference('float, every tenth layer retrained', float, tenth),
      await difference('float, all layers retrained', float, retrained(float, 1)),
      await difference('int8 -> int8, calibrated on other samples', quantized, int8(float, data, 2)),
      await difference('int8 -> int8, head retrained', quantized, int8(head, data, 1)),
      await difference('int8 -> int8, every tenth layer retrained', quantized, int8(tenth, data, 1)),
    ],
  };
}

try {
  const models: unknown[] = [];
  for (const model of values.quick ? MODELS.slice(0, 1) : MODELS) models.push(await measure(model));
  process.stdout.write(`${JSON.stringify({ machine: machineRecord('bench'), models }, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
