/**
 * Which observer, and how far channels are equalized, by trying: no rule is best for every network. Means of minima and maxima save a
 * MobileNetV2 that whole ranges spoil, and cost a ResNet-20 nine decibels. Each try is judged by the noise at the outputs, on samples that
 * no range was learnt from. Agreement of answers would say the same, but hardly anything on so few samples.
 *
 * Limits of equalization are compared with the observers that need no histograms; the others are tried at the best limit. So a network
 * takes one or two runs a limit, two for the histograms, and one short comparison a try.
 */
import { z } from 'zod';
import type { SampleSource } from '../../base/ports.ts';
import { subProgress } from '../../base/progress.ts';
import { throwIfAborted } from '../../base/errors.ts';
import type { Model } from '../onnx/types.ts';
import { observerOptions, type ObserverOptions } from './calibrate.ts';
import { decibels, type Judge } from './judge.ts';
import type { CalibrationContext } from './probe-model.ts';
import { prepareWithEach, type PreparedInt8, type StaticInt8Options } from './static-int8.ts';

export const rangeChoice = z.strictObject({
  kind: z.literal('best'),
  observers: z.array(observerOptions).min(1).max(8).default([{ kind: 'min-max' }, { kind: 'moving-average' }, { kind: 'mse' }, { kind: 'entropy' }, { kind: 'percentile', percentile: 99.99 }]),
  /** 1: not equalized. */
  equalizeLimits: z.array(z.number().min(1)).min(1).max(4).default([1, 4, 1024]),
});

export type RangeChoice = z.output<typeof rangeChoice>;

export interface TriedRanges {
  readonly observer: ObserverOptions;
  readonly equalizeLimit: number;
  readonly sqnrDb: number;
}

export interface ChosenRanges {
  readonly prepared: PreparedInt8;
  readonly options: StaticInt8Options;
  /** The best first. */
  readonly tried: readonly TriedRanges[];
}

/** @param judging samples that differ from the context's */
export async function chooseRanges(model: Model, options: StaticInt8Options, { observers, equalizeLimits }: RangeChoice, judge: Judge, judging: SampleSource, context: CalibrationContext): Promise<ChosenRanges> {
  const limits = options.equalize ? equalizeLimits : [1];
  const quick = observers.filter(({ kind }) => kind === 'min-max' || kind === 'moving-average');
  const slow = observers.filter((observer) => !quick.includes(observer));
  const tried: TriedRanges[] = [];
  let best: { readonly prepared: PreparedInt8; readonly own: StaticInt8Options; readonly sqnrDb: number } | undefined;
  const attempt = async (list: readonly ObserverOptions[], equalizeLimit: number, progress: CalibrationContext['progress']): Promise<void> => {
    if (list.length === 0) return;
    throwIfAborted(context.signal);
    const own: StaticInt8Options = { ...options, equalize: equalizeLimit > 1, equalizeLimit };
    const each = await prepareWithEach(model, own, list, { ...context, progress: subProgress(progress, 0, 0.7) });
    for (const [index, prepared] of each.entries()) {
      const observer = list[index] as ObserverOptions;
      progress({ stage: 'calibrate', fraction: 0.7 + (0.3 * index) / each.length, detail: observer.kind });
      const sqnrDb = decibels(await judge.compare(prepared.build().model, judging));
      tried.push({ observer, equalizeLimit, sqnrDb });
      if (!best || sqnrDb > best.sqnrDb) best = { prepared, own: { ...own, observer }, sqnrDb };
    }
  };
  const first = quick.length > 0 ? quick : slow;
  // Histograms take about three times as long as extremes.
  const all = limits.length + (first === quick && slow.length > 0 ? 3 : 0);
  for (const [index, limit] of limits.entries()) await attempt(first, limit, subProgress(context.progress, index / all, (index + 1) / all));
  if (first === quick) await attempt(slow, best?.own.equalizeLimit ?? 1, subProgress(context.progress, limits.length / all, 1));
  if (!best) throw new Error('there is one observer and one limit at least');
  return { prepared: best.prepared, options: best.own, tried: tried.toSorted((a, b) => b.sqnrDb - a.sqnrDb) };
}
