/** Operators that give the same elements another shape: reshape, transpose, squeeze, expand, tile and the like. */
import type { Dim, Shape } from '../types.ts';
import { broadcast } from './broadcast.ts';
import { shapeFromData } from './constant.ts';
import { moveData } from './data.ts';
import { defineShapeRule, makeValue, normalizeAxes, normalizeAxis, unknownDims, type RuleContext, type RuleResult, type ShapeRule, type Value } from './rule.ts';

/** Elements in the same order under another shape. */
function reordered(context: RuleContext, shape: Shape | null): Value {
  const input = context.input(0);
  return makeValue(input?.elemType ?? 0, shape, shape ? (input?.data ?? null) : null);
}

function reshapeShape(context: RuleContext): Shape | null {
  const input = context.shape(0);
  const attribute = context.ints('shape');
  const target = attribute ?? shapeFromData(context, 1);
  if (!target) return null;
  const allowZero = context.int('allowzero', 0) !== 0;
  const { dims } = context;
  const result: Dim[] = target.map((dim, axis) => (dim === 0 && !allowZero ? (input?.[axis] ?? null) : dim));
  const free = result.indexOf(-1);
  if (free >= 0) result[free] = input ? quotient(context, input, target, result, free) : null;
  else if (input) fillOneUnknown(context, input, result);
  const total = input ? dims.product(input) : null;
  const made = dims.product(result);
  if (typeof total === 'number' && typeof made === 'number' && total !== made) {
    context.note(`${total} elements do not fill ${result.join(' x ')}`);
  }
  return result;
}

/** What stands for -1: the elements not covered by the other dimensions. */
function quotient(context: RuleContext, input: Shape, target: Shape, result: readonly Dim[], free: number): Dim {
  const { dims } = context;
  const allowZero = context.int('allowzero', 0) !== 0;
  // A dimension copied by 0 divides out even when it is unknown.
  const copied = new Set(target.flatMap((dim, axis) => (dim === 0 && !allowZero && axis < input.length ? [axis] : [])));
  const rest = result.filter((_, axis) => axis !== free && !copied.has(axis));
  const above = dims.product(input.filter((_, axis) => !copied.has(axis)));
  const below = dims.product(rest);
  const exact = below === 0 ? null : dims.divideExactly(above, below);
  if (exact === null && typeof above === 'number' && typeof below === 'number' && below !== 0) context.note(`${above} elements cannot be divided by ${below}`);
  return exact;
}

/** The one unknown size follows from the number of elements. */
function fillOneUnknown(context: RuleContext, input: Shape, result: Dim[]): void {
  const unknown = result.flatMap((dim, axis) => (dim === null ? [axis] : []));
  if (unknown.length !== 1 || unknown[0] === undefined) return;
  const { dims } = context;
  const others = dims.product(result.filter((dim) => dim !== null));
  const size = others === 0 ? null : dims.divideExactly(dims.product(input), others);
  // The element might be -1 as well, which means the same.
  result[unknown[0]] = size;
}

function transpose(context: RuleContext): Value {
  const input = context.input(0);
  const shape = input?.shape;
  if (!input || !shape) return makeValue(context.elemType(0), null);
  const order = context.ints('perm') ?? shape.map((_, axis) => shape.length - 1 - axis);
  const axes = normalizeAxes(order, shape.length);
  if (!axes || new Set(axes).size !== shape.length) {
    context.note(`perm ${order.join(', ')} does not order ${shape.length} axes`);
    return makeValue(input.elemType, null);
  }
  const out = axes.map((axis) => shape[axis] ?? null);
  const data = moveData(input, out, (index) => {
    const from: number[] = [];
    axes.forEach((axis, i) => (from[axis] = index[i] ?? 0));
    return from;
  });
  return makeValue(input.elemType, out, data);
}

/** Axes as an attribute or, from opset 13 on, as input 1. undefined: not given; null: given but unknown. */
function axesOf(context: RuleContext): number[] | null | undefined {
  return context.ints('axes') ?? (context.has(1) ? context.numbers(1) : undefined);
}

function squeezeShape(context: RuleContext): Shape | null {
  const shape = context.shape(0);
  const given = axesOf(context);
  if (!shape || given === null) {
    const count = context.has(1) ? context.shape(1)?.[0] : undefined;
    return shape && typeof count === 'number' && count <= shape.length ? unknownDims(shape.length - count) : null;
  }
  if (given === undefined) {
    // Which sizes are 1 decides the rank; a symbol or an unknown size might be.
    return shape.every((dim) => typeof dim === 'number') ? shape.filter((dim) => dim !== 1) : null;
  }
  const axes = normalizeAxes(given, shape.length);
  if (!axes) {
    context.note(`axes ${given.join(', ')} do not fit rank ${shape.length}`);
    return null;
  }
  for (const axis of axes) {
    const dim = shape[axis];
    if (typeof dim === 'number' && dim !== 1) context.note(`axis ${axis} has size ${dim} and cannot be squeezed`);
  }
  return shape.filter((_, axis) => !axes.includes(axis));
}

