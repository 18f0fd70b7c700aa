/** Runs small models of tests in the real runtime, in this process. */
import { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import type { TensorElementType } from '../../src/base/ports.ts';
import { seededRandom } from '../../src/base/random.ts';
import { DataType, elementCount, type Model } from '../../src/engine/onnx/index.ts';
import { modelBytes } from './build-model.ts';

export type NumberArray =
  | Float32Array | Float64Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array;

export interface Value {
  readonly type: TensorElementType;
  readonly dims: readonly number[];
  /** Typed array of the type; float16 as Uint16Array of bit patterns, bool as Uint8Array, string as strings. */
  readonly data: NumberArray | readonly string[];
}

export type Values = Record<string, Value>;

export interface RunModelOptions {
  /** Default `disabled`: the runtime computes what the model says and nothing else. */
  readonly optimization?: 'disabled' | 'basic' | 'extended' | 'all';
  /** Only these outputs. */
  readonly outputs?: readonly string[];
}

/** Runs once on one thread and returns every output. Rejects with the runtime's own error where the model is refused. */
export async function runModel(model: Model | Uint8Array, feeds: Values, options: RunModelOptions = {}): Promise<Values> {
  const bytes = model instanceof Uint8Array ? model : modelBytes(model);
  const session = await InferenceSession.create(bytes, {
    graphOptimizationLevel: options.optimization ?? 'disabled', intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4,
  });
  try {
    const tensors: Record<string, RuntimeTensor> = {};
    for (const [name, value] of Object.entries(feeds)) tensors[name] = new RuntimeTensor(value.type as 'float32', value.data as Float32Array, value.dims);
    const results = options.outputs ? await session.run(tensors, options.outputs) : await session.run(tensors);
    const outputs: Values = {};
    for (const [name, tensor] of Object.entries(results)) {
      outputs[name] = { type: tensor.type as TensorElementType, dims: tensor.dims, data: tensor.data as unknown as NumberArray };
    }
    return outputs;
  } finally {
    await session.release();
  }
}

const ELEMENT_TYPES: Readonly<Record<number, TensorElementType>> = {
  [DataType.FLOAT]: 'float32', [DataType.DOUBLE]: 'float64', [DataType.INT8]: 'int8', [DataType.UINT8]: 'uint8', [DataType.INT32]: 'int32',
  [DataType.INT64]: 'int64', [DataType.BOOL]: 'bool',
};

/**
 * Seeded feeds for every input that is no initializer: floats roughly normal, integers 0 to 3. Unknown and symbolic dimensions become
 * `symbols[name]`, else 1.
 */
export function randomFeeds(model: Model, seed: number, symbols: Readonly<Record<string, number>> = {}): Values {
  const random = seededRandom(seed);
  const normal = (): number => random() + random() + random() + random() - 2;
  const small = (): number => Math.floor(random() * 4);
  const feeds: Values = {};
  for (const input of model.graph.inputs) {
    if (model.graph.initializers.has(input.name)) continue;
    const type = ELEMENT_TYPES[input.elemType];
    if (!type) throw new Error(`no random values for input "${input.name}" of element type ${input.elemType}`);
    const dims = (input.shape ?? []).map((dim) => (typeof dim === 'number' ? dim : (symbols[dim ?? ''] ?? 1)));
    const length = elementCount(dims);
    const data =
      type === 'float32' ? Float32Array.from({ length }, normal)
      : type === 'float64' ? Float64Array.from({ length }, normal)
      : type === 'int8' ? Int8Array.from({ length }, small)
      : type === 'uint8' ? Uint8Array.from({ length }, small)
      : type === 'int32' ? Int32Array.from({ length }, small)
      : type === 'int64' ? BigInt64Array.from({ length }, () => BigInt(small()))
      : Uint8Array.from({ length }, () => small() & 1);
    feeds[input.name] = { type, dims, data };
  }
  return feeds;
}

/**
 * Largest absolute difference over all outputs. Infinite where names, shapes, types or the places of NaN and infinity differ, so that a
 * test with any tolerance fails.
 */
export function maxDifference(a: Values, b: Values): number {
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return Infinity;
  let largest = 0;
  for (const name of names) {
    const left = a[name] as Value;
    const right = b[name];
    if (!right || left.type !== right.type || left.dims.join() !== right.dims.join() || left.data.length !== right.data.length) return Infinity;
    for (let i = 0; i < left.data.length; i++) {
      const x = left.data[i];
      const y = right.data[i];
      if (x === y) continue;
      if (typeof x === 'string' || typeof y === 'string') return Infinity;
      if (Number.isNaN(x) && Number.isNaN(y)) continue;
      const difference = Math.abs(Number(x) - Number(y));
      if (Number.isNaN(difference)) return Infinity;
      largest = Math.max(largest, difference);
    }
  }
  return largest;
}
