/** The whole of static int8 as a recipe runs it: measure, write, keep sensitive layers in float, and say which layer is to blame for what. */
import { z } from 'zod';
import { toEdgewiseError } from '../../base/errors.ts';
import { subProgress } from '../../base/progress.ts';
import { describeNode } from '../onnx/attributes.ts';
import type { Model } from '../onnx/types.ts';
import { observerOptions } from './calibrate.ts';
import { chooseRanges, rangeChoice } from './choose-ranges.ts';
import { chooseRounding } from './choose-rounding.ts';
import { measureBiasShifts } from './full-bias-correction.ts';
import { decibels, Judge } from './judge.ts';
import { layerErrors, type ValueError } from './layer-error.ts';
import { goalOptions, meets, rankLayers, searchMixedPrecision, type LayerNoise, type MixedPrecisionResult } from './mixed-precision.ts';
import type { CalibrationContext } from './probe-model.ts';
import { sampleCount, someSamples, splitSamples, type SampleSplit } from './sample-split.ts';
import { describeSaturation, estimateSaturation } from './saturation-estimate.ts';
import { prepareStaticInt8, quantizedNode, staticInt8Options, type BuildChoice, type PreparedInt8, type QuantizeResult } from './static-int8.ts';

export const int8StepOptions = staticInt8Options.extend({
  /** One observer, or `best`: several are tried. */
  observer: z.union([observerOptions, rangeChoice]).default({ kind: 'moving-average' }),
  /** `adaptive`: weights go to the one of their two neighbours that leaves the outputs where they were. */
  rounding: z.enum(['nearest', 'adaptive']).default('nearest'),
  /** Keeps the fewest layers in float with which this is met. */
  keepFloat: goalOptions.optional(),
  /** Measures the noise of each layer alone, also where no search needs it. */
  sensitivity: z.boolean().default(false),
});

export type Int8StepOptions = z.output<typeof int8StepOptions>;

export interface Int8StepResult extends QuantizeResult {
  /** What the person has to know. */
  readonly warnings: readonly string[];
  /** How far each value is from the float model's; empty where it could not be measured. */
  readonly errors: readonly ValueError[];
  /** Noise of each layer alone, where it was measured. */
  readonly sensitivity: readonly LayerNoise[];
  readonly kept: readonly string[];
}

/** Samples on which the loss on other processors is estimated. */
const SATURATION_SAMPLES = 8;
/** Samples on which errors of values are measured. */
const ERROR_SAMPLES = 4;
/** Samples that full bias correction and adaptive rounding learn from. */
const SHIFT_SAMPLES = 32;
const ROUNDING_SAMPLES = 64;

const S8S8_IS_SLOW =
  'The scheme s8s8 is for runtimes that take nothing else, such as TensorRT: on x86 processors onnxruntime runs it much slower than u8s8, often slower than float.';

export async function runInt8Step(model: Model, options: Int8StepOptions, context: CalibrationContext): Promise<Int8StepResult> {
  const already = quantizedNode(model);
  if (already) {
    const note = `The model is quantized already (${describeNode(already)}); it was left as it is.`;
    return { model, changed: false, stats: {}, notes: [note], warnings: [note], errors: [], sensitivity: [], kept: [] };
  }
  const judge = new Judge(model, context);
  try {
    return await new Int8Step(model, options, context, judge).run();
  } finally {
    await judge.dispose();
  }
}

class Int8Step {
  readonly #model: Model;
  readonly #options: Int8StepOptions;
  readonly #context: CalibrationContext;
  readonly #judge: Judge;
  readonly #split: SampleSplit;
  readonly #notes: string[] = [];

  constructor(model: Model, options: Int8StepOptions, context: CalibrationContext, judge: Judge) {
    this.#model = model;
    this.#options = options;
    this.#context = context;
    this.#judge = judge;
    const { observer, rounding, correctBias, keepFloat } = options;
    const judged = observer.kind === 'best' || rounding === 'adaptive' || correctBias === 'full' || keepFloat !== undefined;
    this.#split = judged ? splitSamples(context.source) : { learning: context.source, judging: context.source, overlap: true };
  }

