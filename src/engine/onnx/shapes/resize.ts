/** Resize and Upsample: sizes from scales or from sizes, and the aspect policies of opset 18. */
import type { Dim, Shape } from '../types.ts';
import { tensorFloats } from '../tensor.ts';
import { defineShapeRule, makeValue, normalizeAxes, unknownDims, type RuleContext, type ShapeRule, type Value } from './rule.ts';

/** The scales of input `index`, or null where it is absent, empty or not constant. */
function scalesOf(context: RuleContext, index: number): readonly number[] | null {
  const data = context.numbers(index);
  if (data && data.length > 0) return data;
  const tensor = context.tensor(index);
  return tensor && tensor.dims[0] ? [...tensorFloats(tensor)] : null;
}

function scaled(context: RuleContext, dim: Dim, scale: number | undefined): Dim {
  if (scale === undefined || dim === null) return null;
  // float32 as the runtime computes it: 3 * 0.6666667 must give 2, not 1.
  if (typeof dim === 'number') return Math.floor(Math.fround(Math.fround(scale) * dim));
  return context.dims.floor(context.dims.mul(dim, scale));
}

function resizeByScales(context: RuleContext, shape: Shape, scales: readonly number[], axes: readonly number[]): Shape {
  const out = [...shape];
  if (scales.length !== axes.length) {
    context.note(`${scales.length} scales for ${axes.length} axes`);
    return unknownDims(shape.length);
  }
  for (const [i, axis] of axes.entries()) {
    const crop = cropOf(context, i, axes.length);
    const dim = shape[axis] ?? null;
    out[axis] = crop === null ? scaled(context, dim, scales[i]) : typeof dim === 'number' ? Math.floor(dim * crop * (scales[i] ?? Number.NaN)) : null;
  }
  return out;
}

/** With tf_crop_and_resize the region of interest is scaled, not the whole input. NaN: it is not constant. */
function cropOf(context: RuleContext, i: number, count: number): number | null {
  if (context.text('coordinate_transformation_mode', 'half_pixel') !== 'tf_crop_and_resize' || !context.has(1)) return null;
  const roi = context.numbers(1);
  return roi && roi.length === 2 * count ? (roi[i + count] ?? 1) - (roi[i] ?? 0) : Number.NaN;
}

function resizeBySizes(context: RuleContext, shape: Shape, sizes: readonly Dim[], axes: readonly number[]): Shape {
  const out = [...shape];
  const policy = context.text('keep_aspect_ratio_policy', 'stretch');
  if (sizes.length !== axes.length) {
    context.note(`${sizes.length} sizes for ${axes.length} axes`);
    return unknownDims(shape.length);
  }
  const ratios = axes.map((axis, i) => Number(sizes[i]) / Number(shape[axis]));
  const known = axes.every((axis, i) => typeof shape[axis] === 'number' && typeof sizes[i] === 'number');
  const ratio = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  for (const [i, axis] of axes.entries()) {
    if (policy === 'stretch') out[axis] = sizes[i] ?? null;
    else out[axis] = known ? Math.round(ratio * Number(shape[axis])) : null;
  }
  return out;
}

function resize(context: RuleContext): Value {
  const shape = context.shape(0);
  if (!shape) return makeValue(context.elemType(0), null);
  const given = context.ints('axes');
  const axes = given ? normalizeAxes(given, shape.length) : shape.map((_, axis) => axis);
  if (!axes) return makeValue(context.elemType(0), unknownDims(shape.length));
  const scaleIndex = context.opset < 11 ? 1 : 2;
  const scales = context.has(scaleIndex) ? scalesOf(context, scaleIndex) : null;
  if (scales) return makeValue(context.elemType(0), resizeByScales(context, shape, scales, axes));
  const symbolic = context.has(scaleIndex) ? context.data(scaleIndex) : null;
  if (symbolic && symbolic.length === axes.length) return makeValue(context.elemType(0), axes.reduce<Dim[]>((out, axis, i) => {
    out[axis] = context.dims.floor(context.dims.mul(shape[axis] ?? null, symbolic[i] ?? null));
    return out;
  }, [...shape]));
  const sizes = context.has(3) ? context.data(3) : null;
  return makeValue(context.elemType(0), sizes ? resizeBySizes(context, shape, sizes, axes) : unknownDims(shape.length));
}

function upsample(context: RuleContext): Value {
  const shape = context.shape(0);
  const attribute = context.node.attributes.get('scales');
  const scales = attribute?.kind === 'floats' ? attribute.value : scalesOf(context, 1);
  if (!shape) return makeValue(context.elemType(0), null);
  return makeValue(context.elemType(0), scales ? resizeByScales(context, shape, scales, shape.map((_, axis) => axis)) : unknownDims(shape.length));
}

function gridSample(context: RuleContext): Value {
  const input = context.shape(0);
  const grid = context.shape(1);
  const shape = input && grid ? [input[0] ?? null, input[1] ?? null, ...grid.slice(1, -1)] : null;
  return makeValue(context.elemType(0), shape);
}

function affineGrid(context: RuleContext): Value {
  const size = context.data(1);
  return makeValue(context.elemType(0), size ? [size[0] ?? null, ...size.slice(2), size.length - 2] : null);
}

export const resizeRules: readonly ShapeRule[] = [
  defineShapeRule(['Resize'], (context) => [resize(context)]),
  defineShapeRule(['Upsample'], (context) => [upsample(context)]),
  defineShapeRule(['GridSample'], (context) => [gridSample(context)]),
  defineShapeRule(['AffineGrid'], (context) => [affineGrid(context)]),
];
