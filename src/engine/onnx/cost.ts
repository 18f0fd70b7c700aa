/**
 * What a model costs: multiply-adds, parameters and activation bytes per layer (docs/model-facts.md says what is counted).
 * A multiplication with its addition counts once; work that is no multiply-add (activations, pools, additions) counts 0.
 */
import type { LayerRecord } from '../../contract/records/model.ts';
import { intAttribute } from './attributes.ts';
import { capturedNames } from './captured.ts';
import { shapeRuleFor } from './shapes/registry.ts';
import type { ShapeMap } from './shapes/infer.ts';
import { bitsPerElement, byteLength, elementCount } from './tensor.ts';
import { DataType, type GraphData, type Model, type NodeData, type Shape, type Tensor } from './types.ts';

export interface ModelCost {
  /** Sum over the layers that could be counted. */
  readonly macs: number;
  /** Elements of all initializers and of weights in Constant nodes, each once. */
  readonly parameters: number;
  /** One per node, Constant nodes left out, in the order of the graph. */
  readonly layers: readonly LayerRecord[];
  /** What was assumed and what could not be counted, as sentences. */
  readonly warnings: readonly string[];
}

/** Counts for one sample: a symbolic first dimension of an input is taken as 1, and a warning says so. Never throws. */
export function modelCost(model: Model, shapes: ShapeMap): ModelCost {
  const { graph } = model;
  const warnings: string[] = [];
  const bound = shapes.bind(batchSymbols(graph, warnings));
  const parameters = parametersByNode(graph);
  const layers: LayerRecord[] = [];
  const uncounted = new Map<string, number>();
  for (const node of graph.nodes) {
    if (node.opType === 'Constant' && node.domain === '') continue;
    const macs = macsOf(node, bound);
    if (macs === null) uncounted.set(node.opType, (uncounted.get(node.opType) ?? 0) + 1);
    const output = node.outputs.find((name) => name !== '') ?? '';
    layers.push({
      name: node.name || output,
      op: node.domain === '' ? node.opType : `${node.domain}.${node.opType}`,
      macs,
      parameters: parameters.byNode.get(node) ?? 0,
      outputShape: shapes.get(output)?.shape?.slice() ?? null,
      activationBytes: activationBytes(node, bound),
    });
  }
  if (uncounted.size > 0) {
    const list = [...uncounted].map(([op, count]) => `${count} ${op}`).join(', ');
    warnings.push(`Multiply-adds are a lower bound: not counted are ${list}, because their shapes are not fully known or the operator is not countable.`);
  }
  if (parameters.unread > 0) warnings.push(`${parameters.unread} initializer(s) are read by no node.`);
  return { macs: layers.reduce((sum, layer) => sum + (layer.macs ?? 0), 0), parameters: parameters.total, layers, warnings };
}

/** The symbols in the first dimension of the inputs, each as 1. */
function batchSymbols(graph: GraphData, warnings: string[]): Map<string, number> {
  const symbols = new Map<string, number>();
  const names = new Set<string>();
  for (const input of graph.inputs) {
    const first = input.shape?.[0];
    if (graph.initializers.has(input.name) || first === undefined || typeof first === 'number') continue;
    symbols.set(first === null || first === '' ? `${input.name}:0` : first, 1);
    names.add(first === null || first === '' ? `the first dimension of "${input.name}"` : `"${first}"`);
  }
  if (names.size > 0) warnings.push(`Counted for one sample: ${[...names].join(', ')} taken as 1.`);
  return symbols;
}

function sizes(shape: Shape | null | undefined): number[] | null {
  return shape && shape.every((dim) => typeof dim === 'number') ? [...(shape as readonly number[])] : null;
}

function activationBytes(node: NodeData, shapes: ShapeMap): number | null {
  let total = 0;
  for (const output of node.outputs) {
    if (output === '') continue;
    const value = shapes.get(output);
    const dims = sizes(value?.shape);
    if (!value || !dims || bitsPerElement(value.elemType) === 0) return null;
    total += byteLength(value.elemType, dims);
  }
  return total;
}

