/**
 * Writes a plan into the graph: QuantizeLinear and DequantizeLinear around the chosen operators, weights as s8, biases as int32.
 * Names of new values are short and equal scalars are shared, since in a small network names cost more than scales.
 */
import type { Graph, Node } from '../onnx/graph.ts';
import { makeFloat, makeInt } from '../onnx/attributes.ts';
import { bytesOf, floatTensor, int32Tensor, makeTensor, tensorFloats } from '../onnx/tensor.ts';
import { DataType, type Tensor } from '../onnx/types.ts';
import { biasCorrection } from './bias-correction.ts';
import { keepFloat } from './keep-float.ts';
import { constantTensor, type Weights } from './operators.ts';
import type { PlannedUnit, QuantizationPlan } from './plan.ts';
import {
  asymmetricU8, channelLayout, channelMagnitudes, quantizeBias, quantizeS8, quantizeU8, symmetricS8, symmetricScales, weightScaleFloor, type ChannelLayout, type QuantParams,
} from './quant-params.ts';

export interface ApplyOptions {
  /** Mean of each input channel of the unit, for bias correction; null: none. */
  readonly inputMean?: (unit: PlannedUnit) => Float32Array | null;
  /** What is added to the bias of each output channel of the unit, or null. */
  readonly biasShift?: (unit: PlannedUnit) => Float32Array | null;
  /** Largest weight integer: 127, or 63 for processors whose u8 x s8 products saturate 16 bits. By node, so that only some are reduced. */
  readonly weightLimit?: (unit: PlannedUnit) => number;
  /** Smallest scale of each output channel of the unit's weights, or null. */
  readonly weightFloor?: (unit: PlannedUnit) => Float32Array | null;
  /** The unit's weights as integers, in place of rounding each to its nearest; null: as usual. */
  readonly round?: (unit: PlannedUnit, weights: WeightsToRound) => Int8Array | null;
  /** Activations are s8 with zero point 0. Then nothing saturates at 0, so Relu and Clip stay, between the operator and its QuantizeLinear. */
  readonly signed?: boolean;
  /** One scale for a whole weight tensor. */
  readonly perTensor?: boolean;
}

/** Weights with alpha folded in, and the scale of each channel. */
export interface WeightsToRound {
  readonly values: Float32Array;
  readonly layout: ChannelLayout;
  readonly scales: Float32Array;
  readonly limit: number;
}

export interface ApplyResult {
  readonly stats: Readonly<Record<string, number>>;
  /** The value that each int8 layer makes in the new graph, by the layer's name. */
  readonly layerOutputs: ReadonlyMap<string, string>;
}

/** How a node is named in options, reports and results. */
export function layerName(node: Pick<Node, 'name' | 'outputs'>): string {
  return node.name || (node.outputs[0] ?? '');
}

/**
 * Rewrites `graph` after the plan.
 * @param params by the root of each planned value, or by the value itself
 */
