/**
 * A child process that simplifies one model after another and compares its outputs through onnxruntime, before and after. A case that kills
 * the runtime kills this process only; the test that forked it sees which stage it was in.
 */
import { existsSync, readFileSync } from 'node:fs';
import { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { EdgewiseError } from '../../src/base/errors.ts';
import type { TensorElementType, TensorValue } from '../../src/base/ports.ts';
import { seededRandom } from '../../src/base/random.ts';
import { Budget } from '../../src/engine/onnx/limits.ts';
import { DataType, elementCount, parseModel, tensorBytes, type Model, type Tensor, type ValueInfo } from '../../src/engine/onnx/index.ts';
import { halfToFloat } from '../../src/base/float16.ts';
import { readTensor } from '../../src/engine/onnx/read-tensor.ts';
import { WireReader } from '../../src/engine/onnx/wire.ts';
import { simplifyOrder } from '../../src/engine/passes/index.ts';
import { runPasses } from '../../src/engine/passes/pipeline.ts';
import { bytesSource, modelBytes, noExternalFiles } from './build-model.ts';

export interface SimplifyCase {
  readonly model: string;
  /** Prefixes of numbered .pb files; null: generated inputs, and no expected outputs. */
  readonly inputs: string | null;
  readonly outputs: string | null;
  /** Inputs are 0, 1/n, 2/n, ... (the operator suites' light models) instead of seeded numbers. */
  readonly ramp?: boolean;
  /** Passes to run; `simplify` where left out. A refusal by one of them is no change. */
  readonly passes?: readonly string[];
  readonly options?: Readonly<Record<string, unknown>>;
}

export interface SimplifyOutcome {
  /** held: equal outputs; changed: they differ, or the result does not load; skipped: not comparable, and why. */
  readonly status: 'held' | 'changed' | 'skipped';
  readonly reason: string;
  readonly nodesBefore: number;
  readonly nodesAfter: number;
  /** Passes that changed something. */
  readonly passes: readonly string[];
}

const TYPES: Readonly<Record<number, TensorElementType>> = {
  [DataType.FLOAT]: 'float32', [DataType.DOUBLE]: 'float64', [DataType.FLOAT16]: 'float16', [DataType.INT8]: 'int8', [DataType.UINT8]: 'uint8', [DataType.INT16]: 'int16',
  [DataType.UINT16]: 'uint16', [DataType.INT32]: 'int32', [DataType.UINT32]: 'uint32', [DataType.INT64]: 'int64', [DataType.UINT64]: 'uint64', [DataType.BOOL]: 'bool', [DataType.STRING]: 'string',
};
const ARRAYS = {
  float32: Float32Array, float64: Float64Array, float16: Uint16Array, int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array, int32: Int32Array,
  uint32: Uint32Array, int64: BigInt64Array, uint64: BigUint64Array, bool: Uint8Array,
} as const;

const text = new TextDecoder();

// The runtime's JavaScript side takes Float16Array where there is one, its native side only knows Uint16Array: float16 would not cross at all.
Reflect.deleteProperty(globalThis, 'Float16Array');

class Skip extends Error {}

function toRuntime(tensor: Tensor): RuntimeTensor {
  const type = TYPES[tensor.dataType];
  if (!type) throw new Skip(`element type ${tensor.dataType} does not cross to the runtime`);
  if (tensor.payload.kind === 'strings') return new RuntimeTensor('string', tensor.payload.values.map((value) => text.decode(value)), tensor.dims);
  // A Buffer's slice() would be a view.
  const bytes = new Uint8Array(tensorBytes(tensor));
  return new RuntimeTensor(type as 'float32', new ARRAYS[type as 'float32'](bytes.buffer), tensor.dims);
}

function readTensors(prefix: string): Tensor[] {
  const tensors: Tensor[] = [];
  for (let i = 0; existsSync(`${prefix}${i}.pb`); i++) {
    try {
      tensors.push(readTensor(new WireReader(readFileSync(`${prefix}${i}.pb`)), { budget: new Budget(), external: noExternalFiles }));
    } catch (error) {
      throw new Skip(`no plain tensor: ${String(error)}`);
    }
  }
  return tensors;
}

function generated(input: ValueInfo, ramp: boolean): RuntimeTensor {
  const type = TYPES[input.elemType];
  if (!type || type === 'string' || input.shape === null) throw new Skip(`no generated values for input "${input.name}"`);
  const dims = input.shape.map((dim) => (typeof dim === 'number' ? Math.max(dim, 0) : 2));
  const length = elementCount(dims);
  if (length > 1 << 24) throw new Skip(`input "${input.name}" is too large`);
  const random = seededRandom(7);
  const isWide = type === 'int64' || type === 'uint64';
  const values = Array.from({ length }, (_, i) => {
    if (ramp) return i / length;
    if (type === 'float16') return 0x3000 + Math.floor(random() * 0x0c00) + (random() < 0.5 ? 0x8000 : 0);
    return type.startsWith('float') ? random() * 2 - 1 : Math.floor(random() * (type === 'bool' ? 2 : 3));
  });
  const data = isWide ? new ARRAYS[type](values.map(BigInt)) : new ARRAYS[type as 'float32'](values);
  return new RuntimeTensor(type as 'float32', data as Float32Array, dims);
}

function feedsOf(model: Model, given: SimplifyCase): Record<string, RuntimeTensor> {
  const feeds: Record<string, RuntimeTensor> = {};
  const tensors = given.inputs === null ? [] : readTensors(given.inputs);
  model.graph.inputs.forEach((input, i) => {
    const tensor = tensors[i];
    if (tensor) feeds[input.name] = toRuntime(tensor);
    else if (!model.graph.initializers.has(input.name) && given.inputs === null) feeds[input.name] = generated(input, given.ramp === true);
  });
  return feeds;
}

async function run(bytes: Uint8Array, feeds: Record<string, RuntimeTensor>): Promise<Record<string, RuntimeTensor>> {
  const session = await InferenceSession.create(bytes, { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, logSeverityLevel: 4 });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

async function evaluate(model: Model): Promise<Record<string, TensorValue>> {
  const outputs = await run(modelBytes(model), {});
  return Object.fromEntries(
    Object.entries(outputs).map(([name, tensor]) => {
      const data = tensor.data as Float32Array;
      return [name, { type: tensor.type as TensorElementType, dims: tensor.dims, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice() }];
    }),
  );
}

const elements = (tensor: RuntimeTensor): readonly (number | string | bigint)[] =>
  tensor.type === 'float16' ? Array.from(tensor.data as Uint16Array, halfToFloat) : Array.from(tensor.data as Float32Array);

/** Relative and absolute tolerance of what is computed in a type; 0 where results must be equal. */
const TIGHT: Readonly<Record<string, number>> = { float32: 1e-5, float64: 1e-11, float16: 2e-3 };

/** The largest finite magnitude. */
function largestOf(tensor: RuntimeTensor): number {
  let largest = 0;
  for (const value of elements(tensor)) if (Number.isFinite(Number(value))) largest = Math.max(largest, Math.abs(Number(value)));
  return largest;
}

/** float16 anywhere: the runtime may keep such values in float32 between two nodes, so that a float32 output is exact to float16 only. */
function computesInHalf(model: Model): boolean {
  const isHalf = (dataType: number): boolean => dataType === DataType.FLOAT16;
  const { inputs, outputs, initializers, nodes } = model.graph;
  if ([...inputs, ...outputs].some((value) => isHalf(value.elemType)) || [...initializers.values()].some((tensor) => isHalf(tensor.dataType))) return true;
  return nodes.some((node) => [...node.attributes.values()].some((attribute) => (attribute.kind === 'int' && node.opType === 'Cast' && attribute.value === 10n) || (attribute.kind === 'tensor' && isHalf(attribute.value.dataType))));
}

/** null: equal within tolerance; else where they differ. */
function difference(name: string, actual: RuntimeTensor | undefined, expected: RuntimeTensor, relative: number, absolute: number): string | null {
  if (!actual) return `${name} is missing`;
  if (actual.type !== expected.type) return `${name} is ${actual.type}, not ${expected.type}`;
  if (actual.dims.join() !== expected.dims.join()) return `${name} is [${actual.dims.join()}], not [${expected.dims.join()}]`;
  const [a, b] = [elements(actual), elements(expected)];
  for (let i = 0; i < b.length; i++) {
    const [x, y] = [a[i], b[i]];
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue;
    const distance = Math.abs(Number(x) - Number(y));
    if (typeof x === 'string' || !(distance <= absolute + relative * Math.abs(Number(y)))) return `${name}[${i}] is ${x}, not ${y}`;
  }
  return null;
}

/** The name of an output that differs in one of some more runs of the same model; null where all are equal. */
async function variesBetweenRuns(bytes: Uint8Array, feeds: Record<string, RuntimeTensor>, before: Record<string, RuntimeTensor>, times: number): Promise<string | null> {
  for (let i = 0; i < times; i++) {
    const again = await run(bytes, feeds);
    const random = Object.entries(before).find(([name, tensor]) => difference(name, again[name], tensor, 0, 0) !== null);
    if (random) return random[0];
  }
  return null;
}

async function simplifyCase(given: SimplifyCase, enter: (stage: string) => void): Promise<SimplifyOutcome> {
  const bytes = readFileSync(given.model);
  const outcome = (status: SimplifyOutcome['status'], reason: string, rest: Partial<SimplifyOutcome> = {}): SimplifyOutcome => ({ status, reason, nodesBefore: 0, nodesAfter: 0, passes: [], ...rest });
  let model: Model | null = null;
  let refused = '';
  try {
    model = parseModel(bytesSource(bytes), noExternalFiles);
  } catch (error) {
    refused = String(error);
  }
  if (!model) return outcome('changed', `not parsed: ${refused}`);
  enter('before');
  let feeds: Record<string, RuntimeTensor>;
  let before: Record<string, RuntimeTensor>;
  try {
    feeds = feedsOf(model, given);
    before = await run(bytes, feeds);
    for (const name of Object.keys(before)) elements(before[name] as RuntimeTensor);
  } catch (error) {
    return outcome('skipped', `the runtime does not run it: ${String(error)}`);
  }
  if (given.outputs !== null) {
    try {
      const expected = readTensors(given.outputs);
      for (const [i, output] of model.graph.outputs.entries()) {
        const tensor = expected[i];
        const wrong = tensor ? difference(output.name, before[output.name], toRuntime(tensor), 1e-3, 1e-5) : `no expected ${output.name}`;
        if (wrong !== null) return outcome('skipped', `not reproduced: ${wrong}`);
      }
    } catch (error) {
      return outcome('skipped', `expected outputs: ${String(error)}`);
    }
  } else {
    const random = await variesBetweenRuns(bytes, feeds, before, 1);
    if (random !== null) return outcome('skipped', `not the same twice: ${random}`);
  }
  enter('simplify');
  let result: Awaited<ReturnType<typeof runPasses>>;
  try {
    result = await runPasses(model, given.passes ?? simplifyOrder, { clock: () => performance.now(), evaluate, ...(given.options ? { options: given.options } : {}) });
  } catch (error) {
    if (error instanceof EdgewiseError && error.code.startsWith('UNSUPPORTED_')) return outcome('skipped', `refused: ${error.message}`);
    throw error;
  }
  const facts = { nodesBefore: model.graph.nodes.length, nodesAfter: result.model.graph.nodes.length, passes: result.steps.filter((step) => step.changed).map((step) => step.pass) };
  if (!result.settled) return outcome('changed', 'did not settle', facts);
  enter('after');
  try {
    const kept = new Set(result.model.graph.inputs.map((input) => input.name));
    const after = await run(modelBytes(result.model), Object.fromEntries(Object.entries(feeds).filter(([name]) => kept.has(name))));
    const half = computesInHalf(model);
    for (const [name, tensor] of Object.entries(before)) {
      const tolerance = TIGHT[half && tensor.type === 'float32' ? 'float16' : tensor.type] ?? 0;
      const largest = tolerance === 0 ? 0 : largestOf(tensor);
      const wrong = difference(name, after[name], tensor, tolerance, tolerance * Math.max(largest, 1e-3));
      if (wrong === null) continue;
      // A Dropout that trains, on a few elements, is the same twice now and then.
      const random = given.outputs === null ? await variesBetweenRuns(bytes, feeds, before, 12) : null;
      return random === null ? outcome('changed', wrong, facts) : outcome('skipped', `not the same twice: ${random}`);
    }
  } catch (error) {
    return outcome('changed', `the result does not run: ${String(error)}`, facts);
  }
  return outcome('held', '', facts);
}

process.on('message', (given: SimplifyCase) => {
  const enter = (stage: string): void => {
    process.send?.({ stage });
  };
  simplifyCase(given, enter)
    .catch((error: unknown): SimplifyOutcome => ({ status: 'changed', reason: error instanceof Error ? (error.stack ?? error.message) : String(error), nodesBefore: 0, nodesAfter: 0, passes: [] }))
    .then((outcome) => process.send?.({ outcome }))
    .catch(() => process.exit(1));
});
