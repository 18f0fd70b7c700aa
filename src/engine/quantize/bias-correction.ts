/**
 * Fast bias correction (Nagel et al., arXiv 1906.04721): rounding weights moves the mean of an output by sum (W_q - W) E[x], which the
 * bias takes back. E[x] is the observed mean of each input channel; padding is neglected.
 */
import { intAttribute } from '../onnx/attributes.ts';
import type { Node } from '../onnx/graph.ts';

/**
 * What has to be added to the bias of each output channel.
 * @param error W - W_q, in the layout of the weights
 * @param dims of the weights: [out, in / groups, ...] for Conv; two dimensions for Gemm
 */
export function biasCorrection(node: Node, error: Float32Array, dims: readonly number[], inputMean: Float32Array): Float32Array {
  const transposed = node.opType === 'Gemm' && intAttribute(node, 'transB', 0) === 0;
  const [rows = 0, columns = 0] = dims;
  if (transposed) {
    const result = new Float64Array(columns);
    for (let i = 0, at = 0; i < rows; i++) for (let o = 0; o < columns; o++, at++) result[o] = (result[o] as number) + (error[at] as number) * (inputMean[i] as number);
    return Float32Array.from(result);
  }
  const groups = node.opType === 'Conv' ? intAttribute(node, 'group', 1) : 1;
  const inner = error.length / (rows * columns);
  const result = new Float32Array(rows);
  for (let o = 0, at = 0; o < rows; o++) {
    const base = Math.floor(o / (rows / groups)) * columns;
    let sum = 0;
    for (let i = 0; i < columns; i++) {
      const mean = inputMean[base + i] as number;
      for (let k = 0; k < inner; k++, at++) sum += (error[at] as number) * mean;
    }
    result[o] = sum;
  }
  return result;
}
