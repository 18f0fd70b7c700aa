/**
 * Makes the channels of activations alike in range, by moving factors between convolutions before anything is quantized.
 *
 *     B(relu(A(x)))  =  B'(relu(A'(x)))   with A' = A / s on its output channels, B' = B * s on its input channels, s > 0
 *
 * which is exact, since relu(x / s) = relu(x) / s. An Add of two values, a pool or a concatenation-free chain keeps the factor of each
 * channel, so all values that are added to one another have one s, which goes out of all convolutions that make them and into all that
 * read them.
 *
 * Why: an activation has one scale for all its channels, so a channel that is small beside others is left with few of the 256 steps.
 * Weights have a scale for each output channel, so dividing A costs nothing. Where B is depthwise its input channels are its output
 * channels, and multiplying B costs nothing either; else the burden is shared between the activation and B's weights (Nagel et al.,
 * arXiv 1906.04721; Xiao et al., arXiv 2211.10438).
 */
import { intAttribute } from '../onnx/attributes.ts';
import type { Graph } from '../onnx/graph.ts';
import { floatTensor, tensorFloats } from '../onnx/tensor.ts';
import type { Model } from '../onnx/types.ts';
import type { PlannedUnit, QuantizationPlan } from './plan.ts';
import { ProbeModel, type CalibrationContext } from './probe-model.ts';
import { channelLayout, channelMagnitudes } from './quant-params.ts';
import { someSamples } from './sample-split.ts';

/** No channel is scaled by more than this: one that was quiet on the calibration samples may not be so on others. */
export const LARGEST_SCALE = 4;
/** Share of the burden that the weights take where B is not depthwise. */
const SHARE = 0.5;
/** The largest number of each channel settles early. */
const SAMPLES = 32;

/** Values that must have the same factor for each channel. */
interface ChannelGroup {
  readonly values: readonly string[];
  readonly makers: readonly PlannedUnit[];
  readonly readers: readonly PlannedUnit[];
}

/**
 * Rewrites the weights of `graph`, which computes the same afterwards. The plan's copies of them are stale then.
 * @param largestScale no channel is scaled by more
 * @returns number of groups of values that were equalized
 */
export async function equalize(model: Model, graph: Graph, plan: QuantizationPlan, context: CalibrationContext, largestScale = LARGEST_SCALE): Promise<number> {
  const groups = findGroups(graph, plan);
  if (groups.length === 0) return 0;
  const probes = new ProbeModel(model);
  const keys = new Map<string, string>();
  for (const { values } of groups) for (const value of values) keys.set(value, probes.add(value, 'channel-magnitude'));
  const seen = await probes.observe({ ...context, source: someSamples(context.source, SAMPLES) });
  let done = 0;
  for (const group of groups) {
    const magnitudes = group.values.map((value) => seen[keys.get(value) ?? '']?.channels ?? null);
    const activations = relativeMagnitudes(magnitudes);
    if (!activations || group.readers.some((unit) => inputChannels(graph, unit) !== activations.length) || group.makers.some((unit) => unit.weights?.channels !== activations.length)) continue;
    const scales = scalesOf(activations, group.readers.map((unit) => (isDepthwise(unit) ? null : inputMagnitudes(graph, unit))), largestScale);
    for (const unit of group.makers) scaleOutputs(graph, unit, scales);
    for (const unit of group.readers) scaleInputs(graph, unit, scales);
    done++;
  }
  return done;
}

/** Exported for tests. */
export function findGroups(graph: Graph, plan: QuantizationPlan): ChannelGroup[] {
  const parent = new Map<string, string>();
  const find = (value: string): string => {
    const up = parent.get(value);
    return up === undefined || up === value ? value : find(up);
  };
  const makers = new Map<string, PlannedUnit>();
  for (const unit of plan.units) {
    const output = unit.outputs[0] ?? '';
    makers.set(output, unit);
    if (passesChannels(unit)) for (const index of unit.activations) parent.set(find(unit.node.inputs[index] ?? ''), find(output));
  }
  const values = new Map<string, string[]>();
  for (const value of makers.keys()) values.set(find(value), [...(values.get(find(value)) ?? []), value]);
  const units = new Map(plan.units.map((unit) => [unit.node, unit]));
  const groups: ChannelGroup[] = [];
  for (const members of values.values()) {
    const group = groupOf(graph, members, makers, units);
    if (group) groups.push(group);
  }
  return groups;
}

/** Operators whose result has the factor of their input, channel by channel. */
function passesChannels({ node, constants }: PlannedUnit): boolean {
  if (node.opType === 'Add') return constants.length === 0;
  return node.opType === 'MaxPool' || node.opType === 'AveragePool' || node.opType === 'GlobalAveragePool';
}

function groupOf(graph: Graph, values: readonly string[], makers: ReadonlyMap<string, PlannedUnit>, units: ReadonlyMap<unknown, PlannedUnit>): ChannelGroup | null {
  const makerUnits = new Set<PlannedUnit>();
  const readers = new Set<PlannedUnit>();
  for (const value of values) {
    const maker = makers.get(value);
    if (!maker || graph.isOutput(value) || (maker.absorbed && maker.absorbed.opType !== 'Relu')) return null;
    if (maker.node.opType === 'Conv') {
      if (!ownsWeights(graph, maker)) return null;
      makerUnits.add(maker);
    } else if (!passesChannels(maker)) return null;
    else if (maker.activations.some((index) => !values.includes(maker.node.inputs[index] ?? ''))) return null;
    for (const use of graph.uses(value)) {
      const unit = units.get(use.node);
      if (!unit || use.index < 0) return null;
      if (unit.node.opType === 'Conv' && use.index === 0) {
        if (!ownsWeights(graph, unit)) return null;
        readers.add(unit);
      } else if (!passesChannels(unit)) return null;
    }
  }
  return readers.size > 0 && makerUnits.size > 0 ? { values, makers: [...makerUnits], readers: [...readers] } : null;
}

