/**
 * An int8 model as x86 processors without VNNI compute it: sums of two products saturate 16 bits (`vpmaddubsw`). Nothing of that can be
 * forced on a processor that has VNNI, so it is computed with standard operators, in float32, where all these integers are exact.
 *
 * For a layer with activations a (u8, as they are stored) and weights w (s8), S = a0 w0 + a1 w1 for each pair of neighbours in the order
 * of summing, and what is lost at an output is sum(max(0, S - 32767)) - sum(max(0, -32768 - S)). Only pairs with |w0 + w1| > 128 can lose
 * anything: they are gathered (a grouped convolution with two inputs a pair, or two gathered columns), and their loss is taken off the layer's
 * output before it is rounded. With q - z in place of a, as the runtime gives it, S is q - z times w plus z (w0 + w1): that goes into the bias.
 *
 * Assumed: onnxruntime's order of sums, kernel position by kernel position with input channels innermost, starting anew for each group, and
 * pairs starting at even places; and that padding holds the zero point. Depthwise kernels add no pairs. What a processor does beyond this
 * (another order in a kernel of its own) is not known here, so the loss is an estimate.
 */
import { intAttribute, makeInt } from '../onnx/attributes.ts';
import { Graph, type Node } from '../onnx/graph.ts';
import { inferShapes, type ShapeMap } from '../onnx/shapes/infer.ts';
import { floatTensor, int64Tensor, tensorBytes, tensorFloats } from '../onnx/tensor.ts';
import { DataType, type Model, type Tensor } from '../onnx/types.ts';
import { copyModel } from '../passes/pipeline.ts';
import { LARGEST_PAIR, productOrder } from './saturation.ts';

export interface SaturatingLayer {
  /** The layer's name, or its output. */
  readonly layer: string;
  /** Share of its pairs that can saturate. */
  readonly possible: number;
  /** A scalar of the emulated graph: the share of pairs that saturate on its input. */
  readonly share: string;
}

export interface SaturatingModel {
  readonly model: Model;
  /** Empty: the model answers alike everywhere. */
  readonly layers: readonly SaturatingLayer[];
  /** Integer layers that were looked at. */
  readonly examined: number;
  /** Layers that can saturate but have too many such pairs to be emulated, or a result of unknown rank. */
  readonly skipped: readonly string[];
}

const HIGHEST = 32767;
const LOWEST = -32768;
/** Layers with more sums of pairs than this (64 MB) are too much to compute; they are named, and the estimate lacks them. */
const MOST_ELEMENTS = 1 << 24;

/** @param quantized as `apply.ts` writes it: QuantizeLinear and DequantizeLinear around operators */
export function saturatingModel(quantized: Model): SaturatingModel {
  const copy = copyModel(quantized);
  const graph = new Graph(copy.graph);
  const shapes = inferShapes(quantized);
  const layers: SaturatingLayer[] = [];
  const skipped: string[] = [];
  let examined = 0;
  for (const node of graph.sorted()) {
    const layer = integerLayer(graph, node, shapes);
    if (!layer) continue;
    examined++;
    const pairs = riskyPairs(layer);
    if (pairs.count === 0) continue;
    const name = node.name || (node.outputs[0] ?? '');
    const elements = shapes.get(node.outputs[0] ?? '')?.shape?.reduce<number>((product, size) => product * (typeof size === 'number' ? size : 1), 1) ?? layer.outputs;
    if (pairs.width * elements > MOST_ELEMENTS || (node.opType === 'MatMul' && layer.rank === 0)) skipped.push(name);
    else layers.push({ layer: name, possible: pairs.count / pairs.all, share: new Emulation(graph, layer, pairs).add() });
  }
  return { model: { ...copy, graph: graph.toData() }, layers, examined, skipped };
}

interface IntegerLayer {
  readonly node: Node;
  /** What feeds the layer: QuantizeLinear's output, and its parameters. */
  readonly input: { readonly integers: string; readonly zeroName: string; readonly scale: number; readonly zeroPoint: number };
  readonly weights: Int8Array;
  readonly dims: readonly number[];
  /** One a output channel. */
  readonly scales: Float32Array;
  readonly outputs: number;
  /** Dimensions of its result; 0: not known. */
  readonly rank: number;
}

