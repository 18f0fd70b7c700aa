/**
 * Sums of x x^T and x for the inputs x of layers, made by the runtime. A convolution's inputs are its patches: they come out of a grouped
 * convolution of its own geometry whose kernels are 1 at one place each, so padding and strides count as they do in the layer.
 */
import { throwIfAborted } from '../../base/errors.ts';
import { subProgress } from '../../base/progress.ts';
import { intAttribute, makeInt, makeInts } from '../onnx/attributes.ts';
import { Graph, type Node } from '../onnx/graph.ts';
import { floatTensor, int64Tensor } from '../onnx/tensor.ts';
import { DataType, type Model } from '../onnx/types.ts';
import { copyModel } from '../passes/pipeline.ts';
import type { InputSums, RoundingRows } from './adaptive-rounding.ts';
import { layerName } from './apply.ts';
import { ProbeModel, type CalibrationContext } from './probe-model.ts';

/** Larger sums are not made: 2048 x 2048 are 16 MB, and time grows with the square. */
const MOST_TERMS = 2048;
/** Bytes of sums made in one run over the samples. */
const BATCH_BYTES = 64 << 20;

/** A layer whose input sums can be made. */
export interface SummableLayer {
  readonly layer: string;
  readonly node: Node;
  /** What the node reads; kept apart, since a node that is being quantized is given other inputs. */
  readonly input: string;
  readonly dims: readonly number[];
  readonly rows: RoundingRows;
  readonly groups: number;
}

/** Null where the weights are no matrix or more inputs than `MOST_TERMS` meet in one output. */
export function summable(node: Node, dims: readonly number[]): SummableLayer | null {
  const own = { layer: layerName(node), node, input: node.inputs[0] ?? '', dims };
  const [first = 1, second = 1] = dims;
  if (node.opType === 'Conv') {
    const terms = dims.slice(1).reduce((a, b) => a * b, 1);
    return terms > MOST_TERMS ? null : { ...own, rows: { rows: first, terms, rowStride: terms, stride: 1 }, groups: intAttribute(node, 'group', 1) };
  }
  if (dims.length !== 2) return null;
  const transposed = node.opType === 'Gemm' && intAttribute(node, 'transB', 0) !== 0;
  const rows: RoundingRows = transposed ? { rows: first, terms: second, rowStride: second, stride: 1 } : { rows: second, terms: first, rowStride: 1, stride: second };
  return rows.terms > MOST_TERMS ? null : { ...own, rows, groups: 1 };
}

/** @returns by layer; a layer that no sample reached is left out */
export async function measureInputSums(model: Model, layers: readonly SummableLayer[], context: CalibrationContext): Promise<Map<string, InputSums>> {
  const batches = inBatches(layers);
  const result = new Map<string, InputSums>();
  for (const [index, batch] of batches.entries()) {
    throwIfAborted(context.signal);
    const copy = copyModel(model);
    const graph = new Graph(copy.graph);
    const places = batch.map((layer) => ({ layer, sums: addSums(graph, layer) }));
    const probes = new ProbeModel({ ...copy, graph: graph.toData() });
    for (const { sums } of places) for (const name of [sums.products, sums.values, sums.size]) probes.addWhole(name);
    const seen = await probes.sums({ ...context, progress: subProgress(context.progress, index / batches.length, (index + 1) / batches.length) });
    for (const { layer, sums } of places) {
      const [matrix, vector, elements] = [seen[sums.products], seen[sums.values], seen[sums.size]?.[0]];
      if (matrix && vector && elements) result.set(layer.layer, { products: matrix, values: vector, count: elements / vector.length, terms: layer.rows.terms });
    }
  }
  return result;
}

function inBatches(layers: readonly SummableLayer[]): SummableLayer[][] {
  const batches: SummableLayer[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const layer of layers) {
    const own = layer.groups * layer.rows.terms ** 2 * 4;
    if (bytes + own > BATCH_BYTES) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)?.push(layer);
    bytes += own;
  }
  return batches;
}

/** Names of the values that hold the sums over one sample. */
function addSums(graph: Graph, layer: SummableLayer): { products: string; values: string; size: string } {
  const make = (opType: string, inputs: readonly string[], attributes: Parameters<Graph['addNode']>[0]['attributes'] = {}): string => {
    const output = graph.uniqueName(`sums_${graph.nodeCount}`);
    graph.addNode({ opType, inputs, outputs: [output], attributes });
    return output;
  };
  const shape = (sizes: readonly number[]): string => graph.addInitializer(int64Tensor(graph.uniqueName('sums_shape'), [sizes.length], sizes));
  const { groups, rows } = layer;
  // [batch, groups, terms, places]
  const matrix = layer.node.opType === 'Conv' ? make('Reshape', [patches(graph, layer, make), shape([0, groups, rows.terms, -1])]) : make('Unsqueeze', [make('Transpose', [make('Reshape', [layer.input, shape([-1, rows.terms])])]), shape([0, 1])]);
  const turned = make('Transpose', [matrix], { perm: makeInts([0, 1, 3, 2]) });
  return {
    products: make('ReduceSum', [make('MatMul', [matrix, turned]), shape([0])], { keepdims: makeInt(0) }),
    values: make('ReduceSum', [matrix, shape([0, 3])], { keepdims: makeInt(0) }),
    size: make('Cast', [make('Size', [matrix])], { to: makeInt(DataType.FLOAT) }),
  };
}

/** Each input channel at each place of the kernel as a channel of its own, in the order of the weights. */
function patches(graph: Graph, { node, input, dims, groups }: SummableLayer, make: (opType: string, inputs: readonly string[], attributes: Parameters<Graph['addNode']>[0]['attributes']) => string): string {
  const kernel = dims.slice(2);
  const inner = kernel.reduce((a, b) => a * b, 1);
  const channels = (dims[1] ?? 1) * groups;
  const ones = new Float32Array(channels * inner * inner);
  for (let i = 0; i < channels * inner; i++) ones[i * inner + (i % inner)] = 1;
  const weights = graph.addInitializer(floatTensor(graph.uniqueName('sums_kernel'), [channels * inner, 1, ...kernel], ones));
  return make('Conv', [input, weights], { ...Object.fromEntries(node.attributes), group: makeInt(channels) });
}
