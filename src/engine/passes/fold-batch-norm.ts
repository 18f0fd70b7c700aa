/**
 * fold-batch-norm
 *
 * before: z = BatchNormalization(y, s, b, m, v; eps),  y = L(x, W, B)  with L = Conv, ConvTranspose, Gemm or a 2-D MatMul
 * after:  z = L(x, W', B')
 * derivation, for each output channel c:
 *   z_c = s_c (y_c - m_c) / sqrt(v_c + eps) + b_c  =  a_c y_c + (b_c - a_c m_c),  a_c = s_c / sqrt(v_c + eps)
 *   y_c = W_c . x + B_c, hence W'_c = a_c W_c and B'_c = a_c (B_c - m_c) + b_c
 *   output channel c is axis 0 of Conv's W; of ConvTranspose's W[in, out/group] axis 1 within the input's group; of Gemm's B the
 *   axis that alpha * A * B leaves as columns. Gemm's beta goes into B', so it becomes 1.
 * when:   y is read by the normalization alone and is no graph output; W, B, s, b, m, v are constants of float, double or
 *         float16; the normalization is at inference (training_mode 0; before opset 14 only one output; spatial before opset 9);
 *         for Gemm, bias [N], [1, N] or one element; for MatMul a 2-D constant weight and a 2-D result; all results are finite.
 * Weights that other nodes read as well are copied; `unshared` counts them.
 */
import { floatAttribute, intAttribute, makeFloat } from '../onnx/attributes.ts';
import type { Graph, Node } from '../onnx/graph.ts';
import type { NodeData, Tensor } from '../onnx/types.ts';
import { definePass, noOptions, type PassContext } from './define-pass.ts';
import { constantFloats, isOp, replaceConstant, takeOver } from './support/match.ts';
import { allFinite, isFloat, makeFloats, newFloats, readFloats, type Floats } from './support/numbers.ts';

export const foldBatchNorm = definePass({
  name: 'fold-batch-norm',
  family: 'folding',
  summary: 'Folds BatchNormalization into the Conv, ConvTranspose, Gemm or MatMul before it.',
  options: noOptions,
  run(graph, context) {
    let folded = 0;
    let unshared = 0;
    for (const norm of graph.sorted()) {
      const layer = graph.producer(norm.inputs[0] ?? '');
      if (!isOp(norm, 'BatchNormalization') || !layer || graph.soleConsumer(norm.inputs[0] ?? '') !== norm) continue;
      const affine = normAsAffine(graph, norm, context);
      const done = affine && foldAffine(graph, layer, affine, context);
      if (!done) continue;
      takeOver(graph, layer, norm);
      folded++;
      if (done === 'unshared') unshared++;
    }
    return { changed: folded, stats: { ...(folded > 0 ? { folded } : {}), ...(unshared > 0 ? { unshared } : {}) }, notes: [] };
  },
});

