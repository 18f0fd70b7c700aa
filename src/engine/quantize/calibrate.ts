/**
 * Finds what 8 bits have to span at every planned value, on real samples, and the mean of each channel that a convolution reads, which
 * bias correction wants. What an operator's formula promises (Relu is never below 0, Sigmoid ends at 1) is not measured.
 */
import { z } from 'zod';
import { EdgewiseError } from '../../base/errors.ts';
import { describeNode } from '../onnx/attributes.ts';
import type { Graph } from '../onnx/graph.ts';
import type { Model } from '../onnx/types.ts';
import type { Histogram } from './histogram.ts';
import type { PlannedValue, QuantizationPlan } from './plan.ts';
import { ProbeModel, type CalibrationContext } from './probe-model.ts';
import type { Range } from './quant-params.ts';
import { entropyRange } from './search-entropy.ts';
import { mseRange, percentileRange } from './search-range.ts';

export const observerOptions = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('min-max') }),
  /** Mean of what each sample spans: a single wild sample counts for one. */
  z.strictObject({ kind: z.literal('moving-average') }),
  z.strictObject({ kind: z.literal('percentile'), percentile: z.number().gt(50).max(100).default(99.99) }),
  z.strictObject({ kind: z.literal('mse') }),
  z.strictObject({ kind: z.literal('entropy') }),
]);

export type ObserverOptions = z.output<typeof observerOptions>;

export interface Calibration {
  /** By root of the planned values. */
  readonly ranges: ReadonlyMap<string, Range>;
  /** Mean of each channel (axis 1) of what Conv and Gemm read. */
  readonly channelMeans: ReadonlyMap<string, Float32Array>;
}

/**
 * Several observers on the same runs over the samples, one or two; one result each, in their order.
 * @throws NOT_QUANTIZABLE naming the value that was never seen or is not finite; whatever the runner throws
 */
export async function calibrate(model: Model, graph: Graph, plan: QuantizationPlan, observers: readonly ObserverOptions[], context: CalibrationContext): Promise<Calibration[]> {
  const roots = [...plan.values.values()].filter((value) => value.root === value.name);
  const probes = new ProbeModel(model);
  // What comes in from outside keeps its whole range: a picture's white is no outlier.
  const isSearched = (value: PlannedValue): boolean => !(value.known.min && value.known.max) && !graph.isInput(value.name);
  const searching = observers.some(searches);
  const ends = !observers.every(searches);
  const fine = observers.some(({ kind }) => kind === 'entropy');
  const asked = roots.map((value) => ({
    value,
    min: value.known.min || (!ends && isSearched(value)) ? null : probes.add(value.name, 'min'),
    max: value.known.max || (!ends && isSearched(value)) ? null : probes.add(value.name, 'max'),
    histogram: searching && isSearched(value) ? probes.add(value.name, fine ? 'fine-histogram' : 'histogram') : null,
  }));
  const means = addMeans(plan, probes);
  const seen = await probes.observe(context);
  const rangeOf = ({ value, min, max, histogram }: (typeof asked)[number], observer: ObserverOptions): Range => {
    const searched = histogram !== null && searches(observer);
    const keys = (searched ? [histogram] : [min, max]).filter((key) => key !== null);
    const end = (key: string | null, name: 'min' | 'max'): number =>
      key === null ? value.bounds[name] : ((observer.kind === 'moving-average' ? seen[key]?.mean : seen[key]?.[name]) ?? Number.NaN);
    const counted = searched ? seen[histogram]?.histogram : undefined;
    const found = counted ? search(counted, observer) : searched ? null : { min: end(min, 'min'), max: end(max, 'max') };
    const range = found && within(found, value);
    if (!range) throw unusable(graph, value.name, keys.some((key) => seen[key] === undefined));
    return range;
  };
  const ranges = observers.map((observer) => new Map(asked.map((entry) => [entry.value.name, rangeOf(entry, observer)])));
  const channelMeans = new Map<string, Float32Array>();
  for (const [value, key] of means) {
    const channels = seen[key]?.channels;
    // A picture's pools may pass over what is not a number; a mean does not.
    if (channels && !channels.every(Number.isFinite)) throw unusable(graph, value, false);
    if (channels) channelMeans.set(value, Float32Array.from(channels));
  }
  return ranges.map((found) => ({ ranges: found, channelMeans }));
}

/** True for an observer that looks for the best range in a histogram. */
function searches({ kind }: ObserverOptions): boolean {
  return kind === 'percentile' || kind === 'mse' || kind === 'entropy';
}

function addMeans(plan: QuantizationPlan, probes: ProbeModel): Map<string, string> {
  const means = new Map<string, string>();
  for (const { node } of plan.units) {
    const input = node.inputs[0] ?? '';
    if (means.has(input)) continue;
    if (node.opType === 'Conv') means.set(input, probes.add(input, 'channel-mean'));
    else if (node.opType === 'Gemm') means.set(input, probes.add(input, 'row-mean'));
  }
  return means;
}

function search(histogram: Histogram, observer: ObserverOptions): Range {
  if (observer.kind === 'percentile') return percentileRange(histogram, observer.percentile);
  return observer.kind === 'mse' ? mseRange(histogram) : entropyRange(histogram);
}

function within({ min, max }: Range, { bounds }: PlannedValue): Range | null {
  const range = { min: Math.max(bounds.min, min), max: Math.min(bounds.max, max) };
  return Number.isFinite(range.min) && Number.isFinite(range.max) ? range : null;
}

function unusable(graph: Graph, value: string, never: boolean): EdgewiseError {
  const producer = graph.producer(value);
  const where = producer ? `the output "${value}" of ${describeNode(producer)}` : `the input "${value}"`;
  return new EdgewiseError(
    'NOT_QUANTIZABLE',
    never ? `There is no range for ${where}: it was not computed for any calibration sample.` : `The range of ${where} is not finite on the calibration samples.`,
    {
      hint: never
        ? 'Check that the branch with this node runs for the calibration data, or exclude the nodes around it from quantization.'
        : 'Check the preprocessing of the calibration data and run the model in float on it, or exclude the nodes around it from quantization.',
      details: { tensor: value, node: producer?.name ?? null },
    },
  );
}
