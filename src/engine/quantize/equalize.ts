/**
 * Equalizes the channels between two convolutions, before anything is quantized.
 *
 *     B(relu(A(x)))  =  B'(relu(A'(x)))   with A' = A / s on its output channels, B' = B * s on its input channels, s > 0
 *
 * which is exact, since relu(x / s) = relu(x) / s. An activation has one scale for all its channels, so a channel that is small beside
 * others is left with a few of the 256 steps; weights have a scale for each output channel, so dividing A costs nothing. Where B is
 * depthwise its input channels are its output channels, so multiplying B costs nothing either and the channels are made equal. Else the
 * burden is shared between the activation and B's weights (Xiao et al., SmoothQuant, arXiv 2211.10438).
 */
import type { Graph } from '../onnx/graph.ts';
import { intAttribute } from '../onnx/attributes.ts';
import { floatTensor, tensorFloats } from '../onnx/tensor.ts';
import type { Tensor } from '../onnx/types.ts';
import type { PlannedUnit, QuantizationPlan } from './plan.ts';
import { channelLayout, channelMagnitudes } from './quant-params.ts';
import type { ValueStatistics } from './statistics.ts';

/** No channel is scaled by more than this: a channel that was quiet on the calibration samples may not be so on others. */
const LARGEST_SCALE = 16;
/** Share of the burden that the weights take where B is not depthwise. */
const SHARE = 0.5;

/**
 * Rewrites weights in `plan` and `graph`; statistics follow.
 * @returns the plan with the new weights, and the number of pairs
 */
export function equalize(graph: Graph, plan: QuantizationPlan, statistics: Map<string, ValueStatistics>): { plan: QuantizationPlan; pairs: number } {
  const weights = new Map<PlannedUnit, Weights>();
  const uses = countUses(plan);
  let pairs = 0;
  for (const { first, second, value } of pairsOf(graph, plan)) {
    const known = statistics.get(value);
    if (!known?.channelMax || !first.weights || !second.weights) continue;
    if (uses.get(first.weights.tensor.name) !== 1 || uses.get(second.weights.tensor.name) !== 1) continue;
    const a = weights.get(first) ?? read(first);
    const b = weights.get(second) ?? read(second);
    const scales = scalesOf(known.channelMax, inputMagnitudes(second, b), isDepthwise(second));
    scaleOutputs(a, scales);
    scaleInputs(second, b, scales);
    weights.set(first, a).set(second, b);
    const channelMax = known.channelMax.map((max, channel) => max / (scales[channel] as number));
    statistics.set(value, {
      range: { min: 0, max: channelMax.reduce((x, y) => Math.max(x, y), 0) },
      channelMax,
      channelMean: known.channelMean?.map((mean, channel) => mean / (scales[channel] as number)) ?? null,
    });
    pairs++;
  }
  const units = plan.units.map((unit) => withWeights(unit, weights.get(unit)));
  return { plan: { ...plan, units }, pairs };
}

interface Weights {
  readonly dims: readonly number[];
  readonly values: Float32Array;
  readonly bias: Float32Array | null;
}

/** A's output, after Relu, is read by B alone. */
function* pairsOf(graph: Graph, plan: QuantizationPlan): Iterable<{ first: PlannedUnit; second: PlannedUnit; value: string }> {
  const byInput = new Map<string, PlannedUnit>();
  for (const unit of plan.units) if (unit.node.opType === 'Conv') byInput.set(unit.node.inputs[0] ?? '', unit);
  for (const first of plan.units) {
    const value = first.outputs[0] ?? '';
    if (first.node.opType !== 'Conv' || first.absorbed?.opType !== 'Relu') continue;
    const second = byInput.get(value);
    if (second && graph.soleConsumer(value) === second.node) yield { first, second, value };
  }
}

/** Tied weights cannot be scaled for one place alone. */
function countUses(plan: QuantizationPlan): Map<string, number> {
  const uses = new Map<string, number>();
  for (const { weights } of plan.units) {
    for (const tensor of weights ? [weights.tensor] : []) uses.set(tensor.name, (uses.get(tensor.name) ?? 0) + 1);
  }
  return uses;
}

function read({ weights }: PlannedUnit): Weights {
  if (!weights) throw new Error('a unit without weights');
  return { dims: weights.tensor.dims, values: tensorFloats(weights.tensor).slice(), bias: weights.bias && tensorFloats(weights.bias).slice() };
}

function withWeights(unit: PlannedUnit, changed: Weights | undefined): PlannedUnit {
  if (!changed || !unit.weights) return unit;
  const tensor = floatTensor(unit.weights.tensor.name, changed.dims, changed.values);
  const bias: Tensor | null = changed.bias && unit.weights.bias && floatTensor(unit.weights.bias.name, unit.weights.bias.dims, changed.bias);
  return { ...unit, weights: { ...unit.weights, tensor, bias } };
}

function isDepthwise({ node, weights }: PlannedUnit): boolean {
  return (weights?.tensor.dims[1] ?? 0) === 1 && intAttribute(node, 'group', 1) > 1;
}

/** Input channel of each element of B: groups times input channels of a group. */
function forInputs({ node }: PlannedUnit, { dims, values }: Weights, visit: (channel: number, index: number) => void): void {
  const groups = intAttribute(node, 'group', 1);
  const [outputs = 0, inputs = 0] = dims;
  const inner = values.length / (outputs * inputs);
  for (let o = 0, at = 0; o < outputs; o++) {
    const base = Math.floor(o / (outputs / groups)) * inputs;
    for (let i = 0; i < inputs; i++) for (let k = 0; k < inner; k++, at++) visit(base + i, at);
  }
}

/** Largest share of an output channel's range that each input channel takes. */
function inputMagnitudes(unit: PlannedUnit, weights: Weights): Float32Array {
  const layout = channelLayout(weights.dims, 0);
  const outputMagnitudes = channelMagnitudes(weights.values, layout);
  const result = new Float32Array((weights.dims[1] ?? 0) * intAttribute(unit.node, 'group', 1));
  forInputs(unit, weights, (channel, index) => {
    const whole = outputMagnitudes[Math.floor(index / layout.inner)] as number;
    if (whole > 0) result[channel] = Math.max(result[channel] as number, Math.abs(weights.values[index] as number) / whole);
  });
  return result;
}

function scalesOf(channelMax: Float32Array, magnitudes: Float32Array, depthwise: boolean): Float32Array {
  const largest = channelMax.reduce((a, b) => Math.max(a, b), 0);
  const wanted = channelMax.map((max, channel) => {
    if (!(max > 0) || !(largest > 0)) return 1;
    if (depthwise) return max / largest;
    const weight = magnitudes[channel] as number;
    return weight > 0 ? (max / largest) ** SHARE / weight ** (1 - SHARE) : 1;
  });
  const top = wanted.reduce((a, b) => Math.max(a, b), 0);
  return wanted.map((scale, channel) => ((channelMax[channel] as number) > 0 ? Math.max(scale / top, 1 / LARGEST_SCALE) : 1));
}

function scaleOutputs({ values, bias }: Weights, scales: Float32Array): void {
  const inner = values.length / scales.length;
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) / (scales[Math.floor(i / inner)] as number);
  if (bias) for (let c = 0; c < bias.length; c++) bias[c] = (bias[c] as number) / (scales[c] as number);
}

function scaleInputs(unit: PlannedUnit, weights: Weights, scales: Float32Array): void {
  forInputs(unit, weights, (channel, index) => {
    weights.values[index] = (weights.values[index] as number) * (scales[channel] as number);
  });
}
