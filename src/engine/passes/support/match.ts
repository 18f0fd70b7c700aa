/** Small questions that many passes ask of a graph. */
import type { Graph, Node } from '../../onnx/graph.ts';
import { tensorIntegers } from '../../onnx/tensor.ts';
import { DataType, type Tensor } from '../../onnx/types.ts';
import { readFloats, type Floats } from './numbers.ts';

/** A node of the standard operator set. */
export interface StandardNode extends Node {
  readonly domain: '';
}

/** True for a standard operator of one of these names. */
export function isOp(node: Node | undefined, ...names: readonly string[]): node is StandardNode {
  return node !== undefined && node.domain === '' && names.includes(node.opType);
}

/** Operators whose result differs from run to run. */
const RANDOM = new Set(['RandomNormal', 'RandomUniform', 'RandomNormalLike', 'RandomUniformLike', 'Multinomial', 'Bernoulli']);

/** False for random operators, and for Dropout where it may be training. */
export function isDeterministic(node: Node): boolean {
  return !RANDOM.has(node.opType) && !(node.opType === 'Dropout' && (node.inputs[2] ?? '') !== '') && node.domain === '';
}

export function hasSubgraph(node: Node): boolean {
  for (const attribute of node.attributes.values()) if (attribute.kind === 'graph' || attribute.kind === 'graphs') return true;
  return false;
}

/** The integers of a constant as numbers; null where it is no constant integer tensor or one is not exact as a number. */
export function constantIntegers(graph: Graph, value: string | undefined): number[] | null {
  const tensor = value ? graph.constant(value) : undefined;
  if (!tensor || (tensor.dataType !== DataType.INT64 && tensor.dataType !== DataType.INT32)) return null;
  return tensorIntegers(tensor).map(Number);
}

/** The elements of a constant of float, double or float16; null where it is none. */
export function constantFloats(graph: Graph, value: string | undefined): Floats | null {
  const tensor = value ? graph.constant(value) : undefined;
  return tensor ? readFloats(tensor) : null;
}

/** The one value of a constant float with a single element; null where it is none. */
export function constantScalar(graph: Graph, value: string | undefined): number | null {
  const values = constantFloats(graph, value);
  return values?.length === 1 ? (values[0] ?? null) : null;
}

/** True where no output but the first is named and read. */
export function onlyFirstOutputUsed(graph: Graph, node: Node): boolean {
  return node.outputs.slice(1).every((output) => output === '' || (!graph.isOutput(output) && graph.uses(output).length === 0));
}

/** True where a graph output is among the node's outputs. */
export function makesGraphOutput(graph: Graph, node: Node): boolean {
  return node.outputs.some((output) => output !== '' && graph.isOutput(output));
}

/**
 * Gives a node's constant input new content: under the old name where nobody else reads it, else as a new initializer.
 * @returns true where the old content stays since others read it
 */
export function replaceConstant(graph: Graph, node: Node, index: number, tensor: Tensor): boolean {
  const name = node.inputs[index] ?? '';
  const shared = name === '' || graph.isOutput(name) || graph.uses(name).length !== 1;
  if (shared) graph.setInput(node, index, graph.addInitializer(tensor));
  else {
    graph.setInitializer({ ...tensor, name });
    graph.removeValueInfo(name);
  }
  return shared && name !== '';
}

/** Lets `node` make the output of `last`, which it now computes too, and removes `last`. */
export function takeOver(graph: Graph, node: Node, last: Node): void {
  const output = last.outputs[0] ?? '';
  const old = node.outputs[0] ?? '';
  graph.removeNode(last);
  graph.setOutput(node, 0, output);
  graph.removeValueInfo(old);
}
