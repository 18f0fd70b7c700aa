/** Measuring models without changing them, in a child process of its own: what `evaluate`, `compare` and `bench` are made of. */
import { cancelled } from '../../base/errors.ts';
import type { Accuracy, Fidelity, InferenceSession, LatencyComparison, LatencyStats, PreprocessRecord, RunOptions, SampleSource } from '../../base/ports.ts';
import type { EnergyBench, EnergyComparison } from '../../base/energy.ts';
import type { EnergyChoice } from '../../contract/records/energy.ts';
import { subProgress, type ReportProgress } from '../../base/progress.ts';
import { createInferenceRunner, planData, type BenchRunner } from '../../runtime/index.ts';
import { createNodeProcessHost } from '../jobs/node-process-host.ts';
import { withModelFile } from '../models/model-file.ts';
import { nameOf } from '../models/model-library.ts';
import { findEntries } from '../processes/entries.ts';
import { runtimeLimits } from '../processes/runtime-limits.ts';
import { dataRequest, type DataChoice } from './data-request.ts';

export interface MeasureOptions {
  readonly signal: AbortSignal;
  readonly progress: ReportProgress;
  /** Seed of the order of samples, and of generated numbers. */
  readonly seed: number;
  /** At most so many samples; all where left out, 32 where numbers are generated. */
  readonly samples?: number;
  readonly threads: number;
  /** How energy is measured, where it is; left out: not at all. */
  readonly energy?: EnergyChoice;
}

export interface Feeding {
  /** `null`: the numbers of the data set go in as they are. */
  readonly preprocess: PreprocessRecord | null;
  readonly preprocessGuessed: boolean;
}

export interface ModelSize {
  readonly bytes: number;
  readonly nodes: number;
  readonly macs: number;
  readonly parameters: number;
}

const GENERATED_SAMPLES = 32;

/** @throws BAD_LABELS where the data has no labels, and what is wrong with the model or the data */
export async function evaluateModel(path: string, data: DataChoice, options: MeasureOptions): Promise<Omit<Accuracy, 'correct'> & Feeding> {
  const { facts } = await lookAt(path);
  const planned = await plan(data, facts, path, options);
  return withRunner([facts], options, async (runner, run) => {
    const session = await runner.open(path, { ...run, threads: options.threads });
    const { samples, top1, top5 } = await runner.evaluate(session, planned.source, { ...run, progress: subProgress(options.progress, 0, 1, 'accuracy') });
    return { samples, top1, top5, preprocess: planned.preprocess, preprocessGuessed: planned.preprocessGuessed };
  });
}

export interface ModelComparison extends Feeding {
  readonly a: ModelSize;
  readonly b: ModelSize;
  readonly fidelity: Fidelity;
  readonly latency: LatencyComparison;
  readonly energy: EnergyComparison;
  /** `null` without labels. */
  readonly accuracy: { readonly a: Omit<Accuracy, 'correct'>; readonly b: Omit<Accuracy, 'correct'> } | null;
}

/** Both get the same samples, preprocessed as the reference `a` takes them. */
export async function compareModels(a: string, b: string, data: DataChoice | null, options: MeasureOptions): Promise<ModelComparison> {
  const [first, second] = [await lookAt(a), await lookAt(b)];
  const planned = data === null ? generated(options) : await plan(data, first.facts, a, options);
  const { source, labelled, preprocess, preprocessGuessed } = planned;
  return withRunner([first.facts, second.facts], options, async (runner, run) => {
    const open = (path: string): Promise<InferenceSession> => runner.open(path, { ...run, threads: options.threads });
    const [before, after] = [await open(a), await open(b)];
    const report = options.progress;
    const fidelity = await runner.compare(before, after, source, { ...run, progress: subProgress(report, 0, labelled ? 0.4 : 0.7, 'fidelity') });
    const accuracyOf = async (session: InferenceSession, from: number, to: number): Promise<Omit<Accuracy, 'correct'>> => {
      const { samples, top1, top5 } = await runner.evaluate(session, source, { ...run, progress: subProgress(report, from, to, 'accuracy') });
      return { samples, top1, top5 };
    };
    const accuracy = labelled ? { a: await accuracyOf(before, 0.4, 0.6), b: await accuracyOf(after, 0.6, 0.8) } : null;
    const latency = await runner.latency(before, after, source, { ...run, progress: subProgress(report, labelled ? 0.8 : 0.7, 0.85, 'latency') });
    const energy = await runner.energy(before, after, source, { ...run, progress: subProgress(report, 0.85, 1, 'energy') });
    return { a: first.size, b: second.size, fidelity, latency, energy, accuracy, preprocess, preprocessGuessed };
  });
}

export interface BenchFigures {
  readonly bytes: number;
  readonly threads: number;
  readonly runs: number;
  readonly ms: LatencyStats;
  readonly energy: EnergyBench;
}

/** Latency on generated inputs, measured for `seconds`. */
export async function benchModel(path: string, options: Pick<MeasureOptions, 'signal' | 'progress' | 'threads' | 'energy'> & { readonly seconds: number }): Promise<BenchFigures> {
  const { facts, size } = await lookAt(path);
  return withRunner([facts], options, async (runner, run) => {
    const session = await runner.open(path, { ...run, threads: options.threads });
    const source: SampleSource = { kind: 'generated', seed: 1, count: 4 };
    const { runs, threads, ms } = await runner.bench(session, source, { ...run, seconds: options.seconds, progress: subProgress(options.progress, 0, 0.5, 'latency') });
    const energy = await runner.benchEnergy(session, source, { ...run, progress: subProgress(options.progress, 0.5, 1, 'energy') });
    return { bytes: size.bytes, threads, runs, ms, energy };
  });
}

async function lookAt(path: string) {
  return withModelFile(path, ({ facts }) => {
    const { bytes, nodes, macs, parameters } = facts;
    return { facts, size: { bytes, nodes, macs, parameters } satisfies ModelSize };
  });
}

interface Planned extends Feeding {
  readonly source: SampleSource;
  readonly labelled: boolean;
}

async function plan(data: DataChoice, facts: Parameters<typeof dataRequest>[1], path: string, { seed, samples }: MeasureOptions): Promise<Planned> {
  const { evaluation, labelled, preprocess, preprocessGuessed } = await planData(dataRequest(data, facts, nameOf(path)), { calibration: 0, evaluation: samples ?? Number.MAX_SAFE_INTEGER, seed });
  return { source: evaluation, labelled, preprocess, preprocessGuessed };
}

function generated({ seed, samples = GENERATED_SAMPLES }: MeasureOptions): Planned {
  return { source: { kind: 'generated', seed, count: samples }, labelled: false, preprocess: null, preprocessGuessed: false };
}

async function withRunner<T>(models: Parameters<typeof runtimeLimits>[0], { signal, energy }: Pick<MeasureOptions, 'signal' | 'energy'>, use: (runner: BenchRunner, run: RunOptions) => Promise<T>): Promise<T> {
  const host = createNodeProcessHost();
  const { inferenceChild } = findEntries();
  const runner = createInferenceRunner({ fork: () => host.fork(inferenceChild, []), limits: runtimeLimits(models), ...(energy === undefined ? {} : { energy }) });
  try {
    return await use(runner, { signal });
  } catch (error) {
    if (signal.aborted) throw cancelled();
    throw error;
  } finally {
    await runner.dispose();
  }
}
