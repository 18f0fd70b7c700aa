/**
 * Range of least Kullback-Leibler divergence: the distribution of the numbers against the one that is left of it in 8 bits (Migacz, 8-bit
 * inference with TensorRT, 2017), searched over the whole of a 2048-bin histogram. With as many bins as levels nothing could be gained by
 * clipping; so the search begins at many more bins than there are levels.
 */
import { HISTOGRAM_BINS, type Histogram } from './histogram.ts';
import type { Range } from './quant-params.ts';

const LEVELS = 256;
/** Bins between two candidates. */
const STRIDE = 8;

/** Both ends are drawn in by the same share, so that the search has one dimension; an end at 0 stays. */
export function entropyRange(histogram: Histogram): Range {
  const full: Range = { min: Math.min(0, histogram.min), max: Math.max(0, histogram.max) };
  const { low, width } = histogram;
  if (full.max - full.min <= 0) return full;
  let best = full;
  let least = Number.POSITIVE_INFINITY;
  for (let bins = HISTOGRAM_BINS; bins >= LEVELS; bins -= STRIDE) {
    const share = bins / HISTOGRAM_BINS;
    const range: Range = { min: full.min * share, max: full.max * share };
    const from = Math.max(0, Math.floor((range.min - low) / width));
    const to = Math.min(HISTOGRAM_BINS, Math.ceil((range.max - low) / width));
    if (to - from < LEVELS) break;
    const found = divergence(histogram.counts, from, to);
    if (found < least) [best, least] = [range, found];
  }
  return best;
}

/** KL(P || Q): P is the bins from..to with what is outside put into the end bins, Q the same after rounding to 256 levels. */
function divergence(counts: Float64Array, from: number, to: number): number {
  let total = 0;
  let below = 0;
  let above = 0;
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i] as number;
    total += count;
    if (i < from) below += count;
    else if (i >= to) above += count;
  }
  if (total === 0) return 0;
  const inside = total - below - above;
  if (inside === 0) return Number.POSITIVE_INFINITY;
  let sum = 0;
  const size = to - from;
  for (let level = 0; level < LEVELS; level++) {
    const start = from + Math.floor((level * size) / LEVELS);
    const end = from + Math.floor(((level + 1) * size) / LEVELS);
    let mass = 0;
    let filled = 0;
    for (let i = start; i < end; i++) {
      const count = counts[i] as number;
      mass += count;
      if (count > 0) filled++;
    }
    for (let i = start; i < end; i++) {
      const count = counts[i] as number;
      const p = count + (i === from ? below : 0) + (i === to - 1 ? above : 0);
      if (p === 0) continue;
      // Q knows nothing of what was clipped: where only that is, it has next to nothing.
      const q = count > 0 ? mass / filled : 1e-6;
      sum += (p / total) * Math.log(p / total / (q / inside));
    }
  }
  return sum;
}
