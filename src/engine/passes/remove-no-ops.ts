/**
 * remove-no-ops
 *
 * before: an operator that gives back its input
 * after:  readers take the input
 * when, each from constants and proven shapes only (nothing is removed because a declaration says so):
 *   Cast to the type that the input has             Reshape to the shape that the input has
 *   Transpose by the identity                       Flatten of a 2-D tensor at axis 1
 *   Pad by zeros                                    Slice of everything with step 1
 *   Concat, Sum, Mean, Max, Min of one input        Split into one part
 *   Squeeze, Unsqueeze of no axes                   Expand and Tile by ones, to no higher rank
 *   Add, Sub 0 and Mul, Div 1 (a constant that does not broadcast the other operand up)
 *   Average, Max and global pooling over windows of 1 with stride 1 and no padding
 * why it is exact: each is the identity on every element; x + 0 may turn -0 into 0, which compares equal.
 * A graph output keeps its name by renaming the producer of the input; where that cannot be, the node stays.
 */
import { intAttribute, intsAttribute } from '../onnx/attributes.ts';
import type { Graph, Node } from '../onnx/graph.ts';
import { definePass, noOptions, type PassContext } from './define-pass.ts';
import { constantFloats, constantIntegers, onlyFirstOutputUsed } from './support/match.ts';

interface Site {
  readonly graph: Graph;
  readonly node: Node;
  readonly context: PassContext;
}

/** Which input the operator gives back; null where it is not proven to. */
const RULES: Readonly<Record<string, (site: Site) => number | null>> = {
  Cast: ({ node, context }) => {
    const known = context.shapes.get(node.inputs[0] ?? '')?.elemType ?? 0;
    return known !== 0 && known === intAttribute(node, 'to', 0) ? 0 : null;
  },
  Reshape: (site) => (reshapesToItself(site) ? 0 : null),
  Transpose: ({ node, context }) => {
    const perm = intsAttribute(node, 'perm');
    if (perm) return perm.every((axis, index) => axis === index) ? 0 : null;
    const rank = context.shapes.get(node.inputs[0] ?? '')?.shape?.length;
    return rank !== undefined && rank <= 1 ? 0 : null;
  },
  Flatten: ({ node, context }) => {
    const axis = intAttribute(node, 'axis', 1);
    return context.shapes.get(node.inputs[0] ?? '')?.shape?.length === 2 && (axis === 1 || axis === -1) ? 0 : null;
  },
  Pad: ({ graph, node, context }) => {
    const pads = context.opset < 11 ? intsAttribute(node, 'pads') : constantIntegers(graph, node.inputs[1]);
    return pads?.every((pad) => pad === 0) ? 0 : null;
  },
  Slice: (site) => (slicesEverything(site) ? 0 : null),
  Concat: (site) => soleInput(site),
  Sum: (site) => soleInput(site),
  Mean: (site) => soleInput(site),
  Max: (site) => soleInput(site),
  Min: (site) => soleInput(site),
  Split: ({ graph, node }) => (node.outputs.length === 1 && (node.inputs[1] ?? '') === '' && graph.producer(node.outputs[0] ?? '') === node ? 0 : null),
  Squeeze: (site) => (namesNoAxes(site) ? 0 : null),
  Unsqueeze: (site) => (namesNoAxes(site) ? 0 : null),
  Expand: ({ graph, node, context }) => {
    const target = constantIntegers(graph, node.inputs[1]);
    const rank = context.shapes.get(node.inputs[0] ?? '')?.shape?.length;
    return target && rank !== undefined && target.length <= rank && target.every((dim) => dim === 1) ? 0 : null;
  },
  Tile: ({ graph, node, context }) => {
    if (context.opset < 6) return null;
    return constantIntegers(graph, node.inputs[1])?.every((times) => times === 1) ? 0 : null;
  },
  Add: (site) => neutralElement(site, 0) ?? neutralElement(site, 0, 1),
  Mul: (site) => neutralElement(site, 1) ?? neutralElement(site, 1, 1),
  Sub: (site) => neutralElement(site, 0),
  Div: (site) => neutralElement(site, 1),
  AveragePool: (site) => (poolsNothing(site) ? 0 : null),
  MaxPool: (site) => (poolsNothing(site) ? 0 : null),
  GlobalAveragePool: (site) => (spatialIsOne(site) ? 0 : null),
  GlobalMaxPool: (site) => (spatialIsOne(site) ? 0 : null),
};

