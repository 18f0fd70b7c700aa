/** Operators that cut, pick, join or pad: slice, gather, split, concat, pad, scatter. */
import { DataType, type Dim, type Shape } from '../types.ts';
import { sameDim } from './broadcast.ts';
import { moveData } from './data.ts';
import { defineShapeRule, makeValue, MAX_DATA, normalizeAxis, unknownDims, withDim, type RuleContext, type RuleResult, type ShapeRule, type Value } from './rule.ts';

interface Cut {
  /** null where it is not a number. */
  readonly start: number | null;
  readonly step: number;
  readonly size: Dim;
}

/** Beyond this an end means "to the end", as INT_MAX, INT64_MAX and their likes do. */
const FAR = 2 ** 31 - 2;

/** One axis of Slice after the ONNX text: negative counts from the end, then both are clamped. */
function cutAxis(context: RuleContext, dim: Dim, start: Dim, end: Dim, step: number): Cut {
  const { dims } = context;
  if (typeof dim === 'number' && typeof start === 'number' && typeof end === 'number') {
    const low = step > 0 ? 0 : -1;
    const high = step > 0 ? dim : dim - 1;
    const from = Math.min(step > 0 ? dim : dim - 1, Math.max(0, start < 0 ? start + dim : start));
    const to = Math.min(high, Math.max(low, end < 0 ? end + dim : end));
    return { start: from, step, size: Math.max(0, Math.ceil((to - from) / step)) };
  }
  const startNumber = typeof start === 'number' ? start : null;
  if (step < 0) return { start: null, step, size: wholeBackwards(dims.add(dim, 0), start, end, step) };
  const far = typeof end === 'number' && end >= FAR;
  // A size is at least 1, so that the first or the last element is always there; more than that is not known of a symbol.
  if (startNumber === 0 && (far || end === dim)) return { start: 0, step, size: dims.ceilDivide(dim, step) };
  if (startNumber === 0 && end === -1) return { start: 0, step, size: dims.ceilDivide(dims.add(dim, -1), step) };
  if (startNumber === 0 && end === 1) return { start: 0, step, size: 1 };
  if (startNumber === 1 && (far || end === dim)) return { start: 1, step, size: dims.ceilDivide(dims.add(dim, -1), step) };
  if (startNumber === -1 && far) return { start: null, step, size: 1 };
  // A symbolic end or start is taken to lie inside: a model that computes it from another shape relies on that too.
  if (typeof end === 'string' && start !== null && !(startNumber !== null && startNumber < 0)) {
    return { start: startNumber, step, size: dims.ceilDivide(dims.sub(end, start), step) };
  }
  return { start: null, step, size: null };
}

function wholeBackwards(dim: Dim, start: Dim, end: Dim, step: number): Dim {
  const fromEnd = start === -1 || (typeof start === 'number' && start >= FAR);
  return step === -1 && fromEnd && typeof end === 'number' && end <= -FAR ? dim : null;
}

function slice(context: RuleContext): Value {
  const input = context.input(0);
  const shape = input?.shape;
  if (!input || !shape) return makeValue(context.elemType(0), null);
  const old = context.opset < 10;
  const starts = old ? context.ints('starts') : context.data(1);
  const ends = old ? context.ints('ends') : context.data(2);
  const axesInput = context.has(3) ? context.numbers(3) : undefined;
  const axesGiven = old ? context.ints('axes') : axesInput;
  const stepsGiven = old || !context.has(4) ? undefined : context.numbers(4);
  if (axesGiven === null && !old) return makeValue(input.elemType, unknownDims(shape.length));
  const count = starts?.length ?? ends?.length ?? context.shape(1)?.[0] ?? null;
  if (typeof count !== 'number') return makeValue(input.elemType, unknownDims(shape.length));
  const axes = axesGiven ?? Array.from({ length: count }, (_, i) => i);
  const out = [...shape];
  const cuts = new Map<number, Cut>();
  for (const [i, given] of axes.entries()) {
    const axis = normalizeAxis(given, shape.length);
    if (axis === null) {
      context.note(`axis ${given} does not fit rank ${shape.length}`);
      return makeValue(input.elemType, unknownDims(shape.length));
    }
    const step = stepsGiven === null ? null : (stepsGiven?.[i] ?? 1);
    const cut: Cut = step === null || step === 0 ? { start: null, step: 1, size: null } : cutAxis(context, shape[axis] ?? null, starts?.[i] ?? null, ends?.[i] ?? null, step);
    cuts.set(axis, cut);
    out[axis] = cut.size;
  }
  const known = [...cuts.values()].every((cut) => cut.start !== null);
  const data = known
    ? moveData(input, out, (index) => index.map((at, axis) => (cuts.get(axis)?.start ?? 0) + at * (cuts.get(axis)?.step ?? 1)))
    : null;
  return makeValue(input.elemType, out, data);
}

