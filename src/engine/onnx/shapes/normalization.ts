/** Normalizations and softmaxes: the input's shape, with statistics beside it. */
import { DataType, type Shape } from '../types.ts';
import { sameAsInput } from './elementwise.ts';
import { defineShapeRule, makeValue, normalizeAxis, type RuleContext, type RuleResult, type ShapeRule } from './rule.ts';

function batchNormalization(context: RuleContext): RuleResult {
  const input = context.input(0);
  if (!input) return null;
  const output = makeValue(input.elemType, input.shape);
  const statistic = (index: number): ReturnType<typeof makeValue> => makeValue(context.elemType(index) || input.elemType, context.shape(index) ?? [input.shape?.[1] ?? null]);
  // Training mode gives running statistics; before opset 14 two saved ones more.
  return [output, statistic(3), statistic(4), statistic(3), statistic(4)];
}

/** Shape of Mean and InvStdDev: 1 from the axis on. */
function statisticShape(shape: Shape | null, axis: number): Shape | null {
  const from = shape && normalizeAxis(axis, shape.length);
  return shape && from !== null ? shape.map((dim, i) => (i < (from ?? 0) ? dim : 1)) : null;
}

function layerNormalization(context: RuleContext): RuleResult {
  const input = context.input(0);
  if (!input) return null;
  const statistic = makeValue(context.int('stash_type', DataType.FLOAT), statisticShape(input.shape, context.int('axis', -1)));
  return [makeValue(input.elemType, input.shape), statistic, statistic];
}

function skipLayerNormalization(context: RuleContext): RuleResult {
  const input = context.input(0);
  if (!input) return null;
  const output = makeValue(input.elemType, input.shape);
  const statistic = makeValue(DataType.FLOAT, statisticShape(input.shape, -1));
  return [output, statistic, statistic, output];
}

export const normalizationRules: readonly ShapeRule[] = [
  defineShapeRule(['BatchNormalization'], batchNormalization),
  defineShapeRule(['LayerNormalization', 'SimplifiedLayerNormalization', 'RMSNormalization'], layerNormalization),
  defineShapeRule(
    ['InstanceNormalization', 'GroupNormalization', 'LRN', 'LpNormalization', 'MeanVarianceNormalization', 'Softmax', 'LogSoftmax', 'Hardmax'],
    sameAsInput,
  ),
  defineShapeRule(['SkipLayerNormalization', 'SkipSimplifiedLayerNormalization'], skipLayerNormalization, 'com.microsoft'),
  defineShapeRule(['GroupNorm'], sameAsInput, 'com.microsoft'),
];
