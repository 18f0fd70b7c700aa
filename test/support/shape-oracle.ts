/** The runtime as the oracle of shape inference: every value of a graph made an output, run, and compared with what was inferred. */
import { existsSync, readFileSync } from 'node:fs';
import { Budget } from '../../src/engine/onnx/limits.ts';
import { DataType, inferShapes, parseModel, tensorBytes, type Model, type Shape, type ShapeMap, type Tensor } from '../../src/engine/onnx/index.ts';
import { readTensor } from '../../src/engine/onnx/read-tensor.ts';
import { WireReader } from '../../src/engine/onnx/wire.ts';
import type { TensorElementType } from '../../src/base/ports.ts';
import { bytesSource, noExternalFiles } from './build-model.ts';
import { randomFeeds, runModel, type Value, type Values } from './run-model.ts';

const TYPES: Readonly<Record<string, number>> = {
  float32: DataType.FLOAT, float64: DataType.DOUBLE, float16: DataType.FLOAT16, int8: DataType.INT8, uint8: DataType.UINT8, int16: DataType.INT16, uint16: DataType.UINT16,
  int32: DataType.INT32, uint32: DataType.UINT32, int64: DataType.INT64, uint64: DataType.UINT64, bool: DataType.BOOL, string: DataType.STRING,
};
const NAMES: Readonly<Record<number, string>> = Object.fromEntries(Object.entries(TYPES).map(([name, value]) => [value, name]));
const ARRAYS: Readonly<Record<string, (buffer: ArrayBuffer) => Value['data']>> = {
  float32: (buffer) => new Float32Array(buffer), float64: (buffer) => new Float64Array(buffer), float16: (buffer) => new Uint16Array(buffer), int8: (buffer) => new Int8Array(buffer),
  uint8: (buffer) => new Uint8Array(buffer), int16: (buffer) => new Int16Array(buffer), uint16: (buffer) => new Uint16Array(buffer), int32: (buffer) => new Int32Array(buffer),
  uint32: (buffer) => new Uint32Array(buffer), int64: (buffer) => new BigInt64Array(buffer), uint64: (buffer) => new BigUint64Array(buffer), bool: (buffer) => new Uint8Array(buffer),
};

export interface Agreement {
  /** Values that the runtime gave, or a suite's expected outputs where the runtime refuses the model. */
  compared: number;
  /** Type and every dimension inferred and right. */
  agree: number;
  /** Right as far as known, some dimensions unknown. */
  partial: number;
  unknown: number;
  /** Elements of small tensors that were inferred and compared. */
  elements: number;
  /** What was inferred wrongly; must be empty. */
  readonly wrong: string[];
}

export const nothing = (): Agreement => ({ compared: 0, agree: 0, partial: 0, unknown: 0, elements: 0, wrong: [] });

export function readModelFile(path: string): Model {
  return parseModel(bytesSource(new Uint8Array(readFileSync(path))), noExternalFiles);
}

/** Generated inputs; symbolic dimensions take the sizes of `symbols`. */
export async function agreementOf(path: string, symbols: Readonly<Record<string, number>> = {}): Promise<Agreement> {
  const model = readModelFile(path);
  const feeds = randomFeeds(model, 1, symbols);
  return compare(model, feeds, await runExposed(model, feeds), inferShapes(model, { ignoreDeclared: true, assumeDefaults: true }));
}

/** A case of an operator suite: input_N.pb and output_N.pb. @param frozen inputs are taken as constants, so that rules that need their elements show */
export async function suiteAgreement(folder: string, frozen: boolean): Promise<Agreement> {
  const model = readModelFile(`${folder}/model.onnx`);
  const { graph } = model;
  const feeds: Values = {};
  const constants = new Map(graph.initializers);
  const data = ['test_data_set_0', 'test_data_0'].find((name) => existsSync(`${folder}/${name}`)) ?? '';
  for (const [i, input] of graph.inputs.entries()) {
    const tensor = readPb(`${folder}/${data}/input_${i}.pb`);
    const value = tensor && toValue(tensor);
    if (!tensor || !value) continue;
    feeds[input.name] = value;
    constants.set(input.name, { ...tensor, name: input.name });
  }
  let actual: Values;
  try {
    actual = await runExposed(model, feeds);
  } catch {
    actual = expectedOutputs(model, `${folder}/${data}/output_`);
  }
  const inferred: Model = frozen ? { ...model, graph: { ...graph, inputs: [], initializers: constants } } : model;
  return compare(model, feeds, actual, inferShapes(inferred, { ignoreDeclared: true, assumeDefaults: true }));
}