function gather(context: RuleContext): Value {
  const input = context.input(0);
  const indices = context.input(1);
  const shape = input?.shape;
  if (!input || !shape) return makeValue(context.elemType(0), null);
  const axis = normalizeAxis(context.int('axis', 0), shape.length);
  if (axis === null) {
    context.note(`axis ${context.int('axis', 0)} does not fit rank ${shape.length}`);
    return makeValue(input.elemType, null);
  }
  if (!indices?.shape) return makeValue(input.elemType, null);
  const out = [...shape.slice(0, axis), ...indices.shape, ...shape.slice(axis + 1)];
  const picked = context.numbers(1);
  const rank = indices.shape.length;
  const sizes = indices.shape as readonly number[];
  const data =
    picked &&
    moveData(input, out, (index) => {
      const flat = index.slice(axis, axis + rank).reduce((sum, at, i) => sum * (sizes[i] ?? 1) + at, 0);
      const pick = picked[flat] ?? 0;
      const size = shape[axis] as number;
      return [...index.slice(0, axis), pick < 0 ? pick + size : pick, ...index.slice(axis + rank)];
    });
  return makeValue(input.elemType, out, data);
}

function gatherNDShape(context: RuleContext): Shape | null {
  const input = context.shape(0);
  const indices = context.shape(1);
  const last = indices?.at(-1);
  if (!input || !indices || typeof last !== 'number') return null;
  return [...indices.slice(0, -1), ...input.slice(context.int('batch_dims', 0) + last)];
}

function concat(context: RuleContext): Value {
  const inputs = context.node.inputs.map((_, i) => context.input(i));
  const elemType = inputs.find((input) => input && input.elemType !== 0)?.elemType ?? 0;
  const known = inputs.find((input) => input?.shape)?.shape;
  if (!known) return makeValue(elemType, null);
  const axis = normalizeAxis(context.int('axis', 1), known.length);
  if (axis === null || inputs.some((input) => input?.shape && input.shape.length !== known.length)) {
    context.note('inputs of different rank cannot be joined');
    return makeValue(elemType, null);
  }
  const out = known.map((_, i) => {
    const sizes = inputs.map((input) => input?.shape?.[i] ?? null);
    if (i === axis) return sizes.reduce((sum: Dim, size) => context.dims.add(sum, size), 0);
    const numbers = new Set(sizes.filter((size) => typeof size === 'number'));
    if (numbers.size > 1) context.note(`inputs differ in axis ${i}: ${[...numbers].join(', ')}`);
    return sizes.reduce((a: Dim, b) => sameDim(a, b), null);
  });
  const data = known.length === 1 ? inputs.flatMap((input) => dataOrUnknown(input)) : null;
  return makeValue(elemType, out, data && data.length === out[0] && data.some((dim) => dim !== null) ? data : null);
}

/** The elements of a short list; unknown ones where only its length is known, so that the others are not lost. */
function dataOrUnknown(input: Value | undefined): readonly Dim[] {
  if (input?.data) return input.data;
  const length = input?.shape?.[0];
  return typeof length === 'number' && length <= MAX_DATA ? Array.from({ length }, () => null) : [];
}

function split(context: RuleContext): RuleResult {
  const input = context.input(0);
  const parts = context.node.outputs.length;
  const shape = input?.shape;
  const unknown = context.node.outputs.map(() => makeValue(context.elemType(0), null));
  if (!input || !shape) return unknown;
  const axis = normalizeAxis(context.int('axis', 0), shape.length);
  if (axis === null) {
    context.note(`axis ${context.int('axis', 0)} does not fit rank ${shape.length}`);
    return unknown;
  }
  const dim = shape[axis] ?? null;
  const given = context.ints('split') ?? (context.has(1) ? (context.data(1) ?? context.node.outputs.map(() => null)) : null);
  const sizes = given ?? evenParts(context, dim, context.int('num_outputs', parts));
  const { dims } = context;
  if (given && typeof dim === 'number') {
    const sum = given.reduce((total: Dim, size) => dims.add(total, size), 0);
    if (typeof sum === 'number' && sum !== dim) context.note(`parts of ${given.join(' + ')} do not make ${dim}`);
  }
  let offset: Dim = 0;
  return context.node.outputs.map((_, i) => {
    const out = withDim(shape, axis, sizes[i] ?? null);
    const from = offset;
    offset = dims.add(offset, sizes[i] ?? null);
    const data = typeof from === 'number' ? moveData(input, out, (index) => index.map((at, k) => (k === axis ? at + from : at))) : null;
    return makeValue(input.elemType, out, data);
  });
}

