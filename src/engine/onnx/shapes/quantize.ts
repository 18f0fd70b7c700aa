/** Quantization and the operators that work on quantized numbers. */
import { DataType } from '../types.ts';
import { broadcast } from './broadcast.ts';
import { convShape, globalPoolShape, poolShape } from './conv-pool.ts';
import { matMulShape } from './matmul.ts';
import { defineShapeRule, makeValue, type RuleContext, type RuleResult, type ShapeRule } from './rule.ts';

function quantizeLinear(context: RuleContext): RuleResult {
  const declared = context.int('output_dtype', 0);
  return [makeValue(declared || (context.has(2) ? context.elemType(2) : DataType.UINT8), context.shape(0))];
}

function dequantizeLinear(context: RuleContext): RuleResult {
  return [makeValue(context.int('output_dtype', 0) || context.elemType(1) || DataType.FLOAT, context.shape(0))];
}

function dynamicQuantizeLinear(context: RuleContext): RuleResult {
  return [makeValue(DataType.UINT8, context.shape(0)), makeValue(DataType.FLOAT, []), makeValue(DataType.UINT8, [])];
}

/** Inputs x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point. */
function qLinearConv(context: RuleContext): RuleResult {
  return [makeValue(context.elemType(7) || context.elemType(0), convShape(context, context.shape(0), context.shape(3)))];
}

function qLinearMatMul(context: RuleContext): RuleResult {
  return [makeValue(context.elemType(7) || context.elemType(0), matMulShape(context, context.shape(0), context.shape(3)))];
}

/** com.microsoft: A, A_scale, A_zero_point, B, B_scale, B_zero_point, C, y_scale, y_zero_point; float output without a scale. */
function qGemm(context: RuleContext): RuleResult {
  const a = context.shape(0);
  const b = context.shape(3);
  const rows = context.int('transA', 0) ? a?.[1] : a?.[0];
  const columns = context.int('transB', 0) ? b?.[0] : b?.[1];
  return [makeValue(context.has(7) ? context.elemType(8) || context.elemType(0) : DataType.FLOAT, [rows ?? null, columns ?? null])];
}

function qLinearBinary(context: RuleContext): RuleResult {
  return [makeValue(context.elemType(0), broadcast(context, [context.shape(0), context.shape(3)]))];
}

/** Inputs y_scale, y_zero_point, then x, scale, zero point for each part. */
function qLinearConcat(context: RuleContext): RuleResult {
  const parts = context.node.inputs.flatMap((_, i) => (i >= 2 && (i - 2) % 3 === 0 ? [context.shape(i)] : []));
  const first = parts[0];
  if (!first || parts.some((part) => part === null)) return [makeValue(context.elemType(2), null)];
  const axis = context.int('axis', 0);
  const at = axis < 0 ? axis + first.length : axis;
  const shape = first.map((dim, i) => (i === at ? parts.reduce<typeof dim>((sum, part) => context.dims.add(sum, part?.[i] ?? null), 0) : dim));
  return [makeValue(context.elemType(2), shape)];
}

function channelsLast(context: RuleContext): boolean {
  return context.int('channels_last', 0) !== 0;
}

const nchwOnly = (context: RuleContext, shape: (context: RuleContext) => ReturnType<typeof poolShape>): RuleResult => [
  makeValue(context.elemType(0), channelsLast(context) ? null : shape(context)),
];

export const quantizeRules: readonly ShapeRule[] = [
  defineShapeRule(['QuantizeLinear'], quantizeLinear),
  defineShapeRule(['DequantizeLinear'], dequantizeLinear),
  defineShapeRule(['DynamicQuantizeLinear'], dynamicQuantizeLinear),
  defineShapeRule(['QLinearConv'], qLinearConv),
  defineShapeRule(['QLinearMatMul'], qLinearMatMul),
  defineShapeRule(['ConvInteger'], (context) => [makeValue(DataType.INT32, convShape(context, context.shape(0), context.shape(1)))]),
  defineShapeRule(['MatMulInteger'], (context) => [makeValue(DataType.INT32, matMulShape(context, context.shape(0), context.shape(1)))]),
  defineShapeRule(['QuantizeLinear'], quantizeLinear, 'com.microsoft'),
  defineShapeRule(['DequantizeLinear'], dequantizeLinear, 'com.microsoft'),
  defineShapeRule(['QGemm'], qGemm, 'com.microsoft'),
  defineShapeRule(['QLinearConv'], (context) => (channelsLast(context) ? null : qLinearConv(context)), 'com.microsoft'),
  defineShapeRule(['QLinearAdd', 'QLinearMul'], qLinearBinary, 'com.microsoft'),
  defineShapeRule(['QLinearSigmoid', 'QLinearLeakyRelu', 'QLinearSoftmax'], (context) => [makeValue(context.elemType(0), context.shape(0))], 'com.microsoft'),
  defineShapeRule(['QLinearConcat'], qLinearConcat, 'com.microsoft'),
  defineShapeRule(['QLinearGlobalAveragePool'], (context) => nchwOnly(context, (inner) => globalPoolShape(inner.shape(0))), 'com.microsoft'),
  defineShapeRule(['QLinearAveragePool'], (context) => nchwOnly(context, (inner) => poolShape(inner, inner.shape(0))), 'com.microsoft'),
  defineShapeRule(['MatMulIntegerToFloat', 'DynamicQuantizeMatMul'], (context) => [
    makeValue(DataType.FLOAT, matMulShape(context, context.shape(0), context.shape(1))),
  ], 'com.microsoft'),
];