  async run(): Promise<Int8StepResult> {
    const { keepFloat } = this.#options;
    const { judging } = this.#split;
    const prepared = await this.#prepare(this.#part(0, 0.35));
    const choice = await this.#improve(prepared);
    const searched = keepFloat
      ? await searchMixedPrecision(prepared, keepFloat, this.#judge, { ...this.#part(0.6, 0.8), source: judging }, choice)
      : { ...prepared.build(choice), sensitivity: [], kept: [], met: true };
    const found = await this.#correctAgain(prepared, choice, searched);
    const sensitivity = this.#options.sensitivity && found.sensitivity.length === 0 ? await rankLayers(prepared, this.#judge, { ...this.#part(0.9, 0.95), source: judging }, choice) : found.sensitivity;
    const errors = await layerErrors(prepared.float, found.model, { ...this.#part(0.95, 1), source: someSamples(judging, ERROR_SAMPLES) });
    const notes = [...found.notes, ...this.#notes];
    const warnings: string[] = this.#options.scheme === 's8s8' ? [S8S8_IS_SLOW] : [];
    if (found.kept.length > 0) {
      const noise = new Map(sensitivity.map(({ layer, sqnrDb }) => [layer, sqnrDb]));
      const named = found.kept.slice(0, 8).map((layer) => `${layer} (${noise.get(layer)?.toFixed(1) ?? 'no'} dB)`);
      notes.push(`Kept in float, with the signal to noise that each alone leaves at the outputs: ${named.join(', ')}${found.kept.length > 8 ? `, and ${found.kept.length - 8} more` : ''}.`);
    }
    const worst = blame(errors);
    if (!found.met) {
      warnings.push(`The goal was not met on the calibration samples even with ${found.kept.length} of ${prepared.layers.length} layers in float. The largest error comes in at ${worst ?? 'no single layer'}.`);
    }
    if (worst) notes.push(`The largest error comes in at ${worst}.`);
    const elsewhere = await this.#onOtherProcessors(found.model);
    notes.push(...elsewhere.notes);
    warnings.push(...elsewhere.warnings);
    return { model: found.model, changed: true, stats: { ...found.stats, ...elsewhere.stats }, notes, warnings, errors, sensitivity, kept: found.kept };
  }

  async #onOtherProcessors(model: Model): Promise<ReturnType<typeof describeSaturation>> {
    if (this.#options.scheme !== 'u8s8') return { stats: {}, notes: [], warnings: [] };
    try {
      return describeSaturation(await estimateSaturation(model, this.#judge, { ...this.#part(1, 1), source: someSamples(this.#split.judging, SATURATION_SAMPLES) }));
    } catch (thrown) {
      // The model itself is done: what cannot be foretold of others does not take it away.
      const error = toEdgewiseError(thrown);
      if (error.code === 'CANCELLED') throw error;
      return { stats: {}, notes: [`What the file loses on x86 processors without VNNI could not be estimated: ${error.message}`], warnings: [] };
    }
  }

  async #prepare(context: CalibrationContext): Promise<PreparedInt8> {
    const { observer, rounding: _rounding, keepFloat: _keepFloat, sensitivity: _sensitivity, ...own } = this.#options;
    const { learning, judging } = this.#split;
    if (observer.kind !== 'best') return prepareStaticInt8(this.#model, { ...own, observer }, { ...context, source: learning });
    const { prepared, tried } = await chooseRanges(this.#model, { ...own, observer: { kind: 'min-max' } }, observer, this.#judge, judging, { ...context, source: learning });
    const [best, ...others] = tried;
    if (best) {
      const from = others.length > 0 ? `; ${others.length} others gave ${others.at(-1)?.sqnrDb.toFixed(1)} to ${others[0]?.sqnrDb.toFixed(1)} dB` : '';
      this.#notes.push(`Best on ${this.#judgedOn()}: observer ${best.observer.kind}, ${best.equalizeLimit > 1 ? `channels equalized up to ${best.equalizeLimit} times` : 'channels not equalized'} (${best.sqnrDb.toFixed(1)} dB${from}).`);
    }
    return prepared;
  }

  /** Rounding and bias shifts, each kept only where it lowers the noise on samples that it was not learnt from. */
  async #improve(prepared: PreparedInt8): Promise<BuildChoice> {
    const { correctBias } = this.#options;
    const { learning, judging } = this.#split;
    let choice: BuildChoice = {};
    let noise: number | undefined;
    const keep = async (next: BuildChoice, what: string): Promise<void> => {
      noise ??= decibels(await this.#judge.compare(prepared.build(choice).model, judging));
      const found = decibels(await this.#judge.compare(prepared.build(next).model, judging));
      const change = `${noise.toFixed(1)} to ${found.toFixed(1)} dB`;
      this.#notes.push(found > noise ? `${what}: ${change} on ${this.#judgedOn()}.` : `${what} brought nothing (${change}) and was left out.`);
      if (found > noise) [choice, noise] = [next, found];
    };
    if (this.#options.rounding === 'adaptive') {
      const { round, layers, turned } = await chooseRounding(prepared, correctBias !== 'none', { ...this.#part(0.35, 0.45), source: someSamples(learning, ROUNDING_SAMPLES) });
      if (layers > 0) await keep({ ...choice, round }, `Adaptive rounding of ${layers} layers, ${turned} weights`);
    }
    if (correctBias === 'full') {
      const biasShifts = await measureBiasShifts(prepared, choice, { ...this.#part(0.45, 0.6), source: someSamples(learning, SHIFT_SAMPLES) });
      if (biasShifts.size > 0) await keep({ ...choice, biasShifts }, `Biases of ${biasShifts.size} layers corrected by measuring`);
    }
    return choice;
  }

  /** Shifts take back errors of layers before them too. Where those became float, the shifts have to be measured again. */
  async #correctAgain(prepared: PreparedInt8, choice: BuildChoice, searched: MixedPrecisionResult): Promise<MixedPrecisionResult> {
    const { learning, judging } = this.#split;
    const { keepFloat: goal, correctBias } = this.#options;
    if (correctBias !== 'full' || !goal || searched.kept.length === 0) return searched;
    const float = new Set(searched.kept);
    const { biasShifts: _stale, ...rest } = choice;
    const unshifted = prepared.build({ ...rest, float });
    const biasShifts = await measureBiasShifts(prepared, { ...rest, float }, { ...this.#part(0.8, 0.9), source: someSamples(learning, SHIFT_SAMPLES) });
    const shifted = prepared.build({ ...rest, float, biasShifts });
    const before = decibels(await this.#judge.compare(searched.model, judging));
    let best = { model: searched.model, met: searched.met, noise: before };
    for (const { model } of [unshifted, shifted]) {
      const verdict = await this.#judge.compare(model, judging, goal.top1Drop !== undefined);
      const found = { model, met: meets(verdict, goal), noise: decibels(verdict) };
      // A goal that was met is not given up for less noise.
      if (found.noise > best.noise && (found.met || !best.met)) best = found;
    }
    this.#notes.push(`Biases beside the layers in float measured again: ${before.toFixed(1)} to ${best.noise.toFixed(1)} dB.`);
    return { ...searched, model: best.model, met: best.met };
  }

  #part(from: number, to: number): CalibrationContext {
    return { ...this.#context, progress: subProgress(this.#context.progress, from, to) };
  }

  #judgedOn(): string {
    const { judging, overlap } = this.#split;
    return `${sampleCount(judging)} samples${overlap ? '' : ' that nothing was learnt from'}`;
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
