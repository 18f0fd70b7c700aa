/** For tests of passes: small graphs in a few lines, and the outputs of a model through onnxruntime without its own rewrites. */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { expect } from 'vitest';
import { seededRandom } from '../../src/base/random.ts';
import { halfToFloat } from '../../src/base/float16.ts';
import { DataType, type Attribute, type Model, type NodeData, type Shape, type Tensor } from '../../src/engine/onnx/types.ts';
import { runPasses, type RunPassesOptions, type RunPassesResult } from '../../src/engine/passes/pipeline.ts';
import { modelBytes } from './build-model.ts';

// The runtime's JavaScript side takes Float16Array where there is one, its native side only knows Uint16Array: float16 would not cross at all.
Reflect.deleteProperty(globalThis, 'Float16Array');

export interface ModelSpec {
  readonly opset?: number;
  readonly ir?: number;
  /** Name to shape; float32 unless `types` says otherwise. */
  readonly inputs?: Readonly<Record<string, Shape>>;
  readonly outputs: readonly string[];
  /** Element types of inputs and outputs that are not float32. */
  readonly types?: Readonly<Record<string, number>>;
  readonly initializers?: readonly Tensor[];
  readonly nodes: readonly NodeData[];
}

export function op(opType: string, inputs: readonly string[], outputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): NodeData {
  return { name: `${opType}_${outputs.join('_')}`, opType, domain: '', inputs: [...inputs], outputs: [...outputs], attributes: new Map(Object.entries(attributes)), docString: '', rest: [] };
}

export function makeModel(spec: ModelSpec): Model {
  const info = (name: string, shape: Shape | null) => ({ name, elemType: spec.types?.[name] ?? DataType.FLOAT, shape });
  return {
    irVersion: spec.ir ?? 8,
    opsets: [{ domain: '', version: spec.opset ?? 17 }],
    producerName: 'test', producerVersion: '', domain: '', modelVersion: 0n, docString: '', metadata: [], functions: [], rest: [],
    graph: {
      name: 'g', docString: '', nodes: [...spec.nodes], valueInfo: new Map(), rest: [],
      inputs: Object.entries(spec.inputs ?? {}).map(([name, shape]) => info(name, shape)),
      outputs: spec.outputs.map((name) => info(name, null)),
      initializers: new Map((spec.initializers ?? []).map((tensor) => [tensor.name, tensor])),
    },
  };
}

/** A float32 constant of seeded numbers in [from, to). */
export function randomTensor(name: string, dims: readonly number[], seed = 1, from = -1, to = 1): Tensor {
  const random = seededRandom(seed + name.length * 7919);
  const values = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => from + (to - from) * random());
  return { name, dataType: DataType.FLOAT, dims, payload: { kind: 'raw', bytes: new Uint8Array(values.buffer) } };
}

/** Outputs by name, computed without the runtime's own graph rewrites. Feeds are seeded numbers; symbols take `dim`. */
export async function outputsOf(model: Model, options: { readonly seed?: number; readonly dim?: number } = {}): Promise<Record<string, OrtTensor>> {
  const session = await InferenceSession.create(modelBytes(model), { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, logSeverityLevel: 4 });
  try {
    const random = seededRandom(options.seed ?? 1);
    const feeds: Record<string, OrtTensor> = {};
    for (const input of model.graph.inputs) {
      if (model.graph.initializers.has(input.name)) continue;
      const dims = (input.shape ?? []).map((dim) => (typeof dim === 'number' ? dim : (options.dim ?? 2)));
      const values = Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => random() * 2 - 1);
      if (input.elemType === DataType.INT64) feeds[input.name] = new OrtTensor('int64', BigInt64Array.from(values, (value) => BigInt(Math.round(value * 3))), dims);
      else feeds[input.name] = new OrtTensor('float32', Float32Array.from(values), dims);
    }
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** The elements as numbers, float16 decoded. */
export function elementsOf(tensor: OrtTensor): number[] {
  if (tensor.type === 'float16') return Array.from(tensor.data as Uint16Array, halfToFloat);
  return Array.from(tensor.data as Float32Array, Number);
}

/** Fails where two runs differ in names, shapes or elements; tolerance is relative to the largest element. */
export function expectSameOutputs(actual: Readonly<Record<string, OrtTensor>>, expected: Readonly<Record<string, OrtTensor>>, tolerance = 2e-6): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, reference] of Object.entries(expected)) {
    const tensor = actual[name];
    expect(tensor?.dims, name).toEqual(reference.dims);
    expect(tensor?.type, name).toBe(reference.type);
    if (!tensor) continue;
    const wanted = elementsOf(reference);
    const scale = wanted.reduce((largest, value) => (Number.isFinite(value) ? Math.max(largest, Math.abs(value)) : largest), 1);
    elementsOf(tensor).forEach((value, i) => {
      const target = wanted[i] as number;
      if (Object.is(value, target) || value === target) return;
      expect(Math.abs(value - target), `${name}[${i}]: ${value}, not ${target}`).toBeLessThanOrEqual(tolerance * scale);
    });
  }
}

export interface PassRun extends RunPassesResult {
  /** Operator names in order. */
  readonly ops: readonly string[];
}

let ticks = 0;

/** Runs passes, and fails unless the outputs through onnxruntime are the same before and after. */
export async function runAndCompare(model: Model, names: readonly string[], options: Partial<RunPassesOptions> & { readonly tolerance?: number; readonly dim?: number } = {}): Promise<PassRun> {
  const before = await outputsOf(model, options);
  const result = await runPasses(model, names, { clock: () => ticks++, ...options });
  expectSameOutputs(await outputsOf(result.model, options), before, options.tolerance);
  return { ...result, ops: result.model.graph.nodes.map((node) => node.opType) };
}