/** Equal parts; from opset 18 on the last one may be smaller. One size for each output of the node: `count` is only what the file claims. */
function evenParts(context: RuleContext, dim: Dim, count: number): Dim[] {
  const { dims } = context;
  const { length } = context.node.outputs;
  const exact = dims.divideExactly(dim, count);
  if (exact !== null) return Array.from({ length }, () => exact);
  if (typeof dim !== 'number') return Array.from({ length }, () => null);
  if (context.opset < 18) context.note(`${dim} cannot be split into ${count} equal parts`);
  const size = Math.ceil(dim / count);
  return Array.from({ length }, (_, i) => Math.max(0, Math.min(size, dim - i * size)));
}

function pad(context: RuleContext): Value {
  const shape = context.shape(0);
  if (!shape) return makeValue(context.elemType(0), null);
  const { dims } = context;
  const pads = context.opset < 11 ? (context.ints('pads') ?? context.ints('paddings')) : context.data(1);
  const axesGiven = context.has(3) ? context.numbers(3) : undefined;
  if (!pads || axesGiven === null) return makeValue(context.elemType(0), unknownDims(shape.length));
  const axes = axesGiven ?? shape.map((_, axis) => axis);
  if (pads.length !== 2 * axes.length) {
    context.note(`${pads.length} pads for ${axes.length} axes`);
    return makeValue(context.elemType(0), unknownDims(shape.length));
  }
  const out = [...shape];
  for (const [i, given] of axes.entries()) {
    const axis = normalizeAxis(given, shape.length);
    if (axis === null) continue;
    out[axis] = dims.add(dims.add(shape[axis] ?? null, pads[i] ?? null), pads[i + axes.length] ?? null);
  }
  return makeValue(context.elemType(0), out);
}

function compress(context: RuleContext): Value {
  const shape = context.shape(0);
  if (!context.node.attributes.has('axis')) return makeValue(context.elemType(0), [null]);
  const axis = shape && normalizeAxis(context.int('axis', 0), shape.length);
  return makeValue(context.elemType(0), shape && axis !== null ? withDim(shape, axis, null) : null);
}

function gatherBlockQuantized(context: RuleContext): Value {
  const shape = context.shape(0);
  const indices = context.shape(1);
  const axis = shape && normalizeAxis(context.int('gather_axis', 0), shape.length);
  const out = shape && indices && axis !== null ? [...shape.slice(0, axis), ...indices, ...shape.slice(axis + 1)] : null;
  const packed = context.elemType(0) === DataType.UINT8 && context.int('bits', 4) === 4;
  return makeValue(context.elemType(2), out && packed ? withDim(out, out.length - 1, context.dims.mul(out.at(-1) ?? null, 2)) : out);
}

export const slicingRules: readonly ShapeRule[] = [
  defineShapeRule(['Slice'], (context) => [slice(context)]),
  defineShapeRule(['Gather'], (context) => [gather(context)]),
  defineShapeRule(['GatherElements'], (context) => [makeValue(context.elemType(0), context.shape(1))]),
  defineShapeRule(['GatherND'], (context) => [makeValue(context.elemType(0), gatherNDShape(context))]),
  defineShapeRule(['Concat'], (context) => [concat(context)]),
  defineShapeRule(['Split'], split),
  defineShapeRule(['Pad'], (context) => [pad(context)]),
  defineShapeRule(['Scatter', 'ScatterElements', 'ScatterND'], (context) => [makeValue(context.elemType(0), context.shape(0))]),
  defineShapeRule(['Compress'], (context) => [compress(context)]),
  defineShapeRule(['CenterCropPad'], (context) => [centerCropPad(context)]),
  defineShapeRule(['GatherBlockQuantized'], (context) => [gatherBlockQuantized(context)], 'com.microsoft'),
];

function centerCropPad(context: RuleContext): Value {
  const shape = context.shape(0);
  if (!shape) return makeValue(context.elemType(0), null);
  const sizes = context.data(1);
  const out = [...shape];
  for (const [i, given] of (context.ints('axes') ?? shape.map((_, axis) => axis)).entries()) {
    const axis = normalizeAxis(given, shape.length);
    if (axis !== null) out[axis] = sizes?.[i] ?? null;
  }
  return makeValue(context.elemType(0), out);
}
