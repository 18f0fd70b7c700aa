/**
 * merge-sibling-layers
 *
 * before: y1 = L(x, W1, B1), y2 = L(x, W2, B2), ... with L = Conv, Gemm or a MatMul
 * after:  y1, y2, ... = Split(L(x, [W1; W2; ...], [B1; B2; ...]))
 * when:   same x and attributes (kernel, strides, pads, dilations; group 1; alpha, beta, transA, transB), constant 2-D weights for Gemm and
 *         MatMul, constant bias of one number per channel or none, all of one type; opset 2 or later (Split).
 * why it is exact: each output channel depends on its own rows of W and B only.
 * Whether it is faster depends on shapes and machine, so `simplify` does not run it. As a step of a recipe each group is measured against the
 * model as it is, and merged only where the whole 95 % interval says that it is faster (recipe/measured-siblings.ts).
 */
import { z } from 'zod';
import { intAttribute, makeInt, makeInts } from '../onnx/attributes.ts';
import type { Graph, Node } from '../onnx/graph.ts';
import { int64Tensor } from '../onnx/tensor.ts';
import type { Attribute, Tensor } from '../onnx/types.ts';
import { definePass, type PassContext } from './define-pass.ts';
import { constantFloats, isOp } from './support/match.ts';
import { isFloat, makeFloats, newFloats, readFloats } from './support/numbers.ts';

export const siblingOptions = z.strictObject({
  minSiblings: z.number().int().min(2).default(2).describe('siblings from which on they are merged'),
  only: z.array(z.string()).default([]).describe('names of layers; with any, only groups that hold one of them are merged'),
});

export const mergeSiblingLayers = definePass({
  name: 'merge-sibling-layers',
  family: 'merging',
  summary: 'Makes one wide Conv, Gemm or MatMul and a Split of siblings that share their input and geometry.',
  options: siblingOptions,
  run(graph, context, { minSiblings, only }) {
    let merged = 0;
    let layers = 0;
    for (const siblings of groupsOf(graph, minSiblings)) {
      if ((only.length > 0 && !siblings.some((node) => only.includes(layerName(node)))) || !merge(graph, siblings, context)) continue;
      merged++;
      layers += siblings.length;
    }
    return { changed: merged, stats: merged > 0 ? { merged, layers } : {}, notes: [] };
  },
});

/** Names of the layers that could become one, group by group. */
export function siblingGroups(graph: Graph, minSiblings: number): string[][] {
  return groupsOf(graph, minSiblings).map((siblings) => siblings.map(layerName));
}

function groupsOf(graph: Graph, minSiblings: number): Node[][] {
  const groups = new Map<string, Node[]>();
  for (const node of graph.sorted()) {
    const key = keyOf(graph, node);
    if (key !== null) groups.set(key, [...(groups.get(key) ?? []), node]);
  }
  return [...groups.values()].filter((siblings) => siblings.length >= minSiblings);
}

function layerName(node: Node): string {
  return node.name || (node.outputs[0] ?? '');
}

/** Axis of the weight that holds output channels. */
function channelAxis(node: Node): number {
  if (isOp(node, 'Conv')) return 0;
  return isOp(node, 'Gemm') && intAttribute(node, 'transB', 0) !== 0 ? 0 : 1;
}

/** What siblings have in common; null for a node that cannot have any. */
function keyOf(graph: Graph, node: Node): string | null {
  if (!isOp(node, 'Conv', 'Gemm', 'MatMul')) return null;
  const weight = graph.constant(node.inputs[1] ?? '');
  if (!weight || !isFloat(weight.dataType) || weight.payload.kind === 'external' || (!isOp(node, 'Conv') && weight.dims.length !== 2)) return null;
  if (isOp(node, 'Conv') && intAttribute(node, 'group', 1) !== 1) return null;
  const axis = channelAxis(node);
  const bias = node.inputs[2] ?? '';
  const biasTensor = bias === '' ? undefined : graph.constant(bias);
  if (bias !== '' && (!biasTensor || biasTensor.dataType !== weight.dataType || biasTensor.dims.length !== 1 || biasTensor.dims[0] !== weight.dims[axis])) return null;
  const attributes = [...node.attributes].map(([name, attribute]) => `${name}=${textOf(attribute)}`).sort();
  return JSON.stringify([node.opType, node.inputs[0], weight.dataType, weight.dims.map((size, i) => (i === axis ? -1 : size)), attributes]);
}

function textOf(attribute: Attribute): string {
  return 'value' in attribute ? String(attribute.value) : 'opaque';
}

function merge(graph: Graph, siblings: readonly Node[], context: PassContext): boolean {
  const [first] = siblings;
  const weights = siblings.map((node) => graph.constant(node.inputs[1] ?? ''));
  if (!first || context.opset < 2 || weights.includes(undefined)) return false;
  const axis = channelAxis(first);
  const tensors = weights.filter((tensor) => tensor !== undefined);
  const sizes = tensors.map((tensor) => tensor.dims[axis] ?? 0);
  const weight = concatenate(tensors, axis);
  if (!weight) return false;
  const base = siblings.map((node) => node.name || node.outputs[0]).join('_').slice(0, 80);
  const inputs = [first.inputs[0] ?? '', graph.addInitializer({ ...weight, name: `${base}_weight` })];
  if (siblings.some((node) => (node.inputs[2] ?? '') !== '')) {
    const values = siblings.flatMap((node, i) => [...(constantFloats(graph, node.inputs[2]) ?? new Float64Array(sizes[i] ?? 0))]);
    inputs.push(graph.addInitializer(makeFloats(`${base}_bias`, weight.dataType, [values.length], values)));
  }
  const wide = graph.uniqueName(`${base}_wide`);
  const { opType, attributes } = first;
  const outputs = siblings.map((node) => node.outputs[0] ?? '');
  // Channels are axis 1 of a Conv's or Gemm's result, and the last one of a MatMul's.
  const splitAxis = makeInt(isOp(first, 'MatMul') ? -1 : 1);
  for (const node of siblings) graph.removeNode(node);
  graph.addNode({ opType, name: wide, inputs, outputs: [wide], attributes });
  const parts = context.opset < 13 ? [] : [graph.addInitializer(int64Tensor(`${base}_split`, [sizes.length], sizes))];
  graph.addNode({ opType: 'Split', name: graph.uniqueName(`${base}_split`), inputs: [wide, ...parts], outputs, attributes: { axis: splitAxis, ...(context.opset < 13 ? { split: makeInts(sizes) } : {}) } });
  return true;
}

function concatenate(tensors: readonly Tensor[], axis: number): Tensor | null {
  const [first] = tensors;
  if (!first) return null;
  const rows = axis === 0 ? 1 : (first.dims[0] ?? 0);
  const total = tensors.reduce((sum, tensor) => sum + (tensor.dims[axis] ?? 0), 0);
  const inner = first.dims.slice(axis + 1).reduce((product, size) => product * size, 1);
  const result = newFloats(first.dataType, rows * total * inner);
  let offset = 0;
  for (const tensor of tensors) {
    const values = readFloats(tensor);
    const run = (tensor.dims[axis] ?? 0) * inner;
    if (!values) return null;
    for (let row = 0; row < rows; row++) result.set(values.subarray(row * run, (row + 1) * run), row * total * inner + offset);
    offset += run;
  }
  return makeFloats(first.name, first.dataType, first.dims.map((size, i) => (i === axis ? total : size)), result);
}