type Counter = (node: NodeData, shapeOf: (index: number) => number[] | null, output: number[] | null) => number | null;

/** out elements x (in channels / group) x kernel elements. @param weight index of the weights [out, in/group, ...kernel] */
const convolution = (weight: number): Counter => (_, shapeOf, output) => {
  const kernel = shapeOf(weight);
  return kernel && output ? elementCount(output) * elementCount(kernel.slice(1)) : null;
};

/** Every input element meets (out channels / group) x kernel weights [in, out/group, ...kernel]. */
const convTranspose: Counter = (_, shapeOf) => {
  const [input, kernel] = [shapeOf(0), shapeOf(1)];
  return input && kernel ? elementCount(input) * elementCount(kernel.slice(1)) : null;
};

/** out elements x inner size. */
const product = (a: number, b: number): Counter => (_, shapeOf, output) => {
  const inner = shapeOf(a)?.at(-1) ?? shapeOf(b)?.at(-2) ?? (shapeOf(b)?.length === 1 ? shapeOf(b)?.[0] : undefined);
  return output && inner !== undefined ? elementCount(output) * inner : null;
};

const gemm = (a: number, b: number): Counter => (node, shapeOf, output) => {
  const inner = shapeOf(a)?.[intAttribute(node, 'transA', 0) ? 0 : 1] ?? shapeOf(b)?.[intAttribute(node, 'transB', 0) ? 1 : 0];
  return output && inner !== undefined ? elementCount(output) * inner : null;
};

const fusedMatMul: Counter = (node, shapeOf, output) => {
  const inner = shapeOf(0)?.at(intAttribute(node, 'transA', 0) ? -2 : -1);
  return output && inner !== undefined ? elementCount(output) * inner : null;
};

const blockMatMul: Counter = (node, _, output) => {
  const inner = intAttribute(node, 'K', 0);
  return output && inner > 0 ? elementCount(output) * inner : null;
};

/** Every step of every sequence meets all weights W and R once; gates' own products are elementwise. */
const recurrent: Counter = (_, shapeOf) => {
  const [input, w, r] = [shapeOf(0), shapeOf(1), shapeOf(2)];
  return input && w && r ? (input[0] ?? 0) * (input[1] ?? 0) * (elementCount(w) + elementCount(r)) : null;
};

const unknown: Counter = () => null;

const COUNTERS: ReadonlyMap<string, Counter> = new Map<string, Counter>([
  [':Conv', convolution(1)], [':ConvInteger', convolution(1)], [':DeformConv', convolution(1)], [':QLinearConv', convolution(3)],
  [':ConvTranspose', convTranspose],
  [':MatMul', product(0, 1)], [':MatMulInteger', product(0, 1)], [':QLinearMatMul', product(0, 3)],
  [':Gemm', gemm(0, 1)],
  [':LSTM', recurrent], [':GRU', recurrent], [':RNN', recurrent],
  [':Einsum', unknown], [':Attention', unknown], [':DFT', unknown], [':STFT', unknown],
  ['com.microsoft:FusedConv', convolution(1)], ['com.microsoft:QLinearConv', convolution(3)],
  ['com.microsoft:FusedGemm', gemm(0, 1)], ['com.microsoft:QGemm', gemm(0, 3)],
  ['com.microsoft:FusedMatMul', fusedMatMul], ['com.microsoft:MatMulNBits', blockMatMul],
  ['com.microsoft:MatMulIntegerToFloat', product(0, 1)], ['com.microsoft:DynamicQuantizeMatMul', product(0, 1)],
  ['com.microsoft:Attention', unknown], ['com.microsoft:MultiHeadAttention', unknown],
]);

function macsOf(node: NodeData, shapes: ShapeMap): number | null {
  const counter = COUNTERS.get(`${node.domain}:${node.opType}`);
  if (!counter) {
    if (holdsCountedWork(node)) return null;
    return shapeRuleFor(node.domain, node.opType) || node.domain === '' ? 0 : null;
  }
  const shapeOf = (index: number): number[] | null => sizes(shapes.get(node.inputs[index] ?? '')?.shape);
  try {
    return counter(node, shapeOf, sizes(shapes.get(node.outputs[0] ?? '')?.shape));
  } catch {
    // An attribute of the wrong kind: checks of the model report it.
    return null;
  }
}

