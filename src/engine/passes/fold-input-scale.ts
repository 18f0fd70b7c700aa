/**
 * fold-input-scale
 *
 * before: y = L(x', W, B),  x' = BatchNormalization(x) or x * c, x / c, x + c, x - c, c - x per channel;  L = Conv, Gemm or a 2-D MatMul
 * after:  y = L(x, W', B')
 * derivation: x'_i = a_i x_i + d_i, hence W x' + B = (W diag(a)) x + (B + W d). W'_(o,i) = a_i W_(o,i) and
 *         B'_o = B_o + sum over i and the kernel of W_(o,i) d_i.
 * when:   x' is read here only and is no graph output; everything but x is constant. Padding puts zeros where d_i should be, so a
 *         Conv with padding takes a scale (d = 0) only. A grouped Conv's input channel i of group g is g * (C / groups) + i.
 */
import { floatAttribute, intAttribute, intsAttribute, stringAttribute } from '../onnx/attributes.ts';
import type { Graph, Node } from '../onnx/graph.ts';
import { counted, definePass, noOptions, type PassContext } from './define-pass.ts';
import { normAsAffine, operatorAsAffine, scaleWeight, type Affine } from './support/affine.ts';
import { constantFloats, isOp, replaceConstant } from './support/match.ts';
import { allFinite, isFloat, makeFloats, readFloats } from './support/numbers.ts';

export const foldInputScale = definePass({
  name: 'fold-input-scale',
  family: 'folding',
  summary: 'Folds a normalization or constant scale and shift into the Conv, Gemm or MatMul after it, where that is exact.',
  options: noOptions,
  run(graph, context) {
    let folded = 0;
    for (const layer of graph.sorted()) {
      const value = layer.inputs[0] ?? '';
      const before = graph.producer(value);
      if (!isOp(layer, 'Conv', 'Gemm', 'MatMul') || !before || graph.soleConsumer(value) !== layer) continue;
      const form = inputChannels(graph, layer, context);
      if (!form) continue;
      const source = before.inputs.find((input) => graph.constant(input) === undefined) ?? '';
      const affine = isOp(before, 'BatchNormalization') ? normAsAffine(graph, before, context) : operatorAsAffine(graph, before, source, form);
      if (source === '' || !affine || affine.scale.length !== form.channels || !hasRank(source, form.rank, context)) continue;
      if (affine.shift.some((shift) => shift !== 0) && isOp(layer, 'Conv') && isPadded(layer)) continue;
      if (!foldBefore(graph, layer, affine)) continue;
      graph.setInput(layer, 0, source);
      graph.removeNode(before);
      graph.removeValueInfo(value);
      folded++;
    }
    return counted('folded', folded);
  },
});

/** A constant per channel must not have broadcast its other operand up. */
function hasRank(value: string, rank: number, context: PassContext): boolean {
  return context.shapes.get(value)?.shape?.length === rank;
}

function inputChannels(graph: Graph, layer: Node, context: PassContext): { readonly channels: number; readonly rank: number; readonly axis: number } | null {
  const weight = graph.constant(layer.inputs[1] ?? '');
  if (!weight || !isFloat(weight.dataType)) return null;
  const [rows = 0, columns = 0] = weight.dims;
  if (isOp(layer, 'Conv')) return { channels: columns * intAttribute(layer, 'group', 1), rank: weight.dims.length, axis: 1 };
  if (weight.dims.length !== 2 || !hasRank(layer.inputs[0] ?? '', 2, context)) return null;
  if (isOp(layer, 'MatMul')) return { channels: rows, rank: 2, axis: 1 };
  if (intAttribute(layer, 'transA', 0) !== 0 || context.opset < 7) return null;
  return { channels: intAttribute(layer, 'transB', 0) !== 0 ? columns : rows, rank: 2, axis: 1 };
}

function isPadded(layer: Node): boolean {
  const automatic = stringAttribute(layer, 'auto_pad', 'NOTSET');
  if (automatic === 'VALID') return false;
  return automatic !== 'NOTSET' || (intsAttribute(layer, 'pads') ?? []).some((pad) => pad !== 0);
}

function foldBefore(graph: Graph, layer: Node, { scale, shift }: Affine): boolean {
  const weight = graph.constant(layer.inputs[1] ?? '');
  const values = weight && readFloats(weight);
  if (!weight || !values) return false;
  const [rows = 0, columns = 0, ...kernel] = weight.dims;
  const group = isOp(layer, 'Conv') ? intAttribute(layer, 'group', 1) : 1;
  // Which of row and column is the input channel, and which the output channel.
  const byRow = isOp(layer, 'MatMul') || (isOp(layer, 'Gemm') && intAttribute(layer, 'transB', 0) === 0);
  const inputOf = byRow ? (row: number) => row : (row: number, column: number) => Math.floor(row / (rows / group)) * columns + column;
  const outputs = byRow ? columns : rows;
  const added = new Float64Array(outputs);
  const inner = kernel.reduce((product, size) => product * size, 1);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const moved = shift[inputOf(row, column)] ?? 0;
      for (const end = at + inner; at < end; at++) added[byRow ? column : row] = (added[byRow ? column : row] ?? 0) + (values[at] as number) * moved;
    }
  }
  const scaled = scaleWeight(weight, scale, byRow ? 'row' : inputOf);
  const bias = shift.some((value) => value !== 0) ? movedBias(graph, layer, added) : null;
  if (!scaled || bias === false) return false;
  replaceConstant(graph, layer, 1, scaled);
  if (bias) {
    replaceConstant(graph, layer, 2, makeFloats(`${weight.name}_bias`, weight.dataType, [outputs], bias));
    if (isOp(layer, 'MatMul')) graph.setOpType(layer, 'Gemm');
  }
  return true;
}

/** The bias with what the shift adds; false where it cannot be. Gemm's alpha scales the product, its beta the bias. */
function movedBias(graph: Graph, layer: Node, added: Float64Array): Float64Array | false {
  const [alpha, beta] = isOp(layer, 'Gemm') ? [floatAttribute(layer, 'alpha', 1), floatAttribute(layer, 'beta', 1)] : [1, 1];
  const name = layer.inputs[2] ?? '';
  const tensor = name === '' ? undefined : graph.constant(name);
  const old = name === '' ? new Float64Array(added.length) : constantFloats(graph, name);
  const isRow = name === '' || (tensor?.dims.at(-1) === added.length && old?.length === added.length);
  if (!old || !isRow || beta === 0) return false;
  const bias = added.map((value, o) => (old[o] ?? 0) + (alpha * value) / beta);
  return allFinite(bias) && bias;
}
