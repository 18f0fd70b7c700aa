/**
 * Mixed precision by search: keeps the fewest layers in float with which a goal is met.
 *
 * Each layer is first quantized alone, which gives the noise that it alone puts on the outputs. Layers are then left in float in the order
 * of that noise against their size, and the smallest number of them that meets the goal is found by bisection. So a network of n layers takes n short runs
 * for the order and log2(n) for the number, instead of the 2^n of a full search; that the goal is met more easily with more layers in
 * float is the one assumption, and the final model is measured, not assumed.
 */
import { z } from 'zod';
import type { Fidelity, SampleSource } from '../../base/ports.ts';
import { subProgress } from '../../base/progress.ts';
import { throwIfAborted } from '../../base/errors.ts';
import { encodeModel } from '../onnx/index.ts';
import type { Model } from '../onnx/types.ts';
import { firstSamples, type CalibrationContext } from './probe-model.ts';
import type { PreparedInt8, QuantizeResult } from './static-int8.ts';

/** The outputs against the original's, on the calibration samples. */
export const goalOptions = z.strictObject({
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

export async function searchMixedPrecision(prepared: PreparedInt8, goal: Goal, context: CalibrationContext, biasShifts?: ReadonlyMap<string, Float32Array>): Promise<MixedPrecisionResult> {
  const shifts = biasShifts ? { biasShifts } : {};
  const judge = new Judge(prepared.float, context);
  try {
    const full = prepared.build(shifts);
    const first = await judge.fidelity(full.model, context.source);
    if (meets(first, goal)) return { ...full, sensitivity: [], kept: [], met: true };
    const sensitivity = await rank(prepared, judge, { ...context, progress: subProgress(context.progress, 0, 0.7) });
    const progress = subProgress(context.progress, 0.7, 1);
    const attempt = async (count: number): Promise<Attempt> => {
      throwIfAborted(context.signal);
      const kept = sensitivity.slice(0, count).map(({ layer }) => layer);
      const result = prepared.build({ float: new Set(kept), ...shifts });
      return { kept, result, met: meets(await judge.fidelity(result.model, context.source), goal) };
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
  } finally {
    await judge.dispose();
  }
}

export function meets(fidelity: Fidelity, goal: Goal): boolean {
  if (goal.sqnrDb !== undefined && fidelity.sqnrDb !== null && fidelity.sqnrDb < goal.sqnrDb) return false;
  if (goal.cosine !== undefined && fidelity.cosine < goal.cosine) return false;
  if (goal.top1Agreement === undefined) return true;
  // Without classes to agree on, outputs that point as much the same way stand in for it.
  return (fidelity.top1Agreement ?? fidelity.cosine) >= goal.top1Agreement;
}

/** Noise of each layer alone. First comes what takes most noise away for what it costs: a layer with many weights costs more in float. */
async function rank(prepared: PreparedInt8, judge: Judge, context: CalibrationContext): Promise<LayerNoise[]> {
  const few = firstSamples(context.source, RANKING_SAMPLES);
  const noises: LayerNoise[] = [];
  for (const [index, layer] of prepared.layers.entries()) {
    throwIfAborted(context.signal);
    context.progress({ stage: 'quantize', fraction: index / prepared.layers.length, detail: layer });
    const { model } = prepared.build({ only: new Set([layer]) });
    noises.push({ layer, sqnrDb: (await judge.fidelity(model, few)).sqnrDb });
  }
  const weight = ({ layer, sqnrDb }: LayerNoise): number => (sqnrDb === null ? 0 : 10 ** (-sqnrDb / 10) / (prepared.weightElements.get(layer) ?? 1) ** SIZE_EXPONENT);
  return noises.toSorted((a, b) => weight(b) - weight(a));
}

/** Compares candidates with the float model, which stays open. */
export class Judge {
  readonly #float: Model;
  readonly #context: CalibrationContext;
  #reference: Awaited<ReturnType<CalibrationContext['runner']['open']>> | undefined;

  constructor(float: Model, context: CalibrationContext) {
    this.#float = float;
    this.#context = context;
  }

  async fidelity(candidate: Model, source: SampleSource): Promise<Fidelity> {
    const { runner, workspace, signal } = this.#context;
    this.#reference ??= await runner.open(await workspace.write('float.onnx', encodeModel(this.#float).chunks), { signal });
    const session = await runner.open(await workspace.write('candidate.onnx', encodeModel(candidate).chunks), { signal });
    try {
      return await runner.compare(this.#reference, session, source, { signal });
    } finally {
      await runner.close(session);
    }
  }

  async dispose(): Promise<void> {
    if (this.#reference) await this.#context.runner.close(this.#reference);
  }
}