/** True where a subgraph (a loop, a branch) holds something that would be counted, how often nobody knows. */
function holdsCountedWork(node: NodeData): boolean {
  for (const attribute of node.attributes.values()) {
    const graphs = attribute.kind === 'graph' ? [attribute.value] : attribute.kind === 'graphs' ? attribute.value : [];
    for (const graph of graphs) {
      if (graph.nodes.some((inner) => COUNTERS.has(`${inner.domain}:${inner.opType}`) || holdsCountedWork(inner))) return true;
    }
  }
  return false;
}

interface ParameterCount {
  readonly byNode: ReadonlyMap<NodeData, number>;
  readonly total: number;
  /** Initializers that no node reads. */
  readonly unread: number;
}

/**
 * Every constant counts at the first layer that reads it. A node that reads constants only (DequantizeLinear on weights, Transpose,
 * Cast, ...) prepares them, so they count at the layer that reads its result.
 */
function parametersByNode(graph: GraphData): ParameterCount {
  const readers = new Map<string, NodeData>();
  for (const node of graph.nodes) {
    for (const name of [...node.inputs, ...capturedNames(node)]) if (name !== '' && !readers.has(name)) readers.set(name, node);
  }
  const constants = new Set<string>(graph.initializers.keys());
  const preparing = new Set<NodeData>();
  for (const node of graph.nodes) {
    const inputs = node.inputs.filter((name) => name !== '');
    if (isConstant(node) || (inputs.length > 0 && inputs.every((name) => constants.has(name)))) {
      for (const output of node.outputs) constants.add(output);
      preparing.add(node);
    }
  }
  const layerOf = (name: string): NodeData | undefined => {
    let reader = readers.get(name);
    for (let steps = 0; reader && preparing.has(reader) && steps < 100; steps++) {
      const next = reader.outputs.map((output) => readers.get(output)).find((node) => node !== undefined);
      if (!next) break;
      reader = next;
    }
    return reader;
  };
  const byNode = new Map<NodeData, number>();
  const outputs = new Set(graph.outputs.map((output) => output.name));
  let total = 0;
  let unread = 0;
  const count = (name: string, elements: number): void => {
    total += elements;
    const layer = layerOf(name);
    if (layer) byNode.set(layer, (byNode.get(layer) ?? 0) + elements);
    else if (!outputs.has(name)) unread++;
  };
  for (const [name, tensor] of graph.initializers) count(name, elementCount(tensor.dims));
  for (const node of graph.nodes) {
    const tensor = isConstant(node) ? constantTensor(node) : undefined;
    if (tensor && isWeight(tensor)) count(node.outputs[0] ?? '', elementCount(tensor.dims));
    const inner = innerParameters(node);
    if (inner > 0) {
      total += inner;
      byNode.set(node, (byNode.get(node) ?? 0) + inner);
    }
  }
  return { byNode, total, unread };
}

function isConstant(node: NodeData): boolean {
  return node.opType === 'Constant' && node.domain === '';
}

function constantTensor(node: NodeData): Tensor | undefined {
  const attribute = node.attributes.get('value');
  return attribute?.kind === 'tensor' ? attribute.value : undefined;
}

const NOT_WEIGHTS: ReadonlySet<number> = new Set([DataType.INT64, DataType.BOOL, DataType.STRING]);

/** Constant nodes hold weights and the small change of a graph alike: sizes, axes, a clip's bounds. Only the former are parameters. */
function isWeight(tensor: Tensor): boolean {
  return !NOT_WEIGHTS.has(tensor.dataType) && elementCount(tensor.dims) > 1;
}

/** Parameters inside a node's subgraphs. */
function innerParameters(node: NodeData): number {
  let total = 0;
  for (const attribute of node.attributes.values()) {
    const graphs = attribute.kind === 'graph' ? [attribute.value] : attribute.kind === 'graphs' ? attribute.value : [];
    for (const graph of graphs) total += parametersByNode(graph).total;
  }
  return total;
}
