/** Recurrent layers, attention, detection and signal operators. */
import { DataType, type Dim, type Shape } from '../types.ts';
import { defineShapeRule, makeValue, type RuleContext, type RuleResult, type ShapeRule, type Value } from './rule.ts';

/** RNN, GRU, LSTM: Y, Y_h and, for LSTM, Y_c. */
function recurrent(context: RuleContext): RuleResult {
  const input = context.shape(0);
  const elemType = context.elemType(0);
  const weights = context.shape(2);
  const directions = context.text('direction', 'forward') === 'bidirectional' ? 2 : 1;
  const hidden = context.int('hidden_size', 0) || weights?.[2] || null;
  const batchFirst = context.int('layout', 0) === 1;
  const [length = null, batch = null] = input ? (batchFirst ? [input[1], input[0]] : [input[0], input[1]]) : [];
  const all: Shape = batchFirst ? [batch, length, directions, hidden] : [length, directions, batch, hidden];
  const last = makeValue(elemType, batchFirst ? [batch, directions, hidden] : [directions, batch, hidden]);
  return [makeValue(elemType, all), last, last];
}

/** ONNX Attention (opset 23): Q, K, V of rank 3 or 4, with past keys and values. */
function attention(context: RuleContext): RuleResult {
  const { dims } = context;
  const [query, key, value] = [context.shape(0), context.shape(1), context.shape(2)];
  const elemType = context.elemType(0);
  if (!query || !key || !value) return [makeValue(elemType, null)];
  const qHeads = context.int('q_num_heads', 0);
  const kvHeads = context.int('kv_num_heads', 0);
  const flat = query.length === 3;
  const heads = (shape: Shape, count: number): Dim[] =>
    shape.length === 3 ? [shape[0] ?? null, count || null, shape[1] ?? null, count ? dims.divideExactly(shape[2] ?? null, count) : null] : [...shape];
  const [q, k, v] = [heads(query, qHeads), heads(key, kvHeads), heads(value, kvHeads)];
  const past = context.shape(4)?.[2] ?? (context.has(4) ? null : 0);
  const total = dims.add(past, k[2] ?? null);
  const output = flat ? [q[0] ?? null, q[2] ?? null, dims.mul(q[1] ?? null, v[3] ?? null)] : [q[0] ?? null, q[1] ?? null, q[2] ?? null, v[3] ?? null];
  return [
    makeValue(elemType, output),
    makeValue(context.elemType(1), [k[0] ?? null, k[1] ?? null, total, k[3] ?? null]),
    makeValue(context.elemType(2), [v[0] ?? null, v[1] ?? null, total, v[3] ?? null]),
    makeValue(elemType, [q[0] ?? null, q[1] ?? null, q[2] ?? null, total]),
  ];
}

/** com.microsoft MultiHeadAttention: [batch, sequence, hidden of V]. */
function multiHeadAttention(context: RuleContext): RuleResult {
  const query = context.shape(0);
  const value = context.shape(2);
  if (!query || query.length !== 3) return [makeValue(context.elemType(0), null)];
  const hidden = value?.length === 3 ? (value[2] ?? null) : value?.length === 4 ? context.dims.mul(value[1] ?? null, value[3] ?? null) : (query[2] ?? null);
  return [makeValue(context.elemType(0), [query[0] ?? null, query[1] ?? null, context.has(2) ? hidden : null])];
}

/** com.microsoft Attention: one packed weight for Q, K and V. */
function packedAttention(context: RuleContext): RuleResult {
  const input = context.shape(0);
  const weight = context.shape(1);
  const given = context.ints('qkv_hidden_sizes');
  const hidden = given ? (given[2] ?? null) : context.dims.divideExactly(weight?.[1] ?? null, 3);
  return [makeValue(context.elemType(0), input && [input[0] ?? null, input[1] ?? null, hidden])];
}

/** Class losses: a scalar, or one number per target where nothing is reduced. */
function loss(context: RuleContext): RuleResult {
  const reduced = context.text('reduction', 'mean') !== 'none';
  return [makeValue(context.elemType(0), reduced ? [] : context.shape(1)), makeValue(context.elemType(0), context.shape(0))];
}

