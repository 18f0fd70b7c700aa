/**
 * Mixed precision by search: keeps the fewest layers in float with which a goal is met.
 *
 * Each layer is first quantized alone, which gives the noise that it alone puts on the outputs. Layers are then left in float in the order
 * of that noise against their size, and the smallest number of them that meets the goal is found by bisection. So a network of n layers takes n short runs
 * for the order and log2(n) for the number, instead of the 2^n of a full search; that the goal is met more easily with more layers in
 * float is the one assumption, and the final model is measured, not assumed.
 */
import { z } from 'zod';
import { subProgress } from '../../base/progress.ts';
import { throwIfAborted } from '../../base/errors.ts';
import { decibels, type Judge, type Verdict } from './judge.ts';
import type { CalibrationContext } from './probe-model.ts';
import { someSamples } from './sample-split.ts';
import type { BuildChoice, PreparedInt8, QuantizeResult } from './static-int8.ts';

/** The outputs against the original's, on the samples that are judged on. */
export const goalOptions = z.strictObject({
  /** Share of samples answered rightly less, 0.005 is half a point; without labels, that many may be answered otherwise. */
  top1Drop: z.number().min(0).max(1).optional(),
  /** Share of samples with the same best class; for models without class scores the cosine is used instead. */
  top1Agreement: z.number().min(0).max(1).optional(),
  cosine: z.number().min(0).max(1).optional(),
  sqnrDb: z.number().optional(),
  /** No more layers than this share stay float. */
  mostFloat: z.number().min(0).max(1).default(0.5),
});

export type Goal = z.output<typeof goalOptions>;

export interface LayerNoise {
  readonly layer: string;
  /** Signal to noise of the outputs when this layer alone is in int8; null: no noise. */
  readonly sqnrDb: number | null;
}

export interface MixedPrecisionResult extends QuantizeResult {
  readonly sensitivity: readonly LayerNoise[];
  /** Layers left in float, the first to be chosen first. */
  readonly kept: readonly string[];
  readonly met: boolean;
}

interface Attempt {
  readonly kept: readonly string[];
  readonly result: QuantizeResult;
  readonly met: boolean;
}

/** How much size counts against noise: at 1 the many small layers at the beginning go first, which cost the most time; at 0 a large last layer does. */
const SIZE_EXPONENT = 0.25;

/** Enough to rank layers by noise. */
const RANKING_SAMPLES = 4;

/** @param choice what every candidate is built with */
export async function searchMixedPrecision(prepared: PreparedInt8, goal: Goal, judge: Judge, context: CalibrationContext, choice: BuildChoice = {}): Promise<MixedPrecisionResult> {
  const labels = goal.top1Drop !== undefined;
  const full = prepared.build(choice);
  const first = await judge.compare(full.model, context.source, labels);
  if (meets(first, goal)) return { ...full, sensitivity: [], kept: [], met: true };
  const sensitivity = await rankLayers(prepared, judge, { ...context, progress: subProgress(context.progress, 0, 0.7) }, choice);
  const order = inOrder(prepared, sensitivity);
  const progress = subProgress(context.progress, 0.7, 1);
  const attempt = async (count: number): Promise<Attempt> => {
    throwIfAborted(context.signal);
    const kept = order.slice(0, count);
    const result = prepared.build({ ...choice, float: new Set(kept) });
    return { kept, result, met: meets(await judge.compare(result.model, context.source, labels), goal) };
  };
  // The most that is allowed comes first: where that does not do, no fewer will.
  let low = 0;
  let high = Math.ceil(prepared.layers.length * goal.mostFloat);
  let best = await attempt(high);
  const span = high;
  while (best.met && low < high) {
    const middle = Math.floor((low + high) / 2);
    progress({ stage: 'quantize', fraction: 1 - (high - low) / (span + 1), detail: `${middle} layers in float` });
    const found = await attempt(middle);
    if (found.met) [best, high] = [found, middle];
    else low = middle + 1;
  }
  return { ...best.result, stats: { ...best.result.stats, keptFloat: best.kept.length }, sensitivity, kept: best.kept, met: best.met };
}

export function meets(verdict: Verdict, goal: Goal): boolean {
  const { sqnrDb, cosine, top1Agreement, top1Drop } = verdict;
  if (goal.sqnrDb !== undefined && decibels({ sqnrDb }) < goal.sqnrDb) return false;
  if (goal.cosine !== undefined && cosine < goal.cosine) return false;
  // Without classes to agree on, outputs that point as much the same way stand in for it.
  const agreement = top1Agreement ?? cosine;
  if (goal.top1Agreement !== undefined && agreement < goal.top1Agreement) return false;
  return goal.top1Drop === undefined || (top1Drop ?? 1 - agreement) <= goal.top1Drop;
}

/** Noise of each layer alone, in the order in which the model computes. */
export async function rankLayers(prepared: PreparedInt8, judge: Judge, context: CalibrationContext, choice: BuildChoice = {}): Promise<LayerNoise[]> {
  const few = someSamples(context.source, RANKING_SAMPLES);
  const noises: LayerNoise[] = [];
  for (const [index, layer] of prepared.layers.entries()) {
    throwIfAborted(context.signal);
    context.progress({ stage: 'quantize', fraction: index / prepared.layers.length, detail: layer });
    const { model } = prepared.build({ ...choice, only: new Set([layer]) });
    noises.push({ layer, sqnrDb: (await judge.compare(model, few)).sqnrDb });
  }
  return noises;
}

/** First comes what takes most noise away for what it costs: a layer with many weights costs more in float. */
function inOrder(prepared: PreparedInt8, noises: readonly LayerNoise[]): string[] {
  const weight = ({ layer, sqnrDb }: LayerNoise): number => (sqnrDb === null ? 0 : 10 ** (-sqnrDb / 10) / (prepared.weightElements.get(layer) ?? 1) ** SIZE_EXPONENT);
  return noises.toSorted((a, b) => weight(b) - weight(a)).map(({ layer }) => layer);
}