/** z_c = scale_c * y_c + shift_c, one entry per channel. */
export interface Affine {
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/** The normalization as one multiplication and addition per channel; null where it is none at inference or not constant. */
export function normAsAffine(graph: Graph, norm: Node, context: PassContext): Affine | null {
  const data = norm as NodeData;
  if (context.opset < 7 || intAttribute(data, 'training_mode', 0) !== 0) return null;
  if (context.opset < 9 && intAttribute(data, 'spatial', 1) !== 1) return null;
  if (norm.outputs.slice(1).some((output) => output !== '')) return null;
  const [s, b, m, v] = norm.inputs.slice(1, 5).map((input) => constantFloats(graph, input));
  if (!s || !b || !m || !v || s.length !== b.length || s.length !== m.length || s.length !== v.length) return null;
  const epsilon = Math.fround(floatAttribute(data, 'epsilon', 1e-5));
  const scale = Float64Array.from(s, (value, c) => value / Math.sqrt((v[c] ?? 0) + epsilon));
  const shift = Float64Array.from(b, (value, c) => value - (scale[c] ?? 0) * (m[c] ?? 0));
  return allFinite(scale) && allFinite(shift) ? { scale, shift } : null;
}

/** Folds z = scale * y + shift into the layer that makes y. Nothing changes where null comes back. */
export function foldAffine(graph: Graph, layer: Node, affine: Affine, context: PassContext): 'done' | 'unshared' | null {
  if (isOp(layer, 'Conv', 'ConvTranspose')) return foldIntoConv(graph, layer, affine);
  if (isOp(layer, 'Gemm')) return foldIntoGemm(graph, layer, affine, context);
  if (isOp(layer, 'MatMul')) return foldIntoMatMul(graph, layer, affine, context);
  return null;
}

function foldIntoConv(graph: Graph, layer: Node, { scale, shift }: Affine): 'done' | 'unshared' | null {
  const weight = graph.constant(layer.inputs[1] ?? '');
  const bias = biasOf(graph, layer.inputs[2], scale.length);
  if (!weight || !isFloat(weight.dataType) || !bias || weight.dims.length < 3) return null;
  const [rows = 0, columns = 0] = weight.dims;
  const group = intAttribute(layer as NodeData, 'group', 1);
  const transposed = layer.opType === 'ConvTranspose';
  if ((transposed ? columns * group : rows) !== scale.length || rows === 0 || group < 1) return null;
  const channelOf = transposed ? (row: number, column: number) => Math.floor(row / (rows / group)) * columns + column : (row: number) => row;
  const scaled = scaleWeight(weight, scale, channelOf);
  const moved = bias.map((value, c) => (scale[c] ?? 0) * value + (shift[c] ?? 0));
  return scaled ? store(graph, layer, scaled, moved) : null;
}

function foldIntoGemm(graph: Graph, layer: Node, { scale, shift }: Affine, context: PassContext): 'done' | 'unshared' | null {
  const data = layer as NodeData;
  const weight = graph.constant(layer.inputs[1] ?? '');
  const alpha = floatAttribute(data, 'alpha', 1);
  const beta = floatAttribute(data, 'beta', 1);
  if (!weight || !isFloat(weight.dataType) || weight.dims.length !== 2 || alpha === 0) return null;
  const byRow = intAttribute(data, 'transB', 0) !== 0;
  if (weight.dims[byRow ? 0 : 1] !== scale.length) return null;
  const bias = biasOf(graph, layer.inputs[2], scale.length, true);
  if (!bias || context.opset < 7) return null;
  const scaled = scaleWeight(weight, scale, byRow ? (row) => row : (_, column) => column);
  if (!scaled) return null;
  const moved = bias.map((value, c) => (scale[c] ?? 0) * beta * value + (shift[c] ?? 0));
  const done = store(graph, layer, scaled, moved);
  if (done && beta !== 1) graph.setAttribute(layer, 'beta', makeFloat(1));
  return done;
}

/** A MatMul becomes a Gemm, which has a bias. */
function foldIntoMatMul(graph: Graph, layer: Node, { scale, shift }: Affine, context: PassContext): 'done' | 'unshared' | null {
  const weight = graph.constant(layer.inputs[1] ?? '');
  const rank = context.shapes.get(layer.inputs[0] ?? '')?.shape?.length;
  if (!weight || !isFloat(weight.dataType) || weight.dims.length !== 2 || weight.dims[1] !== scale.length || rank !== 2 || context.opset < 7) return null;
  const scaled = scaleWeight(weight, scale, (_, column) => column);
  const done = scaled && store(graph, layer, scaled, shift);
  if (done) graph.setOpType(layer, 'Gemm');
  return done;
}

/** The bias as `length` numbers: zeros where there is none; null where it is not constant or of another shape. */
function biasOf(graph: Graph, name: string | undefined, length: number, broadcasts = false): Float64Array | null {
  if (!name) return new Float64Array(length);
  const tensor = graph.constant(name);
  const values = tensor && readFloats(tensor);
  if (!tensor || !values) return null;
  if (values.length === 1 && broadcasts) return new Float64Array(length).fill(values[0] ?? 0);
  const isRow = tensor.dims.at(-1) === length && values.length === length;
  return isRow ? Float64Array.from(values) : null;
}

/** The weight with element [row, column, ...] times scale[channelOf(row, column)]; null where a result is not finite. */
export function scaleWeight(weight: Tensor, scale: Float64Array, channelOf: (row: number, column: number) => number): Tensor | null {
  const values = readFloats(weight);
  const [rows = 1, columns = 1, ...kernel] = weight.dims;
  const inner = kernel.reduce((product, size) => product * size, 1);
  if (!values || values.length !== rows * columns * inner) return null;
  const result: Floats = newFloats(weight.dataType, values.length);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const factor = scale[channelOf(row, column)] ?? Number.NaN;
      for (const end = at + inner; at < end; at++) result[at] = (values[at] as number) * factor;
    }
  }
  return allFinite(result) ? makeFloats(weight.name, weight.dataType, weight.dims, result) : null;
}

function store(graph: Graph, layer: Node, weight: Tensor, bias: Float64Array): 'done' | 'unshared' | null {
  const biasTensor = makeFloats(`${weight.name}_bias`, weight.dataType, [bias.length], bias);
  if (!allFinite(readFloats(biasTensor) ?? [Number.NaN])) return null;
  const unshared = replaceConstant(graph, layer, 1, weight);
  replaceConstant(graph, layer, 2, biasTensor);
  return unshared ? 'unshared' : 'done';
}
