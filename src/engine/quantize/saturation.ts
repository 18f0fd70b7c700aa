/**
 * Which layers would give other answers on x86 processors without VNNI. There u8 x s8 products are added in pairs into 16 bits that
 * saturate (`vpmaddubsw`): a0 * w0 + a1 * w1 with activations up to 255 passes 32767 as soon as |w0 + w1| > 128. Pairs are neighbours in
 * the order in which a matrix product sums: input channels innermost for a convolution, as it runs in NHWC. Depthwise kernels add no pairs.
 */
import { intAttribute } from '../onnx/attributes.ts';
import type { Node } from '../onnx/graph.ts';
import { tensorFloats } from '../onnx/tensor.ts';
import type { Weights } from './operators.ts';
import { channelLayout, channelMagnitudes, quantizeS8, symmetricScales } from './quant-params.ts';

/** Sums of two weights beyond this overflow 16 bits at an activation of 255. */
export const LARGEST_PAIR = Math.floor(32767 / 255);
const FULL_LIMIT = 127;

/** Share of pairs of neighbouring weights that can overflow; 0 where the layer is safe whatever its input. */
export function overflowShare(node: Node, weights: Weights): number {
  const { tensor, axis } = weights;
  if (node.opType === 'Conv' && (tensor.dims[1] ?? 0) === 1 && intAttribute(node, 'group', 1) > 1) return 0;
  const layout = channelLayout(tensor.dims, axis);
  const values = tensorFloats(tensor);
  const integers = quantizeS8(values, layout, symmetricScales(channelMagnitudes(values, layout), FULL_LIMIT), FULL_LIMIT);
  return overflowShareOf(integers, productOrder(node, tensor.dims));
}

/** Where the k-th factor of output n stands in the weights. */
export interface ProductOrder {
  readonly outputs: number;
  readonly terms: number;
  readonly index: (output: number, term: number) => number;
}

/** Exported for tests. */
export function productOrder(node: Pick<Node, 'opType' | 'name' | 'outputs' | 'attributes'>, dims: readonly number[]): ProductOrder {
  const [first = 1, second = 1] = dims;
  if (node.opType === 'Conv') {
    const inner = dims.slice(2).reduce((a, b) => a * b, 1);
    return { outputs: first, terms: second * inner, index: (output, term) => (output * second + (term % second)) * inner + Math.floor(term / second) };
  }
  if (node.opType === 'Gemm' && intAttribute(node, 'transB', 0) !== 0) return { outputs: first, terms: second, index: (output, term) => output * second + term };
  const columns = dims[dims.length - 1] ?? 1;
  const rows = dims.reduce((a, b) => a * b, 1) / columns;
  return { outputs: columns, terms: rows, index: (output, term) => term * columns + output };
}

export function overflowShareOf(integers: Int8Array, { outputs, terms, index }: ProductOrder): number {
  let over = 0;
  let pairs = 0;
  for (let output = 0; output < outputs; output++) {
    for (let term = 0; term + 1 < terms; term += 2) {
      const sum = (integers[index(output, term)] as number) + (integers[index(output, term + 1)] as number);
      if (Math.abs(sum) > LARGEST_PAIR) over++;
      pairs++;
    }
  }
  return pairs === 0 ? 0 : over / pairs;
}

/** Smallest scale of each output channel with which no pair of neighbours overflows; null where the order of products is not known. */
export function pairFloors(node: Node, { tensor, axis, alpha }: Weights): Float32Array | null {
  return axis === null ? null : pairFloorsOf(tensorFloats(tensor), productOrder(node, tensor.dims)).map((floor) => floor * Math.abs(alpha));
}

/** Integers may lie up to one beside the quotient (adaptive rounding), so two weights are kept two below the limit. */
export function pairFloorsOf(values: Float32Array, { outputs, terms, index }: ProductOrder): Float32Array {
  return Float32Array.from({ length: outputs }, (_, output) => {
    let largest = 0;
    for (let term = 0; term + 1 < terms; term += 2) {
      const [first, second] = [values[index(output, term)] as number, values[index(output, term + 1)] as number];
      // Of unlike signs, one alone stays below 16 bits.
      if (first > 0 === second > 0) largest = Math.max(largest, Math.abs(first + second));
    }
    return largest / (LARGEST_PAIR - 2);
  });
}