function unsqueezeShape(context: RuleContext): Shape | null {
  const shape = context.shape(0);
  const given = axesOf(context);
  if (!shape || !given) {
    const count = context.has(1) ? context.shape(1)?.[0] : undefined;
    return shape && typeof count === 'number' && count < 64 ? unknownDims(shape.length + count) : null;
  }
  const rank = shape.length + given.length;
  const axes = normalizeAxes(given, rank);
  if (!axes || new Set(axes).size !== axes.length) {
    context.note(`axes ${given.join(', ')} do not fit rank ${rank}`);
    return null;
  }
  const rest = shape.values();
  return Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : (rest.next().value ?? null)));
}

function flattenShape(context: RuleContext): Shape | null {
  const shape = context.shape(0);
  const axis = context.int('axis', 1);
  if (!shape) return [null, null];
  const at = axis < 0 ? axis + shape.length : axis;
  if (at < 0 || at > shape.length) {
    context.note(`axis ${axis} does not fit rank ${shape.length}`);
    return [null, null];
  }
  return [context.dims.product(shape.slice(0, at)), context.dims.product(shape.slice(at))];
}

function expand(context: RuleContext): Value {
  const input = context.input(0);
  const target = shapeFromData(context, 1);
  // -1 is not in the standard but common, and means 1.
  const shape = input && target ? broadcast(context, [input.shape, target.map((dim) => (dim === -1 ? 1 : dim))]) : null;
  const source = input?.shape ?? [];
  const offset = (shape?.length ?? 0) - source.length;
  const data = shape && moveData(input, shape, (index) => source.map((size, axis) => (size === 1 ? 0 : (index[axis + offset] ?? 0))));
  return makeValue(context.elemType(0), shape, data);
}

function tile(context: RuleContext): Value {
  const input = context.input(0);
  const shape = input?.shape ?? null;
  const repeats = context.data(1);
  if (!input || !shape) return makeValue(context.elemType(0), null);
  const out = shape.map((dim, axis) => (repeats ? context.dims.mul(dim, repeats[axis] ?? null) : null));
  const data = moveData(input, out, (index) => index.map((at, axis) => at % Number(shape[axis] || 1)));
  return makeValue(input.elemType, out, data);
}

function depthToSpace(context: RuleContext): Shape | null {
  const shape = context.shape(0);
  const block = context.int('blocksize', 1);
  if (!shape || shape.length !== 4) return null;
  const { dims } = context;
  const [n = null, c = null, h = null, w = null] = shape;
  if (typeof c === 'number' && c % (block * block) !== 0) context.note(`${c} channels cannot be cut into blocks of ${block} x ${block}`);
  return [n, dims.divideExactly(c, block * block), dims.mul(h, block), dims.mul(w, block)];
}

function spaceToDepth(context: RuleContext): Shape | null {
  const shape = context.shape(0);
  const block = context.int('blocksize', 1);
  if (!shape || shape.length !== 4) return null;
  const { dims } = context;
  const [n = null, c = null, h = null, w = null] = shape;
  return [n, dims.mul(c, block * block), dims.floorDivide(h, block), dims.floorDivide(w, block)];
}

function oneHot(context: RuleContext): RuleResult {
  const shape = context.shape(0);
  const elemType = context.elemType(2);
  const depth = context.data(1)?.[0] ?? null;
  if (!shape) return [makeValue(elemType, null)];
  const axis = normalizeAxis(context.int('axis', -1), shape.length + 1);
  return [makeValue(elemType, axis === null ? null : shape.toSpliced(axis, 0, depth))];
}

export const movementRules: readonly ShapeRule[] = [
  defineShapeRule(['Reshape'], (context) => [reordered(context, reshapeShape(context))]),
  defineShapeRule(['Transpose'], (context) => [transpose(context)]),
  defineShapeRule(['Squeeze'], (context) => [reordered(context, squeezeShape(context))]),
  defineShapeRule(['Unsqueeze'], (context) => [reordered(context, unsqueezeShape(context))]),
  defineShapeRule(['Flatten'], (context) => [reordered(context, flattenShape(context))]),
  defineShapeRule(['Expand'], (context) => [expand(context)]),
  defineShapeRule(['Tile'], (context) => [tile(context)]),
  defineShapeRule(['DepthToSpace'], (context) => [makeValue(context.elemType(0), depthToSpace(context))]),
  defineShapeRule(['SpaceToDepth'], (context) => [makeValue(context.elemType(0), spaceToDepth(context))]),
  defineShapeRule(['OneHot'], oneHot),
  defineShapeRule(['ReverseSequence'], (context) => [makeValue(context.elemType(0), context.shape(0))]),
];
