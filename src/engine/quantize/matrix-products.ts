/** MatMul and Gemm with constant weights, as one form: [.., rows] x [rows, columns] (+ bias). What quantizes only these works on it. */
import { EdgewiseError } from '../../base/errors.ts';
import { describeNode } from '../onnx/attributes.ts';
import type { Graph, Node } from '../onnx/graph.ts';
import { floatTensor, tensorFloats } from '../onnx/tensor.ts';
import { DataType, type Tensor } from '../onnx/types.ts';
import { constantTensor, weightsOf } from './operators.ts';

export interface MatrixProduct {
  readonly node: Node;
  readonly tensor: Tensor;
  /** Weights lie as [columns, rows]. */
  readonly transposed: boolean;
  readonly rows: number;
  readonly columns: number;
  /** What products are multiplied by; folded into `matrixOf`. */
  readonly alpha: number;
  /** [columns] or [1], beta folded in; null: none. */
  readonly bias: Float32Array | null;
}

export interface ProductChoice {
  /** Nodes that stay float, by name or by the name of their first output. */
  readonly exclude: readonly string[];
}

export interface FoundProducts {
  readonly products: readonly MatrixProduct[];
  /** Why others stay float. */
  readonly left: readonly { readonly node: Node; readonly reason: string }[];
}

export function findProducts(graph: Graph, { exclude }: ProductChoice): FoundProducts {
  const excluded = new Set(exclude);
  const products: MatrixProduct[] = [];
  const left: { node: Node; reason: string }[] = [];
  for (const node of graph.sorted()) {
    if (node.domain !== '' || (node.opType !== 'MatMul' && node.opType !== 'Gemm')) continue;
    // A product of two activations, as in attention, has no weights: that is no fault and needs no word.
    if (node.opType === 'MatMul' && !constantTensor(graph, node.inputs[1]) && !excluded.has(node.name)) continue;
    const weights = weightsOf(graph, node);
    if (excluded.has(node.name) || excluded.has(node.outputs[0] ?? '')) left.push({ node, reason: 'it was excluded' });
    else if (typeof weights === 'string') left.push({ node, reason: weights });
    else if (weights.axis === null) left.push({ node, reason: 'its weights have more than two dimensions' });
    else if (weights.bias && weights.bias.dataType !== DataType.FLOAT) left.push({ node, reason: 'its bias is not float32' });
    else {
      const { tensor, axis, alpha, beta, bias } = weights;
      const transposed = axis === 0;
      const [rows = 0, columns = 0] = transposed ? tensor.dims.toReversed() : tensor.dims;
      products.push({ node, tensor, transposed, rows, columns, alpha, bias: bias ? tensorFloats(bias).map((value) => value * beta) : null });
    }
  }
  return { products, left };
}

/** Key under which tied weights meet. */
export function productKey({ tensor, transposed, alpha }: MatrixProduct): string {
  return `${tensor.name}\n${transposed}\n${alpha}`;
}

/** Weights as [columns, rows], so that what one output sums lies together; alpha folded in. A copy. */
export function matrixOf({ tensor, transposed, rows, columns, alpha }: MatrixProduct): Float32Array {
  const values = tensorFloats(tensor);
  if (transposed) return alpha === 1 ? values.slice() : values.map((value) => value * alpha);
  const result = new Float32Array(values.length);
  for (let column = 0; column < columns; column++) {
    for (let row = 0, to = column * rows; row < rows; row++, to++) result[to] = (values[row * columns + column] as number) * alpha;
  }
  return result;
}

/** Takes the node away and lets `make` put others in its place; a bias is added to what they give. */
export function replaceProduct(graph: Graph, { node, bias, columns }: MatrixProduct, make: (input: string, output: string) => void): void {
  const output = node.outputs[0] ?? '';
  const input = node.inputs[0] ?? '';
  graph.removeNode(node);
  if (!bias) {
    make(input, output);
    return;
  }
  const sum = graph.uniqueName(`${output}_sum`);
  make(input, sum);
  const name = graph.addInitializer(floatTensor(`${output}_bias`, [columns], bias.length === columns ? bias : new Float32Array(columns).fill(bias[0] ?? 0)));
  graph.addNode({ opType: 'Add', inputs: [sum, name], outputs: [output] });
}

/** Weights and biases that nobody reads any more. */
export function removeUnread(graph: Graph): void {
  const unread = [...graph.initializers.keys()].filter((name) => graph.uses(name).length === 0 && !graph.isOutput(name));
  for (const name of unread) graph.removeInitializer(name);
}

/** @throws NOT_QUANTIZABLE */
export function noProducts(left: FoundProducts['left']): EdgewiseError {
  const first = left[0];
  return new EdgewiseError(
    'NOT_QUANTIZABLE',
    first ? `No matrix product can be quantized: ${describeNode(first.node)} stays float, since ${first.reason}.` : 'The model has no MatMul or Gemm with constant weights.',
    {
      hint: first ? 'Read the reason; a weight that is computed becomes a constant by the step "simplify".' : 'For a network of convolutions use the recipe "int8".',
      details: { operators: left.slice(0, 20).map(({ node, reason }) => ({ op: node.opType, name: node.name, reason })) },
    },
  );
}
