/** The whole of static int8 as a recipe runs it: measure, write, keep sensitive layers in float, and say which layer is to blame for what. */
import type { z } from 'zod';
import { subProgress } from '../../base/progress.ts';
import { describeNode } from '../onnx/attributes.ts';
import type { Model } from '../onnx/types.ts';
import { layerErrors, type ValueError } from './layer-error.ts';
import { measureBiasShifts } from './full-bias-correction.ts';
import { goalOptions, Judge, searchMixedPrecision, type LayerNoise } from './mixed-precision.ts';
import { firstSamples, otherSamples, type CalibrationContext } from './probe-model.ts';
import { prepareStaticInt8, quantizedNode, staticInt8Options, type PreparedInt8, type QuantizeResult } from './static-int8.ts';

export const int8StepOptions = staticInt8Options.extend({
  /** Keeps the fewest layers in float with which this is met on the calibration samples. */
  keepFloat: goalOptions.optional(),
});

export type Int8StepOptions = z.output<typeof int8StepOptions>;

export interface Int8StepResult extends QuantizeResult {
  /** What the person has to know. */
  readonly warnings: readonly string[];
  /** How far each value is from the float model's; empty where it could not be measured. */
  readonly errors: readonly ValueError[];
  /** Noise of each layer alone, where a search ranked them. */
  readonly sensitivity: readonly LayerNoise[];
  readonly kept: readonly string[];
}

/** Samples on which errors of values are measured. */
const ERROR_SAMPLES = 4;

export async function runInt8Step(model: Model, options: Int8StepOptions, context: CalibrationContext): Promise<Int8StepResult> {
  const already = quantizedNode(model);
  if (already) {
    const note = `The model is quantized already (${describeNode(already)}); it was left as it is.`;
    return { model, changed: false, stats: {}, notes: [note], warnings: [note], errors: [], sensitivity: [], kept: [] };
  }
  const { keepFloat, ...own } = options;
  const prepared = await prepareStaticInt8(model, own, { ...context, progress: subProgress(context.progress, 0, 0.4) });
  const shifts = own.correctBias === 'full' ? await usefulShifts(prepared, { ...context, progress: subProgress(context.progress, 0.4, 0.6) }) : undefined;
  const found = keepFloat
    ? await searchMixedPrecision(prepared, keepFloat, { ...context, progress: subProgress(context.progress, 0.6, 0.9) }, shifts)
    : { ...prepared.build(shifts ? { biasShifts: shifts } : {}), sensitivity: [], kept: [], met: true };
  const few = { ...context, source: firstSamples(context.source, ERROR_SAMPLES), progress: subProgress(context.progress, 0.9, 1) };
  const errors = await layerErrors(prepared.float, found.model, few);
  const notes = [...found.notes];
  if (own.correctBias === 'full') notes.push(shifts ? `Biases corrected after measuring ${shifts.size} layers.` : 'Full bias correction was measured and brought nothing; the fast one was kept.');
  const warnings: string[] = [];
  if (found.kept.length > 0) {
    const noise = new Map(found.sensitivity.map(({ layer, sqnrDb }) => [layer, sqnrDb]));
    const named = found.kept.slice(0, 8).map((layer) => `${layer} (${noise.get(layer)?.toFixed(1) ?? 'no'} dB)`);
    notes.push(`Kept in float, with the signal to noise that each alone leaves at the outputs: ${named.join(', ')}${found.kept.length > 8 ? `, and ${found.kept.length - 8} more` : ''}.`);
  }
  if (!found.met) {
    warnings.push(`The goal was not met on the calibration samples even with ${found.kept.length} of ${prepared.layers.length} layers in float. The largest error comes in at ${blame(errors) ?? 'no single layer'}.`);
  }
  const worst = blame(errors);
  if (worst) notes.push(`The largest error comes in at ${worst}.`);
  return { model: found.model, changed: true, stats: found.stats, notes, warnings, errors, sensitivity: found.sensitivity, kept: found.kept };
}

/** Samples that full bias correction learns from. */
const SHIFT_SAMPLES = 32;

/** The shifts of full bias correction, where they help on samples that they were not learnt from; else undefined. */
async function usefulShifts(prepared: PreparedInt8, context: CalibrationContext): Promise<ReadonlyMap<string, Float32Array> | undefined> {
  const biasShifts = await measureBiasShifts(prepared, new Set(), { ...context, source: firstSamples(context.source, SHIFT_SAMPLES) });
  const judged = otherSamples(context.source, SHIFT_SAMPLES, SHIFT_SAMPLES);
  if (!judged) return undefined;
  const judge = new Judge(prepared.float, context);
  try {
    const without = await judge.fidelity(prepared.build().model, judged);
    const shifted = await judge.fidelity(prepared.build({ biasShifts }).model, judged);
    const noise = ({ sqnrDb }: typeof without): number => sqnrDb ?? Number.POSITIVE_INFINITY;
    return noise(shifted) > noise(without) ? biasShifts : undefined;
  } finally {
    await judge.dispose();
  }
}

/** The value whose signal to noise falls the most below that of the values before it. */
function blame(errors: readonly ValueError[]): string | null {
  let best: { drop: number; error: ValueError } | null = null;
  let before = Number.POSITIVE_INFINITY;
  for (const error of errors) {
    if (error.sqnrDb === null) continue;
    const drop = before - error.sqnrDb;
    if (Number.isFinite(drop) && (best === null || drop > best.drop)) best = { drop, error };
    before = Math.min(before, error.sqnrDb);
  }
  return best && best.drop > 3 ? `${best.error.opType} "${best.error.node}" (${best.error.sqnrDb?.toFixed(1)} dB)` : null;
}
