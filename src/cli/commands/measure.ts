/** `evaluate`, `compare` and `bench`: measuring without changing anything. */
import { resolve } from 'node:path';
import type { DataChoice } from '../../console/measure/data-request.ts';
import { benchModel, compareModels, evaluateModel, type MeasureOptions } from '../../console/measure/measure-models.ts';
import { requireFile } from '../../console/models/model-library.ts';
import type { PreprocessInput } from '../options.ts';
import type { EnergyFlags } from '../energy-options.ts';
import { energyBenchText, energyComparisonText } from '../energy-text.ts';
import { bytesText, percentText, type Io } from '../io.ts';
import { energyChoiceOf } from './energy-choice.ts';

export interface MeasureFlags extends EnergyFlags {
  readonly data?: string;
  readonly labels?: string;
  readonly preprocess?: PreprocessInput;
  readonly samples?: number;
  readonly seed?: number;
  readonly threads?: number;
}

export async function evaluate(model: string, flags: MeasureFlags & { readonly data: string }, io: Io, signal: AbortSignal): Promise<void> {
  await requireFile(model);
  const { samples, top1, top5, preprocess, preprocessGuessed } = await evaluateModel(resolve(model), dataOf(flags.data, flags), { ...measureOptions(flags, io, signal), threads: flags.threads ?? 0 });
  io.result({ samples, top1, top5, preprocess, preprocessGuessed }, () =>
    [
      `samples    ${samples}`,
      `top-1      ${percentText(top1)}`,
      `top-5      ${percentText(top5)}`,
      `input      ${preprocess === null ? 'numbers as they are' : JSON.stringify(preprocess)}${preprocessGuessed ? ' (guessed)' : ''}`,
    ].join('\n'),
  );
}

export async function compare(a: string, b: string, flags: MeasureFlags, io: Io, signal: AbortSignal): Promise<void> {
  for (const path of [a, b]) await requireFile(path);
  const data = flags.data === undefined ? null : dataOf(flags.data, flags);
  const result = await compareModels(resolve(a), resolve(b), data, measureOptions(flags, io, signal));
  const { fidelity, latency } = result;
  io.result(result, () =>
    [
      `size       ${bytesText(result.a.bytes)} and ${bytesText(result.b.bytes)}  (${(result.a.bytes / result.b.bytes).toFixed(2)}x)`,
      `latency    ${latency.beforeMs.median.toFixed(3)} ms and ${latency.afterMs.median.toFixed(3)} ms  (${latency.ratio.toFixed(2)}x, 95 % interval ${latency.ci95[0].toFixed(2)} to ${latency.ci95[1].toFixed(2)}, threads: ${latency.threads})`,
      `fidelity   cosine ${fidelity.cosine.toFixed(6)}, ${fidelity.sqnrDb === null ? 'identical' : `${fidelity.sqnrDb.toFixed(1)} dB`}${fidelity.top1Agreement === null ? '' : `, same answer on ${percentText(fidelity.top1Agreement)}`}, ${fidelity.samples} ${data === null ? 'generated inputs' : 'samples'}`,
      energyComparisonText(result.energy),
      ...(result.accuracy === null ? [] : [`accuracy   top-1 ${percentText(result.accuracy.a.top1)} and ${percentText(result.accuracy.b.top1)}, ${result.accuracy.a.samples} samples`]),
    ].join('\n'),
  );
}

export async function bench(model: string, flags: EnergyFlags & { readonly threads: number; readonly seconds: number }, io: Io, signal: AbortSignal): Promise<void> {
  await requireFile(model);
  const { bytes, runs, threads, ms, energy } = await benchModel(resolve(model), { threads: flags.threads, seconds: flags.seconds, energy: energyChoiceOf(flags, flags.threads), signal, progress: (update) => io.progress(update) });
  io.result({ threads, runs, ms, bytes, energy }, () => `${ms.median.toFixed(3)} ms median, ${ms.p95.toFixed(3)} ms 95th percentile, ${runs} runs, threads: ${threads}\n${energyBenchText(energy)}`);
}

function dataOf(data: string, flags: MeasureFlags): DataChoice {
  return { path: resolve(data), labelsPath: flags.labels === undefined ? undefined : resolve(flags.labels), preprocess: flags.preprocess };
}

function measureOptions(flags: MeasureFlags, io: Io, signal: AbortSignal): MeasureOptions {
  return { seed: flags.seed ?? 1, threads: flags.threads ?? 1, energy: energyChoiceOf(flags, flags.threads ?? 1), ...(flags.samples === undefined ? {} : { samples: flags.samples }), signal, progress: (update) => io.progress(update) };
}