export function applyPlan(graph: Graph, plan: QuantizationPlan, params: ReadonlyMap<string, QuantParams>, options: ApplyOptions = {}): ApplyResult {
  const layers = new Map(plan.units.filter((unit) => unit.weights).map((unit) => [layerName(unit.node), unit.node]));
  const writer = new Writer(graph, options.signed ?? false, options.perTensor ?? false);
  const paramsOf = (value: string): QuantParams => {
    const found = params.get(plan.values.get(value)?.root ?? value) ?? params.get(value);
    if (!found) throw new Error(`no parameters for "${value}"`);
    return found;
  };
  if (!options.signed) for (const unit of plan.units) if (unit.absorbed) absorb(graph, unit.node, unit.absorbed);
  for (const unit of plan.units) {
    if (unit.kind === 'quantized') for (const index of unit.constants) writer.quantizeConstant(unit.node, index);
  }
  const scaleFloors = floors(plan, paramsOf, options.weightFloor ?? (() => null));
  for (const unit of plan.units) {
    if (!unit.weights) continue;
    const input = paramsOf(unit.node.inputs[0] ?? '');
    writer.quantizeWeights(unit.node, unit.weights, {
      input,
      limit: options.weightLimit?.(unit) ?? 127,
      floor: scaleFloors.get(weightKey(unit.weights)),
      inputMean: options.inputMean?.(unit) ?? null,
      shift: options.biasShift?.(unit) ?? null,
      round: (weights) => options.round?.(unit, weights) ?? null,
    });
  }
  const readers = new Map<string, PlannedUnit[]>();
  for (const unit of plan.units) {
    for (const index of unit.activations) {
      const name = unit.node.inputs[index] ?? '';
      const list = readers.get(name);
      if (list) list.push(unit);
      else readers.set(name, [unit]);
    }
  }
  for (const value of plan.values.values()) {
    if (value.made) writer.quantizeMade(value.name, paramsOf(value.name));
    else writer.quantizeForeign(value.name, paramsOf(value.name), readers.get(value.name) ?? []);
  }
  keepFloat(graph);
  removeUnused(graph);
  const count = (opType: string): number => plan.units.filter((unit) => unit.node.opType === opType).length;
  const stats = {
    convs: count('Conv'), gemms: count('Gemm'), matmuls: count('MatMul'), values: plan.values.size,
    absorbed: plan.units.filter((unit) => unit.absorbed !== null).length, left: plan.left.length,
  };
  return { stats, layerOutputs: new Map([...layers].map(([name, node]) => [name, node.outputs[0] ?? ''])) };
}

function absorb(graph: Graph, node: Node, activation: Node): void {
  const before = node.outputs[0] ?? '';
  const after = activation.outputs[0] ?? '';
  graph.removeNode(activation);
  graph.setOutput(node, 0, after);
  graph.removeValueInfo(before);
}

/** Tied weights have one scale, so it must suit the bias of each place that uses them. */
function floors(plan: QuantizationPlan, paramsOf: (value: string) => QuantParams, own: (unit: PlannedUnit) => Float32Array | null): Map<string, Float32Array> {
  const result = new Map<string, Float32Array>();
  for (const unit of plan.units) {
    const { node, weights } = unit;
    if (!weights) continue;
    const wanted = [weights.bias ? weightScaleFloor(biasValues(weights), paramsOf(node.inputs[0] ?? '').scale) : null, own(unit)];
    for (const floor of wanted) {
      if (!floor) continue;
      const known = result.get(weightKey(weights));
      result.set(weightKey(weights), known ? floor.map((value, channel) => Math.max(value, known[channel] ?? 0)) : floor);
    }
  }
  return result;
}

function weightKey({ tensor, axis, alpha }: Weights): string {
  return `${tensor.name}\n${axis}\n${alpha}`;
}

/** One value a channel, beta folded in. */
function biasValues({ bias, beta, channels }: Weights): Float32Array {
  if (!bias) return new Float32Array(channels);
  const values = tensorFloats(bias);
  return Float32Array.from({ length: channels }, (_, channel) => (values.length === 1 ? (values[0] as number) : (values[channel] as number)) * beta);
}

interface QuantizedWeights {
  /** The DequantizeLinear's output. */
  readonly value: string;
  readonly scales: Float32Array;
  /** W - W_q. */
  readonly error: () => Float32Array;
}

interface WeightOptions {
  readonly input: QuantParams;
  readonly limit: number;
  readonly floor: Float32Array | undefined;
  readonly inputMean: Float32Array | null;
  readonly shift: Float32Array | null;
  readonly round: (weights: WeightsToRound) => Int8Array | null;
}

class Writer {
  readonly #graph: Graph;
  readonly #scalars = new Map<string, string>();
  readonly #weights = new Map<string, QuantizedWeights>();
  #counter = 0;

  readonly #signed: boolean;
  readonly #perTensor: boolean;

