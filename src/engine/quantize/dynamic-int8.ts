/**
 * Dynamic int8 for matrix products: weights are s8 with one scale a column, activations become u8 while the model runs, with the range of the
 * very input. Nothing has to be measured before.
 *
 *   y = x W + b   ->   (q, s, z) = DynamicQuantizeLinear(x);  y = Cast(MatMulInteger(q, W_q, z)) * (s * s_w) + b
 *
 * Products that read the same value share its DynamicQuantizeLinear. onnxruntime runs the group as DynamicQuantizeMatMul or, where it is
 * shared, MatMulIntegerToFloat. Convolutions stay float: as ConvInteger they are slower than that.
 */
import { z } from 'zod';
import { describeNode, makeInt } from '../onnx/attributes.ts';
import { Graph } from '../onnx/graph.ts';
import { bytesOf, floatTensor, makeTensor } from '../onnx/tensor.ts';
import { DataType, opsetOf, type Model } from '../onnx/types.ts';
import { copyModel } from '../passes/pipeline.ts';
import { findProducts, matrixOf, noProducts, productKey, removeUnread, replaceProduct, type MatrixProduct } from './matrix-products.ts';
import { channelLayout, channelMagnitudes, quantizeS8, symmetricScales } from './quant-params.ts';
import { overflowShareOf, pairFloorsOf, type ProductOrder } from './saturation.ts';

/** DynamicQuantizeLinear is there since opset 11. */
export const MIN_DYNAMIC_OPSET = 11;

export const dynamicInt8Options = z.strictObject({
  /** Nodes that stay float, by name or by the name of their first output. */
  exclude: z.array(z.string()).default([]),
  /** One scale for each output column, or one for the whole tensor. */
  weights: z.enum(['per-channel', 'per-tensor']).default('per-channel'),
  /** Keeps sums of two products within 16 bits, as for static int8. */
  reduceRange: z.enum(['none', 'where-needed', 'all']).default('none'),
});

export type DynamicInt8Options = z.output<typeof dynamicInt8Options>;

export interface RewrittenModel {
  readonly model: Model;
  readonly changed: boolean;
  readonly stats: Readonly<Record<string, number>>;
  readonly notes: readonly string[];
}

const FULL_LIMIT = 127;
const REDUCED_LIMIT = 63;

/**
 * Quantizes a copy of the model.
 * @throws NOT_QUANTIZABLE where there is no product of constant weights
 */
export function quantizeDynamicInt8(model: Model, options: DynamicInt8Options): RewrittenModel {
  if (opsetOf(model) < MIN_DYNAMIC_OPSET) throw new Error('dynamic int8 needs opset 11');
  const copy = copyModel(model);
  const graph = new Graph(copy.graph);
  const { products, left } = findProducts(graph, options);
  if (products.length === 0) throw noProducts(left);
  const inputs = new Map<string, DynamicInput>();
  const weights = new Map<string, ProductWeights>();
  let guarded = 0;
  for (const product of products) {
    const key = productKey(product);
    let stored = weights.get(key);
    if (!stored) weights.set(key, (stored = writeWeights(graph, product, options)));
    if (stored.reduced) guarded++;
    const { integers, scales } = stored;
    replaceProduct(graph, product, (input, output) => {
      let quantized = inputs.get(input);
      if (!quantized) inputs.set(input, (quantized = dynamicInput(graph, input)));
      const name = (part: string): string => graph.uniqueName(`${output}_${part}`);
      const [sum, real, scale] = [name('int'), name('float'), name('scale')];
      graph.addNode({ opType: 'MatMulInteger', inputs: [quantized.value, integers, quantized.zeroPoint, stored.zeroPoint], outputs: [sum] });
      graph.addNode({ opType: 'Cast', inputs: [sum], outputs: [real], attributes: { to: makeInt(DataType.FLOAT) } });
      graph.addNode({ opType: 'Mul', inputs: [quantized.scale, scales], outputs: [scale] });
      graph.addNode({ opType: 'Mul', inputs: [real, scale], outputs: [output] });
    });
  }
  removeUnread(graph);
  return {
    model: { ...copy, graph: graph.toData() },
    changed: true,
    stats: { products: products.length, inputs: inputs.size, left: left.length, ...(guarded > 0 ? { guarded } : {}) },
    notes: left.map(({ node, reason }) => `${describeNode(node)} stays float: ${reason}.`),
  };
}

interface DynamicInput {
  readonly value: string;
  readonly scale: string;
  readonly zeroPoint: string;
}

function dynamicInput(graph: Graph, input: string): DynamicInput {
  const [value, scale, zeroPoint] = [graph.uniqueName(`${input}_u8`), graph.uniqueName(`${input}_scale`), graph.uniqueName(`${input}_zero`)];
  graph.addNode({ opType: 'DynamicQuantizeLinear', inputs: [input], outputs: [value, scale, zeroPoint] });
  return { value, scale, zeroPoint };
}

interface ProductWeights {
  readonly integers: string;
  readonly scales: string;
  readonly zeroPoint: string;
  readonly reduced: boolean;
}

/** s8 weights as [rows, columns], which is what MatMulInteger takes. */
function writeWeights(graph: Graph, product: MatrixProduct, { weights, reduceRange }: DynamicInt8Options): ProductWeights {
  const { rows, columns, tensor } = product;
  const values = matrixOf(product);
  const layout = channelLayout([columns, rows], weights === 'per-tensor' ? null : 0);
  const magnitudes = channelMagnitudes(values, layout);
  const round = (limit: number, floor?: Float32Array): { scales: Float32Array; integers: Int8Array } => {
    const scales = symmetricScales(magnitudes, limit, floor);
    return { scales, integers: quantizeS8(values, layout, scales, limit) };
  };
  const order: ProductOrder = { outputs: columns, terms: rows, index: (output, term) => output * rows + term };
  let result = round(reduceRange === 'all' ? REDUCED_LIMIT : FULL_LIMIT);
  const reduced = reduceRange === 'all' || (reduceRange === 'where-needed' && overflowShareOf(result.integers, order) > 0);
  if (reduced && reduceRange !== 'all') {
    const floors = pairFloorsOf(values, order);
    result = round(FULL_LIMIT, weights === 'per-tensor' ? Float32Array.of(floors.reduce((a, b) => Math.max(a, b), 0)) : floors);
  }
  const turned = new Int8Array(values.length);
  for (let row = 0, to = 0; row < rows; row++) for (let column = 0; column < columns; column++, to++) turned[to] = result.integers[column * rows + row] as number;
  const dims = weights === 'per-tensor' ? [] : [columns];
  return {
    integers: graph.addInitializer(makeTensor(`${tensor.name}_s8`, DataType.INT8, [rows, columns], bytesOf(turned))),
    scales: graph.addInitializer(floatTensor(`${tensor.name}_scale`, dims, result.scales)),
    zeroPoint: graph.addInitializer(makeTensor(`${tensor.name}_zero`, DataType.INT8, dims, new Uint8Array(weights === 'per-tensor' ? 1 : columns))),
    reduced,
  };
}