/** Undefined for a node that does not multiply u8 activations with constant s8 weights, or adds no pairs. */
function integerLayer(graph: Graph, node: Node, shapes: ShapeMap): IntegerLayer | undefined {
  if (node.domain !== '' || (node.opType !== 'Conv' && node.opType !== 'Gemm' && node.opType !== 'MatMul')) return undefined;
  const [input, weights] = [0, 1].map((index) => graph.producer(node.inputs[index] ?? ''));
  if (input?.opType !== 'DequantizeLinear' || weights?.opType !== 'DequantizeLinear') return undefined;
  const constant = (from: Node, index: number): Tensor | undefined => graph.constant(from.inputs[index] ?? '');
  const [scale, zero, stored, weightScale] = [constant(input, 1), constant(input, 2), constant(weights, 0), constant(weights, 1)];
  if (!scale || zero?.dataType !== DataType.UINT8 || stored?.dataType !== DataType.INT8 || !weightScale || scale.dims.length > 0) return undefined;
  if (node.opType === 'Conv' && stored.dims[1] === 1 && intAttribute(node, 'group', 1) > 1) return undefined;
  if (node.opType !== 'Conv' && stored.dims.length !== 2) return undefined;
  const bytes = tensorBytes(stored);
  const outputs = node.opType === 'Conv' || intAttribute(node, 'transB', 0) !== 0 ? (stored.dims[0] ?? 0) : (stored.dims[1] ?? 0);
  const found = tensorFloats(weightScale);
  const scales = found.length === outputs ? found : new Float32Array(outputs).fill(found[0] ?? 1);
  return {
    node, dims: stored.dims, outputs, scales, rank: node.opType === 'Gemm' ? 2 : (shapes.get(node.outputs[0] ?? '')?.shape?.length ?? 0), weights: new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    input: { integers: input.inputs[0] ?? '', zeroName: input.inputs[2] ?? '', scale: tensorFloats(scale)[0] as number, zeroPoint: tensorBytes(zero)[0] as number },
  };
}

interface Pairs {
  /** Pairs that can saturate, as places of two weights in their tensor, by output. */
  readonly byOutput: readonly (readonly (readonly [number, number])[])[];
  readonly count: number;
  readonly all: number;
  /** The most that one output has. */
  readonly width: number;
}

function riskyPairs({ node, weights, dims }: IntegerLayer): Pairs {
  const { outputs, terms, index } = productOrder(node, dims);
  let count = 0;
  let width = 0;
  const byOutput = Array.from({ length: outputs }, (_, output) => {
    const pairs: [number, number][] = [];
    for (let term = 0; term + 1 < terms; term += 2) {
      const [first, second] = [index(output, term), index(output, term + 1)];
      if (Math.abs((weights[first] as number) + (weights[second] as number)) > LARGEST_PAIR) pairs.push([first, second]);
    }
    count += pairs.length;
    width = Math.max(width, pairs.length);
    return pairs;
  });
  return { byOutput, count, all: outputs * Math.floor(terms / 2), width };
}

/** The nodes that take off what one layer loses. Every output has the same number of pairs; those that it lacks weigh nothing. */
class Emulation {
  readonly #graph: Graph;
  readonly #layer: IntegerLayer;
  readonly #pairs: Pairs;

  constructor(graph: Graph, layer: IntegerLayer, pairs: Pairs) {
    this.#graph = graph;
    this.#layer = layer;
    this.#pairs = pairs;
  }

  /** @returns the value that holds the share of saturating pairs */
  add(): string {
    const graph = this.#graph;
    const { node, input } = this.#layer;
    // Before anything else reads the layer's own output: the sum takes over its name.
    const output = node.outputs[0] ?? '';
    const own = graph.uniqueName(`${output}_exact`);
    graph.setOutput(node, 0, own);
    const centered = this.#node('DequantizeLinear', [input.integers, this.#floats([], Float32Array.of(1)), input.zeroName]);
    const excess = this.#node('Relu', [node.opType === 'Conv' ? this.#convPairs(centered) : this.#columnPairs(centered)]);
    const lost = node.opType === 'Conv' ? this.#convSum(excess) : this.#columnSum(excess);
    graph.addNode({ opType: 'Add', inputs: [own, lost], outputs: [output] });
    return this.#share(excess);
  }

