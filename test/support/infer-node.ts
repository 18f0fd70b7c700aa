/** One operator with given inputs, inferred: for tables of shapes. */
import { makeFloat, makeInt, makeInts, makeString } from '../../src/engine/onnx/attributes.ts';
import { inferShapes, type InferShapesOptions, type ShapeMap } from '../../src/engine/onnx/shapes/infer.ts';
import { floatTensor, int64Tensor } from '../../src/engine/onnx/tensor.ts';
import { DataType, type Attribute, type GraphData, type Model, type NodeData, type Shape, type Tensor, type ValueInfo } from '../../src/engine/onnx/types.ts';

type Plain = number | string | readonly number[] | readonly string[] | Attribute;

/** A node with plain attributes: whole numbers are ints, `{ kind: 'float' }` and its likes stand for themselves. */
export function plainNode(opType: string, inputs: readonly string[], outputs: readonly string[], attributes: Readonly<Record<string, Plain>> = {}, domain = ''): NodeData {
  const entries = Object.entries(attributes).map(([name, value]): [string, Attribute] => [name, attributeOf(value)]);
  return { name: '', opType, domain, inputs: [...inputs], outputs: [...outputs], attributes: new Map(entries), docString: '', rest: [] };
}

function attributeOf(value: Plain): Attribute {
  if (typeof value === 'number') return Number.isInteger(value) ? makeInt(value) : makeFloat(value);
  if (typeof value === 'string') return makeString(value);
  if (Array.isArray(value)) return makeInts(value as readonly number[]);
  return value as Attribute;
}

export interface PlainGraph {
  readonly inputs?: Readonly<Record<string, Shape | { readonly elemType: number; readonly shape: Shape | null }>>;
  readonly constants?: readonly Tensor[];
  readonly nodes: readonly NodeData[];
  readonly outputs?: readonly ValueInfo[];
  readonly valueInfo?: readonly ValueInfo[];
}

export function plainGraph(graph: PlainGraph): GraphData {
  const inputs: ValueInfo[] = [];
  for (const [name, given] of Object.entries(graph.inputs ?? {})) {
    if ('elemType' in given) inputs.push({ name, elemType: given.elemType, shape: given.shape });
    else inputs.push({ name, elemType: DataType.FLOAT, shape: given });
  }
  return {
    name: 'graph', docString: '', nodes: [...graph.nodes], inputs, outputs: [...(graph.outputs ?? [])],
    initializers: new Map((graph.constants ?? []).map((tensor) => [tensor.name, tensor])),
    valueInfo: new Map((graph.valueInfo ?? []).map((info) => [info.name, info])), rest: [],
  };
}

export function plainModel(graph: PlainGraph, opset = 17, irVersion = 8): Model {
  return {
    irVersion, opsets: [{ domain: '', version: opset }, { domain: 'com.microsoft', version: 1 }], producerName: '', producerVersion: '', domain: '',
    modelVersion: 0n, docString: '', graph: plainGraph(graph), metadata: [], functions: [], rest: [],
  };
}

export function inferGraph(graph: PlainGraph, opset = 17, options: InferShapesOptions = {}): ShapeMap {
  return inferShapes(plainModel(graph, opset), options);
}

/** A float input of that shape, or a constant list of whole numbers (`ints`) or floats (`floats`), or nothing (null). */
export type PlainInput = Shape | { readonly elemType: number; readonly shape: Shape | null } | { readonly ints: readonly number[]; readonly dims?: readonly number[] } | { readonly floats: readonly number[] } | null;

export interface NodeCase {
  readonly op: string;
  readonly inputs: readonly PlainInput[];
  readonly attributes?: Readonly<Record<string, Plain>>;
  readonly opset?: number;
  readonly domain?: string;
  /** How many outputs; default 1. */
  readonly outputs?: number;
}

export interface InferredNode {
  readonly shapes: readonly (Shape | null | undefined)[];
  readonly types: readonly (number | undefined)[];
  readonly data: readonly (readonly (number | string | null)[] | null)[];
  readonly notes: readonly string[];
}

export function inferNode(spec: NodeCase): InferredNode {
  const inputs: Record<string, Shape | { elemType: number; shape: Shape | null }> = {};
  const constants: Tensor[] = [];
  const names = spec.inputs.map((input, i) => {
    const name = `x${i}`;
    if (input === null) return '';
    if ('ints' in input) constants.push(int64Tensor(name, input.dims ?? [input.ints.length], input.ints));
    else if ('floats' in input) constants.push(floatTensor(name, [input.floats.length], Float32Array.from(input.floats)));
    else inputs[name] = input;
    return name;
  });
  const outputs = Array.from({ length: spec.outputs ?? 1 }, (_, i) => `y${i}`);
  const map = inferGraph({ inputs, constants, nodes: [plainNode(spec.op, names, outputs, spec.attributes, spec.domain)] }, spec.opset);
  return {
    shapes: outputs.map((name) => map.get(name)?.shape),
    types: outputs.map((name) => map.get(name)?.elemType),
    data: outputs.map((name) => map.data(name)),
    notes: map.notes,
  };
}