function multinomial(context: RuleContext): Value {
  const shape = context.shape(0);
  return makeValue(context.int('dtype', DataType.INT32), shape && [shape[0] ?? null, context.int('sample_size', 1)]);
}

function windowFunction(context: RuleContext): Value {
  return makeValue(context.int('output_datatype', DataType.FLOAT), [context.data(0)?.[0] ?? null]);
}

function dft(context: RuleContext): RuleResult {
  const shape = context.shape(0);
  if (!shape) return null;
  const axis = context.opset >= 20 ? (context.has(2) ? (context.numbers(2)?.[0] ?? null) : -2) : context.int('axis', 1);
  if (axis === null) return [makeValue(context.elemType(0), [...shape.slice(0, -1).map(() => null), null])];
  const at = axis < 0 ? axis + shape.length : axis;
  const length = context.has(1) ? (context.data(1)?.[0] ?? null) : (shape[at] ?? null);
  const oneSided = context.int('onesided', 0) !== 0;
  const inverse = context.int('inverse', 0) !== 0;
  const out = shape.map((dim, i) => (i === at ? (oneSided && !inverse ? context.dims.add(context.dims.floorDivide(length, 2), 1) : length) : dim));
  out[out.length - 1] = oneSided && inverse ? 1 : 2;
  return [makeValue(context.elemType(0), out)];
}

function stft(context: RuleContext): RuleResult {
  const { dims } = context;
  const signal = context.shape(0);
  const step = context.numbers(1)?.[0];
  const length = context.data(3)?.[0] ?? context.shape(2)?.[0] ?? null;
  if (!signal) return null;
  const frames = step ? dims.add(dims.floorDivide(dims.sub(signal[1] ?? null, length), step), 1) : null;
  const bins = context.int('onesided', 1) ? dims.add(dims.floorDivide(length, 2), 1) : length;
  return [makeValue(context.elemType(0), [signal[0] ?? null, frames, bins, 2])];
}

/** Outputs as in the schema: optimizers give back what they were given. */
function optimizer(states: number): (context: RuleContext) => RuleResult {
  return (context) => {
    // R, T, then X, G and the states of every tensor; outputs are X and the states.
    const tensors = Math.floor((context.node.inputs.length - 2) / (2 + states));
    const back = [0, ...Array.from({ length: states }, (_, i) => i + 2)];
    return back.flatMap((group) => Array.from({ length: tensors }, (_, i) => context.input(2 + group * tensors + i)));
  };
}

export const otherRules: readonly ShapeRule[] = [
  defineShapeRule(['RNN', 'GRU', 'LSTM'], recurrent),
  defineShapeRule(['Attention'], attention),
  defineShapeRule(['MultiHeadAttention'], multiHeadAttention, 'com.microsoft'),
  defineShapeRule(['Attention'], packedAttention, 'com.microsoft'),
  defineShapeRule(['NonMaxSuppression'], () => [makeValue(DataType.INT64, [null, 3])]),
  defineShapeRule(['NegativeLogLikelihoodLoss', 'SoftmaxCrossEntropyLoss'], loss),
  defineShapeRule(['Multinomial'], (context) => [multinomial(context)]),
  defineShapeRule(['BlackmanWindow', 'HannWindow', 'HammingWindow'], (context) => [windowFunction(context)]),
  defineShapeRule(['DFT'], dft),
  defineShapeRule(['STFT'], stft),
  defineShapeRule(['MelWeightMatrix'], (context) => {
    const length = context.data(1)?.[0] ?? null;
    return [makeValue(context.int('output_datatype', DataType.FLOAT), [context.dims.add(context.dims.floorDivide(length, 2), 1), context.data(0)?.[0] ?? null])];
  }),
  defineShapeRule(['ImageDecoder'], (context) => [makeValue(DataType.UINT8, [null, null, context.text('pixel_format', 'RGB') === 'Grayscale' ? 1 : 3])]),
  defineShapeRule(['StringConcat'], (context) => [makeValue(DataType.STRING, context.shape(0))]),
  defineShapeRule(['RegexFullMatch'], (context) => [makeValue(DataType.BOOL, context.shape(0))]),
  defineShapeRule(['Adagrad', 'Momentum'], optimizer(1), 'ai.onnx.preview.training'),
  defineShapeRule(['Adam'], optimizer(2), 'ai.onnx.preview.training'),
];
