/** Parts of the calibration samples. Those that a choice is judged on are never those that it was learnt from. */
import type { SampleSource } from '../../base/ports.ts';

export interface SampleSplit {
  /** Ranges, means and rounding come from these. */
  readonly learning: SampleSource;
  /** Which of two models is better, and whether a goal is met, is asked of these. */
  readonly judging: SampleSource;
  /** True where there were too few samples to keep the two apart. */
  readonly overlap: boolean;
}

/** One sample in so many is judged on. */
const JUDGED = 3;
/** Fewer samples than this say nothing about which of two models is better. */
const LEAST_JUDGED = 8;
/** Added to a seed for other numbers than those it was learnt from. */
const OTHER_SEED = 1000;

export function splitSamples(source: SampleSource): SampleSplit {
  if (source.kind === 'generated') {
    return { learning: source, judging: { ...source, seed: source.seed + OTHER_SEED, count: Math.max(1, Math.floor(source.count / 2)) }, overlap: false };
  }
  const { indices } = source;
  if (indices.length < JUDGED * LEAST_JUDGED) return { learning: source, judging: source, overlap: true };
  // Indices come in the data set's order, often class by class: every third one is of every class.
  const isJudged = (_: number, at: number): boolean => at % JUDGED === JUDGED - 1;
  return { learning: { ...source, indices: indices.filter((index, at) => !isJudged(index, at)) }, judging: { ...source, indices: indices.filter(isJudged) }, overlap: false };
}

/** At most so many samples, evenly spread over the source's. */
export function someSamples(source: SampleSource, count: number): SampleSource {
  if (source.kind === 'generated') return { ...source, count: Math.min(source.count, count) };
  const { indices } = source;
  if (indices.length <= count) return source;
  return { ...source, indices: Array.from({ length: count }, (_, i) => indices[Math.floor((i * indices.length) / count)] as number) };
}

export function sampleCount(source: SampleSource): number {
  return source.kind === 'generated' ? source.count : source.indices.length;
}