async function runExposed(model: Model, feeds: Values): Promise<Values> {
  const { graph } = model;
  const outputs = new Set(graph.outputs.map((output) => output.name));
  const inner = [...new Set(graph.nodes.flatMap((node) => node.outputs))].filter((name) => name !== '' && !outputs.has(name));
  const exposed: Model = { ...model, graph: { ...graph, outputs: [...graph.outputs, ...inner.map((name) => ({ name, elemType: 0, shape: null }))] } };
  return runModel(exposed, feeds);
}

function readPb(path: string): Tensor | null {
  if (!existsSync(path)) return null;
  try {
    return readTensor(new WireReader(new Uint8Array(readFileSync(path))), { budget: new Budget({}), external: noExternalFiles });
  } catch {
    // A sequence, not a tensor.
    return null;
  }
}

function toValue(tensor: Tensor): Value | null {
  const type = NAMES[tensor.dataType] as TensorElementType | undefined;
  if (!type) return null;
  if (tensor.payload.kind === 'strings') return { type, dims: tensor.dims, data: tensor.payload.values.map((value) => new TextDecoder().decode(value)) };
  const data = ARRAYS[type]?.(new Uint8Array(tensorBytes(tensor)).buffer);
  return data ? { type, dims: tensor.dims, data } : null;
}

function expectedOutputs(model: Model, prefix: string): Values {
  const values: Values = {};
  for (const [i, output] of model.graph.outputs.entries()) {
    const tensor = readPb(`${prefix}${i}.pb`);
    // No data: some suites store bfloat16 and 8-bit floats under an older type, so only dims and common types are compared.
    if (tensor && NAMES[tensor.dataType]) values[output.name] = { type: NAMES[tensor.dataType] as TensorElementType, dims: tensor.dims, data: [] };
  }
  return values;
}

function compare(model: Model, feeds: Values, actual: Values, shapes: ShapeMap): Agreement {
  const result = nothing();
  const operators = new Map(model.graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node.opType] as const)));
  const bound = shapes.bind(symbolsOf(model, feeds));
  for (const [name, value] of Object.entries(actual)) {
    // An output that is an input too shows nothing.
    if (!operators.has(name)) continue;
    result.compared++;
    const inferred = bound.get(name);
    if (!inferred?.shape) {
      result.unknown++;
      continue;
    }
    const label = `${operators.get(name)} "${name}"`;
    if (!fits(inferred.shape, value.dims) || (inferred.elemType !== 0 && inferred.elemType !== TYPES[value.type] && value.data.length > 0)) {
      result.wrong.push(`${label}: inferred ${inferred.elemType} [${inferred.shape.join()}], is ${value.type} [${value.dims.join()}]`);
    } else if (inferred.elemType === 0 || inferred.shape.some((dim) => typeof dim !== 'number')) result.partial++;
    else result.agree++;
    for (const [i, element] of (value.data.length > 0 ? (bound.data(name) ?? []) : []).entries()) {
      if (typeof element !== 'number') continue;
      result.elements++;
      const is = Number(value.data[i]);
      // Ends of slices such as INT64_MAX are kept as some number that large.
      if (Math.abs(element - is) > 1e-6 * Math.abs(is) && Math.abs(element) < 2 ** 53) result.wrong.push(`${label}: element ${i} inferred ${element}, is ${is}`);
    }
  }
  for (const note of shapes.notes) result.wrong.push(`note: ${note}`);
  return result;
}

function fits(shape: Shape, dims: readonly number[]): boolean {
  return shape.length === dims.length && shape.every((dim, i) => typeof dim !== 'number' || dim === dims[i]);
}

function symbolsOf(model: Model, feeds: Values): Map<string, number> {
  const symbols = new Map<string, number>();
  for (const input of model.graph.inputs) {
    for (const [axis, dim] of (input.shape ?? []).entries()) {
      const size = feeds[input.name]?.dims[axis];
      if (typeof dim !== 'number' && size !== undefined) symbols.set(dim || `${input.name}:${axis}`, size);
    }
  }
  return symbols;
}