  /** Pair p stands at output * width + place. */
  #each(work: (position: number, pair: readonly [number, number], output: number) => void): void {
    const { byOutput, width } = this.#pairs;
    for (const [output, pairs] of byOutput.entries()) for (const [place, pair] of pairs.entries()) work(output * width + place, pair, output);
  }

  get #size(): number {
    return this.#pairs.byOutput.length * this.#pairs.width;
  }

  #sign([first, second]: readonly [number, number]): 1 | -1 {
    return (this.#layer.weights[first] as number) + (this.#layer.weights[second] as number) > 0 ? 1 : -1;
  }

  /** What is added to a pair's products (turned so that it overflows upwards) to give its excess; a pair that is none stays far below 0. */
  #biases(): Float32Array {
    const { weights, input } = this.#layer;
    const biases = new Float32Array(this.#size).fill(LOWEST);
    this.#each((position, pair) => {
      const sign = this.#sign(pair);
      const sum = (weights[pair[0]] as number) + (weights[pair[1]] as number);
      biases[position] = sign * input.zeroPoint * sum - (sign > 0 ? HIGHEST : -LOWEST);
    });
    return biases;
  }

  /** Activations of each pair side by side, then a grouped convolution of the layer's own geometry with one weight in each of its two kernels. */
  #convPairs(centered: string): string {
    const { node, weights, dims } = this.#layer;
    const [channelsOut = 1, channels = 1, ...kernel] = dims;
    const taps = kernel.reduce((a, b) => a * b, 1);
    const perGroup = channelsOut / intAttribute(node, 'group', 1);
    const indices = new Int32Array(2 * this.#size);
    const values = new Float32Array(2 * this.#size * taps);
    this.#each((position, pair, output) => {
      const sign = this.#sign(pair);
      for (const [side, place] of pair.entries()) {
        indices[2 * position + side] = Math.floor(output / perGroup) * channels + (Math.floor(place / taps) % channels);
        values[(2 * position + side) * taps + (place % taps)] = sign * (weights[place] as number);
      }
    });
    const gathered = this.#node('Gather', [centered, this.#graph.addInitializer(int64Tensor('pair_channels', [indices.length], [...indices]))], { axis: makeInt(1) });
    const geometry = [...node.attributes].filter(([name]) => ['pads', 'strides', 'dilations', 'auto_pad', 'kernel_shape'].includes(name));
    return this.#node('Conv', [gathered, this.#floats([this.#size, 2, ...kernel], values), this.#floats([this.#size], this.#biases())], { ...Object.fromEntries(geometry), group: makeInt(this.#size) });
  }

  /** -sum of the excess upwards, + downwards, at the layer's scale. */
  #losses(): Float32Array {
    const { input, scales } = this.#layer;
    const losses = new Float32Array(this.#size);
    this.#each((position, pair, output) => (losses[position] = -this.#sign(pair) * input.scale * (scales[output] as number)));
    return losses;
  }

  #convSum(excess: string): string {
    const { outputs, dims } = this.#layer;
    return this.#node('Conv', [excess, this.#floats([outputs, this.#pairs.width, ...dims.slice(2).map(() => 1)], this.#losses())], { group: makeInt(outputs) });
  }

  #columnPairs(centered: string): string {
    const { node, weights, dims } = this.#layer;
    const transposed = intAttribute(node, 'transB', 0) !== 0;
    const row = (place: number): number => (transposed ? place % (dims[1] ?? 1) : Math.floor(place / (dims[1] ?? 1)));
    const sides = [0, 1].map((side) => {
      const indices = new Int32Array(this.#size);
      const values = new Float32Array(this.#size);
      this.#each((position, pair) => {
        indices[position] = row(pair[side] ?? 0);
        values[position] = this.#sign(pair) * (weights[pair[side] ?? 0] as number);
      });
      const gathered = this.#node('Gather', [centered, this.#graph.addInitializer(int64Tensor('pair_rows', [indices.length], [...indices]))], { axis: makeInt(-1) });
      return this.#node('Mul', [gathered, this.#floats([values.length], values)]);
    });
    return this.#node('Add', [this.#node('Add', sides), this.#floats([this.#size], this.#biases())]);
  }

  #columnSum(excess: string): string {
    const weighted = this.#node('Mul', [excess, this.#floats([this.#size], this.#losses())]);
    // Zeros keep a dimension as it is. The layer's own shape is not asked for: the runtime believes declared ones, and those may be stale.
    const shape = [...Array.from({ length: this.#layer.rank - 1 }, () => 0), this.#layer.outputs, this.#pairs.width];
    const apart = this.#node('Reshape', [weighted, this.#graph.addInitializer(int64Tensor('pair_shape', [shape.length], shape))]);
    const axes = this.#graph.addInitializer(int64Tensor('pair_axis', [1], [-1]));
    return this.#node('ReduceSum', [apart, axes], { keepdims: makeInt(0) });
  }

  /** Pairs with an excess, over all pairs of all outputs. */
  #share(excess: string): string {
    const flags = this.#node('Cast', [this.#node('Greater', [excess, this.#floats([], Float32Array.of(0))])], { to: makeInt(DataType.FLOAT) });
    return this.#node('Mul', [this.#node('ReduceMean', [flags], { keepdims: makeInt(0) }), this.#floats([], Float32Array.of(this.#size / this.#pairs.all))]);
  }

  #floats(dims: readonly number[], values: Float32Array): string {
    return this.#graph.addInitializer(floatTensor('pair_constant', dims, values));
  }

  #node(opType: string, inputs: readonly string[], attributes: Parameters<Graph['addNode']>[0]['attributes'] = {}): string {
    const output = this.#graph.uniqueName('pair');
    this.#graph.addNode({ opType, inputs, outputs: [output], attributes });
    return output;
  }
}