  constructor(graph: Graph, signed: boolean, perTensor: boolean) {
    this.#graph = graph;
    this.#signed = signed;
    this.#perTensor = perTensor;
  }

  /** A value that an int8 unit makes: every reader gets it through 8 bits. */
  quantizeMade(value: string, params: QuantParams): void {
    const graph = this.#graph;
    const producer = graph.producer(value);
    if (!producer) throw new Error(`nobody makes "${value}"`);
    const isOutput = graph.isOutput(value);
    const source = isOutput ? this.#name() : value;
    const restored = isOutput ? value : this.#name();
    if (isOutput) {
      graph.setOutput(producer, producer.outputs.indexOf(value), source);
      // Readers keep the output's name, which now comes out of the DequantizeLinear.
    } else graph.replaceUses(value, restored);
    this.#pair(source, restored, params);
  }

  /** A value from outside: only int8 readers get it through 8 bits. */
  quantizeForeign(value: string, params: QuantParams, readers: readonly PlannedUnit[]): void {
    const restored = this.#name();
    for (const { node, activations } of readers) {
      for (const index of activations) if (node.inputs[index] === value) this.#graph.setInput(node, index, restored);
    }
    this.#pair(value, restored, params);
  }

  quantizeConstant(node: Node, index: number): void {
    const graph = this.#graph;
    const tensor = constantTensor(graph, node.inputs[index]);
    if (!tensor) return;
    const values = tensorFloats(tensor);
    const params = this.#signed ? symmetricS8(rangeOf(values)) : asymmetricU8(rangeOf(values));
    const integers = params.signed ? bytesOf(quantizeS8(values, channelLayout(tensor.dims, null), Float32Array.of(params.scale), 127)) : quantizeU8(values, params);
    const name = this.#add(makeTensor(this.#name(), params.signed ? DataType.INT8 : DataType.UINT8, tensor.dims, integers));
    const restored = this.#name();
    graph.addNode({ opType: 'DequantizeLinear', inputs: [name, this.#scale(params.scale), this.#zeroPoint(params)], outputs: [restored] });
    graph.setInput(node, index, restored);
  }

  quantizeWeights(node: Node, weights: Weights, { input, limit, floor, inputMean, shift, round }: WeightOptions): void {
    const graph = this.#graph;
    const key = `${weightKey(weights)}\n${limit}`;
    let quantized = this.#weights.get(key);
    if (!quantized) this.#weights.set(key, (quantized = this.#writeWeights(weights, limit, floor, round)));
    graph.setInput(node, 1, quantized.value);
    const correction = inputMean && node.opType !== 'MatMul' ? biasCorrection(node, quantized.error(), weights.tensor.dims, inputMean) : null;
    if (weights.bias || correction || shift) {
      const bias = biasValues(weights).map((value, channel) => value + (correction?.[channel] ?? 0) + (shift?.[channel] ?? 0));
      graph.setInput(node, 2, this.#writeBias(bias, quantized.scales, input));
    }
    if (node.attributes.has('alpha')) graph.setAttribute(node, 'alpha', makeFloat(1));
    if (node.attributes.has('beta')) graph.setAttribute(node, 'beta', makeFloat(1));
  }

  #writeWeights({ tensor, axis, alpha, channels }: Weights, limit: number, floor: Float32Array | undefined, round: WeightOptions['round']): QuantizedWeights {
    const graph = this.#graph;
    const layout = channelLayout(tensor.dims, axis);
    const values = alpha === 1 ? tensorFloats(tensor) : tensorFloats(tensor).map((value) => value * alpha);
    const scales = symmetricScales(channelMagnitudes(values, layout), limit, layout.channels === channels ? floor : undefined);
    const one = axis === null || this.#perTensor;
    // The largest suits the bias of every channel.
    if (one) scales.fill(scales.reduce((a, b) => Math.max(a, b), 0));
    const quantized = round({ values, layout, scales, limit }) ?? quantizeS8(values, layout, scales, limit);
    const name = this.#add(makeTensor(this.#name(), DataType.INT8, tensor.dims, bytesOf(quantized)));
    const scale = one ? this.#scale(scales[0] ?? 1) : this.#add(floatTensor(this.#name(), [layout.channels], scales));
    const value = this.#name();
    const zero = this.#scalar(`w${one ? '' : layout.channels}`, () => makeTensor(this.#name(), DataType.INT8, one ? [] : [layout.channels], new Uint8Array(one ? 1 : layout.channels)));
    graph.addNode({ opType: 'DequantizeLinear', inputs: [name, scale, zero], outputs: [value], attributes: one ? {} : { axis: makeInt(axis) } });
    return { value, scales, error: () => errorOf(values, quantized, layout, scales) };
  }

  #writeBias(bias: Float32Array, weightScales: Float32Array, input: QuantParams): string {
    const graph = this.#graph;
    const scales = bias.map((_, channel) => input.scale * (weightScales[weightScales.length === 1 ? 0 : channel] as number));
    const name = this.#add(int32Tensor(this.#name(), [bias.length], quantizeBias(bias, scales)));
    const scale = this.#add(floatTensor(this.#name(), [bias.length], scales));
    const value = this.#name();
    graph.addNode({ opType: 'DequantizeLinear', inputs: [name, scale], outputs: [value], attributes: { axis: makeInt(0) } });
    return value;
  }

  #pair(source: string, restored: string, params: QuantParams): void {
    const graph = this.#graph;
    const scale = this.#scale(params.scale);
    const zeroPoint = this.#zeroPoint(params);
    const quantized = this.#name();
    graph.addNode({ opType: 'QuantizeLinear', inputs: [source, scale, zeroPoint], outputs: [quantized] });
    graph.addNode({ opType: 'DequantizeLinear', inputs: [quantized, scale, zeroPoint], outputs: [restored] });
  }

  #scale(value: number): string {
    return this.#scalar(`s${value}`, () => floatTensor(this.#name(), [], Float32Array.of(value)));
  }

