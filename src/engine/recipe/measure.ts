/** What the result is worth against the original: fidelity, accuracy where there are labels, and latency, all on the same samples. */
import type { InferenceSession, SampleSource } from '../../base/ports.ts';
import { subProgress } from '../../base/progress.ts';
import type { OptimizeReport } from '../../contract/records/report.ts';
import { accuracyLine, energyLine, fidelityLine, latencyLine } from './log-lines.ts';
import type { Stages } from './stages.ts';
import { pairedDrop } from './statistics.ts';
import type { RunRecipeOptions } from './types.ts';

export type Measurements = Pick<OptimizeReport, 'accuracy' | 'fidelity' | 'latency' | 'energy'>;

/** Of the stage; energy takes longer where there is a meter, and is told at once where there is none. */
const LATENCY_SHARE = 0.3;

export interface MeasureOptions {
  readonly evaluation: SampleSource;
  readonly labelled: boolean;
  readonly outputPath: string;
  readonly stages: Stages;
}

export async function measure(options: RunRecipeOptions, { evaluation, labelled, outputPath, stages }: MeasureOptions): Promise<Measurements> {
  const { runner, modelPath, signal, threads, seed, log } = options;
  const quality = await withSessions(options, modelPath, outputPath, {}, async (before, after) => {
    const fidelity = await runner.compare(before, after, evaluation, { signal, progress: stages.enter('fidelity') });
    log('info', fidelityLine(fidelity));
    if (!labelled) return { fidelity, accuracy: null };
    const progress = stages.enter('accuracy');
    const half = (from: number) => (update: Parameters<typeof progress>[0]) => progress({ ...update, fraction: from + update.fraction / 2 });
    const first = await runner.evaluate(before, evaluation, { signal, progress: half(0) });
    const second = await runner.evaluate(after, evaluation, { signal, progress: half(0.5) });
    const { correct: correctBefore, ...accuracyBefore } = first;
    const { correct: correctAfter, ...accuracyAfter } = second;
    const topOneDrop =
      correctBefore && correctAfter
        ? pairedDrop(correctBefore, correctAfter, seed)
        : { mean: accuracyBefore.top1 - accuracyAfter.top1, ci95: [-1, 1] as [number, number] };
    const accuracy = { before: accuracyBefore, after: accuracyAfter, topOneDrop };
    log('info', accuracyLine(accuracy));
    return { fidelity, accuracy };
  });
  const { latency, energy } = await withSessions(options, modelPath, outputPath, { threads }, async (before, after) => {
    const progress = stages.enter('latency');
    const share = runner.energy === undefined ? 1 : LATENCY_SHARE;
    const timed = await runner.latency(before, after, evaluation, { signal, progress: subProgress(progress, 0, share) });
    return { latency: timed, energy: await runner.energy?.(before, after, evaluation, { signal, progress: subProgress(progress, share, 1) }) };
  });
  const measured: OptimizeReport['latency'] = { ...latency, ci95: [latency.ci95[0], latency.ci95[1]] };
  log('info', latencyLine(measured));
  if (energy === undefined) return { ...quality, latency: measured };
  log('info', energyLine(energy));
  return { ...quality, latency: measured, energy: structuredClone(energy) as NonNullable<OptimizeReport['energy']> };
}

async function withSessions<T>(
  { runner, signal }: RunRecipeOptions,
  first: string,
  second: string,
  sessionOptions: { readonly threads?: number },
  body: (before: InferenceSession, after: InferenceSession) => Promise<T>,
): Promise<T> {
  const before = await runner.open(first, { ...sessionOptions, signal });
  try {
    const after = await runner.open(second, { ...sessionOptions, signal });
    try {
      return await body(before, after);
    } finally {
      await runner.close(after);
    }
  } finally {
    await runner.close(before);
  }
}