/** Weights and bias that nobody else reads, as initializers that can be replaced. */
function ownsWeights(graph: Graph, { node }: PlannedUnit): boolean {
  return node.inputs.slice(1).every((name) => name === '' || (graph.constant(name) !== undefined && graph.uses(name).length === 1 && !graph.isOutput(name)));
}

/** Share of its value's range that each channel takes, the largest over the values; null where one is not known. */
function relativeMagnitudes(magnitudes: readonly (readonly number[] | null)[]): Float64Array | null {
  const count = magnitudes[0]?.length ?? 0;
  const result = new Float64Array(count);
  for (const channels of magnitudes) {
    if (!channels || channels.length !== count || !channels.every(Number.isFinite)) return null;
    const largest = channels.reduce((a, b) => Math.max(a, b), 0);
    if (largest > 0) channels.forEach((value, c) => (result[c] = Math.max(result[c] as number, value / largest)));
  }
  return result;
}

/** @param readers largest share of an output channel's weights that each input channel takes; null for a depthwise reader */
function scalesOf(activations: Float64Array, readers: readonly (Float64Array | null)[], largestScale: number): Float64Array {
  const dense = readers.filter((reader) => reader !== null);
  const weights = activations.map((_, channel) => dense.reduce((largest, reader) => Math.max(largest, reader[channel] as number), 0));
  const wanted = activations.map((activation, channel) => {
    if (dense.length === 0) return activation;
    const weight = weights[channel] as number;
    return weight > 0 ? activation ** SHARE / weight ** (1 - SHARE) : 0;
  });
  const top = wanted.reduce((a, b) => Math.max(a, b), 0);
  const loads = wanted.map((scale, channel) => ((weights[channel] as number) * scale) / top).filter((load) => load > 0).toSorted();
  const usual = loads[Math.floor(loads.length / 2)] ?? 0;
  return wanted.map((scale, channel) => {
    if (scale > 0) return Math.max(scale / top, 1 / largestScale);
    // A channel that is never active may still have the largest weights, and then takes the steps of all others: they come down to the usual.
    const weight = weights[channel] as number;
    return weight > usual && usual > 0 ? Math.max(usual / weight, 1 / largestScale) : 1;
  });
}

function isDepthwise({ node, weights }: PlannedUnit): boolean {
  return (weights?.tensor.dims[1] ?? 0) === 1 && intAttribute(node, 'group', 1) > 1;
}

/** The weights as the graph has them now: an earlier group may have scaled them. */
function weightsOf(graph: Graph, { node }: PlannedUnit): { name: string; dims: readonly number[]; values: Float32Array } {
  const name = node.inputs[1] ?? '';
  const tensor = graph.constant(name);
  if (!tensor) throw new Error(`"${name}" is no constant`);
  return { name, dims: tensor.dims, values: tensorFloats(tensor).slice() };
}

function inputChannels(graph: Graph, unit: PlannedUnit): number {
  return (graph.constant(unit.node.inputs[1] ?? '')?.dims[1] ?? 0) * intAttribute(unit.node, 'group', 1);
}

/** Visits each element of B's weights with its input channel: groups times input channels of a group. */
function forInputs({ node }: PlannedUnit, dims: readonly number[], size: number, visit: (channel: number, index: number) => void): void {
  const groups = intAttribute(node, 'group', 1);
  const [outputs = 0, inputs = 0] = dims;
  const inner = size / (outputs * inputs);
  for (let o = 0, at = 0; o < outputs; o++) {
    const base = Math.floor(o / (outputs / groups)) * inputs;
    for (let i = 0; i < inputs; i++) for (let k = 0; k < inner; k++, at++) visit(base + i, at);
  }
}

function inputMagnitudes(graph: Graph, unit: PlannedUnit): Float64Array {
  const { dims, values } = weightsOf(graph, unit);
  const layout = channelLayout(dims, 0);
  const whole = channelMagnitudes(values, layout);
  const result = new Float64Array(inputChannels(graph, unit));
  forInputs(unit, dims, values.length, (channel, index) => {
    const largest = whole[Math.floor(index / layout.inner)] as number;
    if (largest > 0) result[channel] = Math.max(result[channel] as number, Math.abs(values[index] as number) / largest);
  });
  return result;
}

function scaleOutputs(graph: Graph, unit: PlannedUnit, scales: Float64Array): void {
  const { name, dims, values } = weightsOf(graph, unit);
  const inner = values.length / scales.length;
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) / (scales[Math.floor(i / inner)] as number);
  graph.setInitializer(floatTensor(name, dims, values));
  const bias = graph.constant(unit.node.inputs[2] ?? '');
  if (bias) graph.setInitializer(floatTensor(bias.name, bias.dims, tensorFloats(bias).map((value, c) => value / (scales[c] as number))));
}

function scaleInputs(graph: Graph, unit: PlannedUnit, scales: Float64Array): void {
  const { name, dims, values } = weightsOf(graph, unit);
  forInputs(unit, dims, values.length, (channel, index) => {
    values[index] = (values[index] as number) * (scales[channel] as number);
  });
  graph.setInitializer(floatTensor(name, dims, values));
}