export const removeNoOps = definePass({
  name: 'remove-no-ops',
  family: 'cleanup',
  summary: 'Removes casts, reshapes, paddings and the like that give back their input.',
  options: noOptions,
  run(graph, context) {
    const stats: Record<string, number> = {};
    let count = 0;
    for (const node of graph.sorted()) {
      const rule = node.domain === '' ? RULES[node.opType] : undefined;
      if (!rule || !onlyFirstOutputUsed(graph, node)) continue;
      const index = rule({ graph, node, context });
      const source = index === null ? '' : (node.inputs[index] ?? '');
      if (source === '' || !graph.bypass(node, source)) continue;
      stats[node.opType] = (stats[node.opType] ?? 0) + 1;
      count++;
    }
    return { changed: count, stats, notes: [] };
  },
});

function soleInput({ node }: Site): number | null {
  return node.inputs.length === 1 ? 0 : null;
}

/**
 * Every target size is the input's own (0 copies it unless allowzero), at most one is -1 and then follows from the others, which must
 * not be zero.
 */
function reshapesToItself({ graph, node, context }: Site): boolean {
  const target = constantIntegers(graph, node.inputs[1]);
  const shape = context.shapes.get(node.inputs[0] ?? '')?.shape;
  if (!target || !shape || shape.length !== target.length) return false;
  const zeroCopies = intAttribute(node, 'allowzero', 0) === 0;
  const isSame = (size: number, axis: number): boolean => (size === 0 && zeroCopies) || size === shape[axis];
  const inferred = target.filter((size) => size === -1).length;
  if (inferred > 1 || (inferred === 1 && shape.some((size) => size === 0))) return false;
  return target.every((size, axis) => size === -1 || isSame(size, axis));
}

function slicesEverything({ graph, node, context }: Site): boolean {
  const attributes = context.opset < 10;
  const shape = context.shapes.get(node.inputs[0] ?? '')?.shape;
  const starts = attributes ? intsAttribute(node, 'starts') : constantIntegers(graph, node.inputs[1]);
  const ends = attributes ? intsAttribute(node, 'ends') : constantIntegers(graph, node.inputs[2]);
  const hasAxes = attributes ? node.attributes.has('axes') : (node.inputs[3] ?? '') !== '';
  const axes = hasAxes ? (attributes ? intsAttribute(node, 'axes') : constantIntegers(graph, node.inputs[3])) : starts?.map((_, axis) => axis);
  const hasSteps = !attributes && (node.inputs[4] ?? '') !== '';
  const steps = hasSteps ? constantIntegers(graph, node.inputs[4]) : starts?.map(() => 1);
  if (!starts || !ends || !axes || !steps) return false;
  return starts.every((start, i) => {
    const axis = axes[i] ?? 0;
    const size = shape?.[axis < 0 ? axis + shape.length : axis];
    const end = ends[i] ?? 0;
    return start === 0 && steps[i] === 1 && (end >= 2 ** 31 - 1 || (typeof size === 'number' && end >= size));
  });
}

/** An explicit empty list: without one, Squeeze takes every axis of size 1. */
function namesNoAxes({ graph, node, context }: Site): boolean {
  const axes = context.opset < 13 ? intsAttribute(node, 'axes') : constantIntegers(graph, node.inputs[1]);
  return axes?.length === 0;
}

/** Input `kept` where the other one is a constant of `value` throughout that is not larger in rank or any size. */
function neutralElement({ graph, node, context }: Site, value: number, other: 0 | 1 = 0): number | null {
  const [kept, neutral] = other === 0 ? [0, 1] : [1, 0];
  const name = node.inputs[neutral] ?? '';
  const tensor = graph.constant(name);
  const shape = context.shapes.get(node.inputs[kept] ?? '')?.shape;
  if (!tensor || !shape || tensor.dims.length > shape.length) return null;
  const offset = shape.length - tensor.dims.length;
  if (!tensor.dims.every((size, axis) => size === 1 || size === shape[axis + offset])) return null;
  const values = constantFloats(graph, name) ?? constantIntegers(graph, name);
  return values && values.length > 0 && values.every((element) => element === value) ? kept : null;
}

function poolsNothing({ node }: Site): boolean {
  const kernel = intsAttribute(node, 'kernel_shape');
  const isOnes = (name: string): boolean => intsAttribute(node, name)?.every((size) => size === 1) ?? true;
  const autoPad = node.attributes.get('auto_pad');
  return kernel !== null && kernel.every((size) => size === 1) && isOnes('strides') && (intsAttribute(node, 'pads')?.every((pad) => pad === 0) ?? true) && !autoPad;
}

function spatialIsOne({ node, context }: Site): boolean {
  const shape = context.shapes.get(node.inputs[0] ?? '')?.shape;
  return shape !== undefined && shape !== null && shape.length > 2 && shape.slice(2).every((size) => size === 1);
}
