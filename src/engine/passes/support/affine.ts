/**
 * z = scale * y + shift per channel: how a normalization or a constant operand becomes one, and how it folds into the layer that makes y. The
 * derivation stands in fold-batch-norm.ts.
 */
import { floatAttribute, intAttribute, makeFloat } from '../../onnx/attributes.ts';
import type { Graph, Node } from '../../onnx/graph.ts';
import { bytesOf, floatTensor, tensorBytes } from '../../onnx/tensor.ts';
import { DataType, type Tensor } from '../../onnx/types.ts';
import type { PassContext } from '../define-pass.ts';
import { constantFloats, isOp, replaceConstant } from './match.ts';
import { allFinite, isFloat, makeFloats, newFloats, readFloats, type Floats } from './numbers.ts';

/** z_c = scale_c * y_c + shift_c, one entry per channel. */
export interface Affine {
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/** The normalization as one multiplication and addition per channel; null where it is none at inference or not constant. */
export function normAsAffine(graph: Graph, norm: Node, context: PassContext): Affine | null {
  if (context.opset < 7 || intAttribute(norm, 'training_mode', 0) !== 0) return null;
  if (context.opset < 9 && intAttribute(norm, 'spatial', 1) !== 1) return null;
  if (norm.outputs.slice(1).some((output) => output !== '')) return null;
  const [s, b, m, v] = norm.inputs.slice(1, 5).map((input) => constantFloats(graph, input));
  if (!s || !b || !m || !v || s.length !== b.length || s.length !== m.length || s.length !== v.length) return null;
  const epsilon = Math.fround(floatAttribute(norm, 'epsilon', 1e-5));
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
  const group = intAttribute(layer, 'group', 1);
  const transposed = layer.opType === 'ConvTranspose';
  if ((transposed ? columns * group : rows) !== scale.length || rows === 0 || group < 1) return null;
  const channelOf: ChannelOf = transposed ? (row, column) => Math.floor(row / (rows / group)) * columns + column : 'row';
  const scaled = scaleWeight(weight, scale, channelOf);
  const moved = bias.map((value, c) => (scale[c] ?? 0) * value + (shift[c] ?? 0));
  return scaled ? store(graph, layer, scaled, moved) : null;
}

function foldIntoGemm(graph: Graph, layer: Node, { scale, shift }: Affine, context: PassContext): 'done' | 'unshared' | null {
  const weight = graph.constant(layer.inputs[1] ?? '');
  const alpha = floatAttribute(layer, 'alpha', 1);
  const beta = floatAttribute(layer, 'beta', 1);
  if (!weight || !isFloat(weight.dataType) || weight.dims.length !== 2 || alpha === 0) return null;
  const byRow = intAttribute(layer, 'transB', 0) !== 0;
  if (weight.dims[byRow ? 0 : 1] !== scale.length) return null;
  const bias = biasOf(graph, layer.inputs[2], scale.length, true);
  if (!bias || context.opset < 7) return null;
  const scaled = scaleWeight(weight, scale, byRow ? 'row' : (_, column) => column);
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

/** Which channel an element [row, column, ...] of a weight belongs to; `row` where a row is a channel, which is by far the fastest. */
export type ChannelOf = 'row' | ((row: number, column: number) => number);

/** The weight with element [row, column, ...] times scale[channelOf(row, column)]; null where a result is not finite. */
export function scaleWeight(weight: Tensor, scale: Float64Array, channelOf: ChannelOf): Tensor | null {
  const [rows = 1, columns = 1, ...kernel] = weight.dims;
  const size = kernel.reduce((product, length) => product * length, 1);
  const byRow = channelOf === 'row';
  const inner = byRow ? columns * size : size;
  const factors = new Float64Array(byRow ? rows : rows * columns);
  for (let i = 0; i < factors.length; i++) factors[i] = scale[byRow ? i : channelOf(Math.floor(i / columns), i % columns)] ?? Number.NaN;
  if (weight.dataType === DataType.FLOAT) return scaleSingles(weight, factors, inner);
  const values = readFloats(weight);
  if (!values || values.length !== factors.length * inner) return null;
  const result: Floats = newFloats(weight.dataType, values.length);
  if (!scaleBlocks(values, result, factors, inner)) return null;
  const tensor = makeFloats(weight.name, weight.dataType, weight.dims, result);
  // Only rounding to float16, when the tensor is made, can still overflow.
  return weight.dataType !== DataType.FLOAT16 || allFinite(readFloats(tensor) ?? [Number.NaN]) ? tensor : null;
}

/** The one copy that is needed anyway, scaled in place: weights of a file seldom start where an array of floats may, so reading them as such would copy too. */
function scaleSingles(weight: Tensor, factors: Float64Array, inner: number): Tensor | null {
  const bytes = tensorBytes(weight);
  if (bytes.length !== factors.length * inner * 4) return null;
  const values = new Float32Array(factors.length * inner);
  bytesOf(values).set(bytes);
  return scaleInPlace(values, factors, inner) ? floatTensor(weight.name, weight.dims, values) : null;
}

/** Block i of `inner` elements times factors[i]; false where a result is not finite. One type of array only: this is the hot loop of a fold. */
function scaleInPlace(values: Float32Array, factors: Float64Array, inner: number): boolean {
  let check = 0;
  for (let block = 0, at = 0; block < factors.length; block++) {
    const factor = factors[block] as number;
    for (const end = at + inner; at < end; at++) {
      const value = Math.fround((values[at] as number) * factor);
      values[at] = value;
      // 0 for a finite value, NaN else.
      check += value - value;
    }
  }
  return check === 0;
}

function scaleBlocks(values: Floats, result: Floats, factors: Float64Array, inner: number): boolean {
  for (let i = 0; i < values.length; i++) result[i] = (values[i] as number) * (factors[Math.floor(i / inner)] as number);
  return allFinite(result);
}

function store(graph: Graph, layer: Node, weight: Tensor, bias: Float64Array): 'done' | 'unshared' | null {
  const biasTensor = makeFloats(`${weight.name}_bias`, weight.dataType, [bias.length], bias);
  if (!allFinite(readFloats(biasTensor) ?? [Number.NaN])) return null;
  const unshared = replaceConstant(graph, layer, 1, weight);
  replaceConstant(graph, layer, 2, biasTensor);
  return unshared ? 'unshared' : 'done';
}

/**
 * A constant operand as one number per channel, where it broadcasts over a value of `rank` dimensions along `axis` only.
 * @returns null where it is no such constant
 */
export function perChannel(graph: Graph, name: string, channels: number, rank: number, axis: number): Float64Array | null {
  const tensor = graph.constant(name);
  const values = tensor && readFloats(tensor);
  if (!tensor || !values || tensor.dims.length > rank) return null;
  const offset = rank - tensor.dims.length;
  if (tensor.dims.some((size, i) => size !== 1 && (i + offset !== axis || size !== channels))) return null;
  if (values.length === 1) return new Float64Array(channels).fill(values[0] ?? 0);
  return values.length === channels ? Float64Array.from(values) : null;
}

/** Channels, rank and channel axis of what a layer with a constant weight makes; null where they are not known. */
export function outputChannels(graph: Graph, layer: Node, context: PassContext): { readonly channels: number; readonly rank: number; readonly axis: number } | null {
  if (isOp(layer, 'BatchNormalization')) {
    const channels = graph.constant(layer.inputs[1] ?? '')?.dims[0];
    const rank = context.shapes.get(layer.inputs[0] ?? '')?.shape?.length;
    return channels === undefined || rank === undefined || rank < 2 ? null : { channels, rank, axis: 1 };
  }
  const weight = graph.constant(layer.inputs[1] ?? '');
  if (!weight) return null;
  const [rows = 0, columns = 0] = weight.dims;
  if (isOp(layer, 'Conv')) return { channels: rows, rank: weight.dims.length, axis: 1 };
  if (isOp(layer, 'ConvTranspose')) return { channels: columns * intAttribute(layer, 'group', 1), rank: weight.dims.length, axis: 1 };
  if (isOp(layer, 'Gemm')) return { channels: intAttribute(layer, 'transB', 0) !== 0 ? rows : columns, rank: 2, axis: 1 };
  const rank = context.shapes.get(layer.inputs[0] ?? '')?.shape?.length;
  return isOp(layer, 'MatMul') && rank === 2 && weight.dims.length === 2 ? { channels: columns, rank: 2, axis: 1 } : null;
}

/** Add, Sub, Mul or Div of a value and a constant as scale and shift of that value; null where the constant is not per channel. */
export function operatorAsAffine(graph: Graph, node: Node, value: string, form: { readonly channels: number; readonly rank: number; readonly axis: number }): Affine | null {
  const { channels, rank, axis } = form;
  const [left = '', right = ''] = node.inputs;
  if (node.inputs.length !== 2 || (left === value) === (right === value)) return null;
  const constant = perChannel(graph, left === value ? right : left, channels, rank, axis);
  if (!constant) return null;
  const ones = (sign: number): Float64Array => new Float64Array(channels).fill(sign);
  const zeros = new Float64Array(channels);
  if (isOp(node, 'Add')) return { scale: ones(1), shift: constant };
  if (isOp(node, 'Mul')) return { scale: constant, shift: zeros };
  if (isOp(node, 'Sub')) return left === value ? { scale: ones(1), shift: constant.map((c) => -c) } : { scale: ones(-1), shift: constant };
  if (isOp(node, 'Div') && left === value) {
    const scale = constant.map((c) => 1 / c);
    return allFinite(scale) ? { scale, shift: zeros } : null;
  }
  return null;
}
