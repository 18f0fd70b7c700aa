/** Small models for tests, made in a few lines. Nothing is checked: hostile models are made with it too. */
import {
  DataType, encodeModel, floatTensor, makeFloat, makeInt, makeInts, makeString, makeTensorAttribute, parseModel,
  type Attribute, type Model, type NodeData, type Shape, type Tensor, type ValueInfo,
} from '../../src/engine/onnx/index.ts';
import type { ByteSource, ExternalFiles } from '../../src/base/ports.ts';

/** A shape, or type and shape; float where no type is given. */
export type ValueSpec = Shape | { readonly type: keyof typeof DataType; readonly shape: Shape | null };

/** Attributes in short: 3 is an integer (write `float(3)` for a float), 0.5 a float, [1, 1] integers, 'SAME' a string. */
export type AttributeSpec = number | string | readonly number[] | Attribute | Tensor;

export interface NodeSpec {
  readonly op: string;
  readonly in: readonly string[];
  readonly out: readonly string[];
  readonly name?: string;
  readonly domain?: string;
  readonly attrs?: Readonly<Record<string, AttributeSpec>>;
}

export interface ModelSpec {
  /** Default 17. */
  readonly opset?: number;
  /** Default 8. */
  readonly ir?: number;
  readonly inputs: Readonly<Record<string, ValueSpec>>;
  /** Names (float of unknown shape) or names with types. */
  readonly outputs: readonly string[] | Readonly<Record<string, ValueSpec>>;
  /** Tensors by name, or float values with a shape. */
  readonly initializers?: Readonly<Record<string, Tensor | { readonly dims: readonly number[]; readonly values: readonly number[] | Float32Array }>>;
  readonly nodes: readonly NodeSpec[];
  /** Other operator sets, for example { 'com.microsoft': 1 }. */
  readonly domains?: Readonly<Record<string, number>>;
}

export function buildModel(spec: ModelSpec): Model {
  const outputs = Array.isArray(spec.outputs)
    ? (spec.outputs as readonly string[]).map((name): ValueInfo => ({ name, elemType: DataType.FLOAT, shape: null }))
    : Object.entries(spec.outputs as Readonly<Record<string, ValueSpec>>).map(([name, value]) => valueInfo(name, value));
  return {
    irVersion: spec.ir ?? 8,
    opsets: [{ domain: '', version: spec.opset ?? 17 }, ...Object.entries(spec.domains ?? {}).map(([domain, version]) => ({ domain, version }))],
    producerName: 'test',
    producerVersion: '',
    domain: '',
    modelVersion: 0n,
    docString: '',
    graph: {
      name: 'test',
      docString: '',
      nodes: spec.nodes.map(buildNode),
      inputs: Object.entries(spec.inputs).map(([name, value]) => valueInfo(name, value)),
      outputs,
      initializers: new Map(
        Object.entries(spec.initializers ?? {}).map(([name, tensor]) => [
          name,
          'payload' in tensor ? { ...tensor, name } : floatTensor(name, tensor.dims, Float32Array.from(tensor.values)),
        ]),
      ),
      valueInfo: new Map(),
      rest: [],
    },
    metadata: [],
    functions: [],
    rest: [],
  };
}

/** The bytes of a model as one file would hold them. */
export function modelBytes(model: Model): Uint8Array {
  const { byteLength, chunks } = encodeModel(model);
  const bytes = new Uint8Array(byteLength);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** A model through bytes and back, as a pass gets it from a file. */
export function reread(model: Model): Model {
  return parseModel(bytesSource(modelBytes(model)), noExternalFiles);
}

export function bytesSource(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

export const noExternalFiles: ExternalFiles = {
  open: (location) => {
    throw new Error(`no external file was expected, but "${location}" is opened`);
  },
};

/** A float attribute with a whole number. */
export const float = makeFloat;

function valueInfo(name: string, spec: ValueSpec): ValueInfo {
  if ('type' in spec) return { name, elemType: DataType[spec.type], shape: spec.shape };
  return { name, elemType: DataType.FLOAT, shape: spec };
}

function buildNode(spec: NodeSpec): NodeData {
  return {
    name: spec.name ?? '',
    opType: spec.op,
    domain: spec.domain ?? '',
    inputs: [...spec.in],
    outputs: [...spec.out],
    attributes: new Map(Object.entries(spec.attrs ?? {}).map(([name, value]) => [name, attribute(value)])),
    docString: '',
    rest: [],
  };
}

function attribute(value: AttributeSpec): Attribute {
  if (typeof value === 'number') return Number.isInteger(value) ? makeInt(value) : makeFloat(value);
  if (typeof value === 'string') return makeString(value);
  if (Array.isArray(value)) {
    const list = value as readonly number[];
    return list.every(Number.isInteger) ? makeInts(list) : { kind: 'floats', value: list };
  }
  const object = value as Attribute | Tensor;
  return 'payload' in object ? makeTensorAttribute(object) : object;
}
