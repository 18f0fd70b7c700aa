/** Reductions along axes, and what counts or orders along one. */
import { DataType, type Dim, type Shape } from '../types.ts';
import { defineShapeRule, makeValue, normalizeAxes, normalizeAxis, unknownDims, withDim, type RuleContext, type RuleResult, type ShapeRule, type Value } from './rule.ts';

/** The axes to reduce: attribute or, later, input 1. null: given but unknown. */
function reducedAxes(context: RuleContext, rank: number): number[] | null {
  const attribute = context.ints('axes');
  const input = context.has(1) ? context.numbers(1) : undefined;
  const axes = attribute ?? input;
  if (axes === null) return null;
  if (axes === undefined || axes.length === 0) {
    return context.int('noop_with_empty_axes', 0) ? [] : Array.from({ length: rank }, (_, axis) => axis);
  }
  const positive = normalizeAxes(axes, rank);
  if (!positive) context.note(`axes ${axes.join(', ')} do not fit rank ${rank}`);
  return positive;
}

function reduceShape(context: RuleContext, shape: Shape | null, keep: boolean): Shape | null {
  if (!shape) return null;
  const axes = reducedAxes(context, shape.length);
  if (!axes) return keep ? unknownDims(shape.length) : null;
  return keep ? shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim)) : shape.filter((_, axis) => !axes.includes(axis));
}

function reduce(ops: readonly string[], fold: ((context: RuleContext, data: readonly Dim[]) => Dim) | null): ShapeRule {
  return defineShapeRule(ops, (context) => {
    const input = context.shape(0);
    const shape = reduceShape(context, input, context.int('keepdims', 1) !== 0);
    const data = context.data(0);
    // Data is followed only where everything is reduced to one element.
    const whole = fold && data && input?.length === 1 && shape?.every((dim) => dim === 1) && reducedAxes(context, 1)?.length === 1;
    return [makeValue(context.elemType(0), shape, whole ? [fold(context, data)] : null)];
  });
}

function numbersOnly(fold: (...values: number[]) => number): (context: RuleContext, data: readonly Dim[]) => Dim {
  return (_, data) => (data.every((dim) => typeof dim === 'number') ? fold(...(data as number[])) : null);
}

function argExtreme(context: RuleContext): Value {
  const shape = context.shape(0);
  if (!shape) return makeValue(DataType.INT64, null);
  const axis = normalizeAxis(context.int('axis', 0), shape.length);
  if (axis === null) {
    context.note(`axis ${context.int('axis', 0)} does not fit rank ${shape.length}`);
    return makeValue(DataType.INT64, null);
  }
  return makeValue(DataType.INT64, context.int('keepdims', 1) ? withDim(shape, axis, 1) : shape.filter((_, i) => i !== axis));
}

function topK(context: RuleContext): RuleResult {
  const shape = context.shape(0);
  const k = context.opset < 10 ? context.int('k', 0) || null : (context.data(1)?.[0] ?? null);
  const axis = shape && normalizeAxis(context.int('axis', -1), shape.length);
  const out = shape && axis !== null ? withDim(shape, axis, k) : null;
  return [makeValue(context.elemType(0), out), makeValue(DataType.INT64, out)];
}

function unique(context: RuleContext): RuleResult {
  const axisGiven = context.node.attributes.has('axis');
  const shape = context.shape(0);
  const axis = shape && normalizeAxis(context.int('axis', 0), shape.length);
  const values = axisGiven ? (shape && axis !== null ? withDim(shape, axis, null) : null) : [null];
  const index = makeValue(DataType.INT64, [null]);
  return [makeValue(context.elemType(0), values), index, makeValue(DataType.INT64, axisGiven ? (shape && axis !== null ? [shape[axis] ?? null] : [null]) : shape ? [context.dims.product(shape)] : [null]), index];
}

export const reduceRules: readonly ShapeRule[] = [
  reduce(['ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceLogSumExp', 'ReduceMean', 'ReduceSumSquare'], null),
  reduce(['ReduceSum'], (context, data) => data.reduce((sum, dim) => context.dims.add(sum, dim), 0)),
  reduce(['ReduceProd'], (context, data) => context.dims.product(data)),
  reduce(['ReduceMax'], numbersOnly(Math.max)),
  reduce(['ReduceMin'], numbersOnly(Math.min)),
  defineShapeRule(['ArgMax', 'ArgMin'], (context) => [argExtreme(context)]),
  defineShapeRule(['TopK'], topK),
  defineShapeRule(['Unique'], unique),
  defineShapeRule(['NonZero'], (context) => {
    const shape = context.shape(0);
    return [makeValue(DataType.INT64, [shape ? Math.max(1, shape.length) : null, null])];
  }),
];
