/**
 * Finds what 8 bits have to span at every planned value, on real samples, and the mean of each channel that a convolution reads, which
 * bias correction wants. What an operator's formula promises (Relu is never below 0, Sigmoid ends at 1) is not measured.
 */
import { z } from 'zod';
import { EdgewiseError } from '../../base/errors.ts';
import { subProgress } from '../../base/progress.ts';
import { describeNode } from '../onnx/attributes.ts';
import type { Graph } from '../onnx/graph.ts';
import type { Model } from '../onnx/types.ts';
import { Histogram } from './histogram.ts';
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
  const searching = observers.some(searches);
  const split = searching ? 0.4 : 1;
  const probes = new ProbeModel(model);
  const keys = roots.map((value) => ({ value, min: value.known.min ? null : probes.add(value.name, 'min'), max: value.known.max ? null : probes.add(value.name, 'max') }));
  const means = addMeans(plan, probes);
  const seen = await probes.observe({ ...context, progress: subProgress(context.progress, 0, split) });
  const rangesOf = (averages: boolean): Map<string, Range> => {
    const ranges = new Map<string, Range>();
    for (const { value, min, max } of keys) {
      const find = (key: string | null, end: 'min' | 'max'): number => {
        if (key === null) return value.bounds[end];
        const observation = seen[key];
        return (averages ? observation?.mean : observation?.[end]) ?? Number.NaN;
      };
      const range = within({ min: find(min, 'min'), max: find(max, 'max') }, value);
      if (!range) throw unusable(graph, value.name, [min, max].some((key) => key !== null && seen[key] === undefined));
      ranges.set(value.name, range);
    }
    return ranges;
  };
  const whole = rangesOf(false);
  const histograms = searching ? await observeHistograms(model, graph, roots, { ...context, progress: subProgress(context.progress, split, 1) }) : new Map<PlannedValue, Histogram>();
  const channelMeans = new Map<string, Float32Array>();
  for (const [value, key] of means) {
    const channels = seen[key]?.channels;
    if (channels?.every(Number.isFinite)) channelMeans.set(value, Float32Array.from(channels));
  }
  return observers.map((observer) => ({ ranges: searches(observer) ? narrow(histograms, observer, whole) : rangesOf(observer.kind === 'moving-average'), channelMeans }));
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

async function observeHistograms(model: Model, graph: Graph, roots: readonly PlannedValue[], context: CalibrationContext): Promise<Map<PlannedValue, Histogram>> {
  const probes = new ProbeModel(model);
  // What comes in from outside keeps its whole range: a picture's white is no outlier.
  const searched = roots.filter((value) => !(value.known.min && value.known.max) && !graph.isInput(value.name));
  for (const { name } of searched) probes.addWhole(name);
  const seen = await probes.histograms(context);
  return new Map(
    searched.map((value) => {
      const json = seen[value.name];
      if (!json) throw unusable(graph, value.name, json === undefined);
      return [value, Histogram.fromJson(json)];
    }),
  );
}

/** The ranges, with what the observer finds best in the histograms in their place. */
function narrow(histograms: ReadonlyMap<PlannedValue, Histogram>, observer: ObserverOptions, whole: ReadonlyMap<string, Range>): Map<string, Range> {
  const ranges = new Map(whole);
  for (const [value, histogram] of histograms) {
    const found = observer.kind === 'percentile' ? percentileRange(histogram, observer.percentile) : observer.kind === 'mse' ? mseRange(histogram) : entropyRange(histogram);
    const range = within(found, value);
    if (range) ranges.set(value.name, range);
  }
  return ranges;
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