  #zeroPoint({ zeroPoint, signed }: QuantParams): string {
    return this.#scalar(`z${zeroPoint}${signed ? 's' : ''}`, () => makeTensor(this.#name(), signed ? DataType.INT8 : DataType.UINT8, [], Uint8Array.of(zeroPoint)));
  }

  #scalar(key: string, make: () => Tensor): string {
    let name = this.#scalars.get(key);
    if (name === undefined) this.#scalars.set(key, (name = this.#add(make())));
    return name;
  }

  /** Adds a tensor whose name `#name` has reserved. */
  #add(tensor: Tensor): string {
    this.#graph.setInitializer(tensor);
    return tensor.name;
  }

  #name(): string {
    return this.#graph.uniqueName(`q${(this.#counter++).toString(36)}`);
  }
}

function errorOf(values: Float32Array, quantized: Int8Array, { channels, inner }: ChannelLayout, scales: Float32Array): Float32Array {
  return values.map((value, index) => value - (quantized[index] as number) * (scales[Math.floor(index / inner) % channels] as number));
}

function rangeOf(values: Float32Array): { min: number; max: number } {
  let min = 0;
  let max = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}

/** Float weights that nobody reads any more, and declared shapes, which a runtime infers anyway. */
function removeUnused(graph: Graph): void {
  const unused = (value: string): boolean => graph.uses(value).length === 0 && !graph.isOutput(value);
  const initializers = [...graph.initializers.keys()].filter(unused);
  for (const name of initializers) graph.removeInitializer(name);
  const constants = [...graph.nodes].filter((node) => node.opType === 'Constant' && node.domain === '' && node.outputs.every(unused));
  for (const node of constants) graph.removeNode(node);
  const declared = [...graph.valueInfo.keys()];
  for (const name of declared) graph.removeValueInfo(name);
}
