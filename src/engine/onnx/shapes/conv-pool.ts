/**
 * Convolutions and pools. Sizes after the ONNX operator texts: floor((in + pads - ((kernel - 1)*dilation + 1)) / stride) + 1, or
 * ceil, where the last window must start inside the input or its left padding.
 */
import { DataType, type Dim, type Shape } from '../types.ts';
import { defineShapeRule, makeValue, type RuleContext, type RuleResult, type ShapeRule, type Value } from './rule.ts';

interface Window {
  readonly kernel: readonly Dim[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Begins, then ends. */
  readonly pads: readonly number[];
  readonly autoPad: string;
  readonly ceil: boolean;
}

function windowOf(context: RuleContext, kernel: readonly Dim[]): Window {
  const rank = kernel.length;
  const list = (name: string, length: number, fallback: number): number[] => {
    const given = context.ints(name);
    if (given && given.length !== length) context.note(`attribute "${name}" has ${given.length} entries where ${length} belong`);
    return Array.from({ length }, (_, i) => given?.[i] ?? fallback);
  };
  return {
    kernel,
    strides: list('strides', rank, 1),
    dilations: list('dilations', rank, 1),
    pads: list('pads', 2 * rank, 0),
    autoPad: context.text('auto_pad', 'NOTSET'),
    ceil: context.int('ceil_mode', 0) !== 0,
  };
}

/** Spatial sizes after a window has gone over `spatial`. */
function windowSizes(context: RuleContext, spatial: Shape, window: Window): Dim[] {
  const { dims } = context;
  return spatial.map((size, i) => {
    const stride = window.strides[i] ?? 1;
    const kernel = window.kernel[i] ?? null;
    if (window.autoPad === 'SAME_UPPER' || window.autoPad === 'SAME_LOWER') return dims.ceilDivide(size, stride);
    const reach = dims.add(dims.mul(dims.add(kernel, -1), window.dilations[i] ?? 1), 1);
    const valid = window.autoPad === 'VALID';
    const left = valid ? 0 : (window.pads[i] ?? 0);
    const right = valid ? 0 : (window.pads[i + spatial.length] ?? 0);
    const room = dims.sub(dims.add(size, left + right), reach);
    // The definition of VALID has no ceil_mode: ceil((in - reach + 1) / stride) is the floor form.
    if (!window.ceil || valid) return dims.add(dims.floorDivide(room, stride), 1);
    const steps = dims.ceilDivide(room, stride);
    if (typeof size === 'number' && typeof steps === 'number') return steps * stride >= size + left ? steps : steps + 1;
    const never = typeof reach === 'number' && stride + right <= reach;
    return never ? dims.add(steps, 1) : null;
  });
}

/** Shape after a convolution with weights of shape [out, in/group, ...kernel]. */
export function convShape(context: RuleContext, input: Shape | null, weight: Shape | null): Shape | null {
  if (!input) return null;
  const given = context.ints('kernel_shape');
  const kernel = weight && weight.length === input.length ? weight.slice(2) : given;
  if (weight && weight.length !== input.length) context.note(`input of rank ${input.length} but weights of rank ${weight.length}`);
  if (!kernel || kernel.length !== input.length - 2) return [input[0] ?? null, weight?.[0] ?? null, ...input.slice(2).map(() => null)];
  const group = context.int('group', 1);
  const channels = input[1];
  const expected = weight?.[1];
  if (typeof channels === 'number' && typeof expected === 'number' && channels !== expected * group) {
    context.note(`input has ${channels} channels but the weights take ${expected} x ${group} groups`);
  }
  return [input[0] ?? null, weight?.[0] ?? null, ...windowSizes(context, input.slice(2), windowOf(context, kernel))];
}

function convTransposeShape(context: RuleContext): Shape | null {
  const input = context.shape(0);
  const weight = context.shape(1);
  if (!input) return null;
  const rank = input.length - 2;
  const channels = context.dims.mul(weight?.[1] ?? null, context.int('group', 1));
  const kernel = weight?.slice(2) ?? context.ints('kernel_shape');
  if (!kernel || kernel.length !== rank) return [input[0] ?? null, channels, ...input.slice(2).map(() => null)];
  const window = windowOf(context, kernel);
  const given = context.ints('output_shape');
  const extra = context.ints('output_padding');
  const { dims } = context;
  const spatial = input.slice(2).map((size, i) => {
    // Some exporters give output_shape with batch and channels in front.
    if (given) return given[given.length === rank ? i : i + 2] ?? null;
    const stride = window.strides[i] ?? 1;
    if (window.autoPad === 'SAME_UPPER' || window.autoPad === 'SAME_LOWER') return dims.mul(size, stride);
    const reach = dims.add(dims.mul(dims.add(kernel[i] ?? null, -1), window.dilations[i] ?? 1), 1);
    const pads = window.autoPad === 'VALID' ? 0 : (window.pads[i] ?? 0) + (window.pads[i + rank] ?? 0);
    return dims.add(dims.add(dims.mul(dims.add(size, -1), stride), reach), (extra?.[i] ?? 0) - pads);
  });
  return [input[0] ?? null, channels, ...spatial];
}

/** Shape after a pool whose kernel is an attribute. */
export function poolShape(context: RuleContext, input: Shape | null): Shape | null {
  const kernel = context.ints('kernel_shape');
  if (!input || !kernel) return null;
  if (kernel.length !== input.length - 2) {
    context.note(`kernel_shape has ${kernel.length} entries for an input of rank ${input.length}`);
    return null;
  }
  return [...input.slice(0, 2), ...windowSizes(context, input.slice(2), windowOf(context, kernel))];
}

/** [N, C, 1, 1, ...] */
export function globalPoolShape(input: Shape | null): Shape | null {
  return input ? input.map((dim, axis) => (axis < 2 ? dim : 1)) : null;
}

function pool(context: RuleContext): RuleResult {
  const shape = poolShape(context, context.shape(0));
  return [makeValue(context.elemType(0), shape), makeValue(DataType.INT64, shape)];
}

function maxUnpool(context: RuleContext): Value {
  const input = context.shape(0);
  const kernel = context.ints('kernel_shape');
  const given = context.has(2) ? context.data(2) : null;
  if (context.has(2)) return makeValue(context.elemType(0), given ?? null);
  if (!input || kernel?.length !== input.length - 2) return makeValue(context.elemType(0), null);
  const window = windowOf(context, kernel);
  const { dims } = context;
  const spatial = input.slice(2).map((size, i) => {
    const pads = (window.pads[i] ?? 0) + (window.pads[i + kernel.length] ?? 0);
    return dims.add(dims.mul(dims.add(size, -1), window.strides[i] ?? 1), (kernel[i] ?? 0) - pads);
  });
  return makeValue(context.elemType(0), [...input.slice(0, 2), ...spatial]);
}

function roiPool(context: RuleContext, sizes: readonly (number | null)[]): Value {
  return makeValue(context.elemType(0), [context.shape(1)?.[0] ?? null, context.shape(0)?.[1] ?? null, ...sizes]);
}

function col2Im(context: RuleContext): Value {
  const input = context.shape(0);
  const image = context.data(1);
  const block = context.data(2);
  if (!input || !image || !block) return makeValue(context.elemType(0), null);
  return makeValue(context.elemType(0), [input[0] ?? null, context.dims.divideExactly(input[1] ?? null, context.dims.product(block)), ...image]);
}

/** com.microsoft NhwcMaxPool: channels last. */
function nhwcPool(context: RuleContext): Value {
  const input = context.shape(0);
  const shape = input && input.length > 2 ? poolShape(context, [input[0] ?? null, input.at(-1) ?? null, ...input.slice(1, -1)]) : null;
  return makeValue(context.elemType(0), shape && [shape[0] ?? null, ...shape.slice(2), shape[1] ?? null]);
}

export const convPoolRules: readonly ShapeRule[] = [
  defineShapeRule(['Conv', 'DeformConv'], (context) => [makeValue(context.elemType(0), convShape(context, context.shape(0), context.shape(1)))]),
  defineShapeRule(['FusedConv'], (context) => [makeValue(context.elemType(0), convShape(context, context.shape(0), context.shape(1)))], 'com.microsoft'),
  defineShapeRule(['ConvTranspose'], (context) => [makeValue(context.elemType(0), convTransposeShape(context))]),
  defineShapeRule(['MaxPool', 'AveragePool', 'LpPool'], pool),
  defineShapeRule(['GlobalAveragePool', 'GlobalMaxPool', 'GlobalLpPool'], (context) => [makeValue(context.elemType(0), globalPoolShape(context.shape(0)))]),
  defineShapeRule(['MaxUnpool'], (context) => [maxUnpool(context)]),
  defineShapeRule(['MaxRoiPool'], (context) => [roiPool(context, context.ints('pooled_shape') ?? [null, null])]),
  defineShapeRule(['RoiAlign'], (context) => [roiPool(context, [context.int('output_height', 1), context.int('output_width', 1)])]),
  defineShapeRule(['Col2Im'], (context) => [col2Im(context)]),
  defineShapeRule(['NhwcMaxPool'], (context) => [nhwcPool(context)], 'com.microsoft'),
];
