/**
 * Range of least Kullback-Leibler divergence: the distribution of the numbers against the one that is left of it in 8 bits (Migacz, 8-bit
 * inference with TensorRT, 2017), searched over the whole of a 2048-bin histogram. With as many bins as levels nothing could be gained by
 * clipping; so the search begins at many more bins than there are levels.
 *
 * With c the counts inside, c' the same plus what is clipped in the end bins, n all of them, m the inner ones, and q the count that 8 bits
 * leave of a bin (a level's mass M spread over its F filled bins):
 *
 *     KL = sum (c'/n) log((c'/n) / (q/m)) = (sum c' log c' - sum c' log q) / n + log(m / n)
 *
 * The first sum comes from running sums, and of the second each level gives M log(M / F): so a candidate costs a step a level, not one a bin.
 */
import { HISTOGRAM_BINS, type Histogram } from './histogram.ts';
import type { Range } from './quant-params.ts';

const LEVELS = 256;
/** Bins between two candidates: in a first look, and closer around the best of it. */
const STRIDES = [16, 2];
/** What 8 bits leave of a bin that held nothing but is clipped into: next to nothing. */
const NOTHING = Math.log(1e-6);

/** Both ends are drawn in by the same share, so that the search has one dimension; an end at 0 stays. */
export function entropyRange(histogram: Histogram): Range {
  const full: Range = { min: Math.min(0, histogram.min), max: Math.max(0, histogram.max) };
  const { low, width } = histogram;
  if (full.max - full.min <= 0) return full;
  const divergence = new Divergence(histogram.counts);
  let best = { range: full, bins: HISTOGRAM_BINS };
  let least = Number.POSITIVE_INFINITY;
  const look = (first: number, last: number, stride: number): void => {
    for (let bins = Math.min(first, HISTOGRAM_BINS); bins >= Math.max(last, LEVELS); bins -= stride) {
      const share = bins / HISTOGRAM_BINS;
      const range: Range = { min: full.min * share, max: full.max * share };
      const from = Math.max(0, Math.floor((range.min - low) / width));
      const to = Math.min(HISTOGRAM_BINS, Math.ceil((range.max - low) / width));
      if (to - from < LEVELS) return;
      const found = divergence.of(from, to);
      if (found < least) [best, least] = [{ range, bins }, found];
    }
  };
  let [first, last] = [HISTOGRAM_BINS, LEVELS];
  for (const stride of STRIDES) {
    look(first, last, stride);
    [first, last] = [best.bins + stride, best.bins - stride];
  }
  return best.range;
}

/** KL(P || Q): P is the bins from..to with what is outside put into the end bins, Q the same after rounding to 256 levels. */
class Divergence {
  readonly #counts: Float64Array;
  /** Up to each bin: numbers, filled bins, and c log c. */
  readonly #mass = new Float64Array(HISTOGRAM_BINS + 1);
  readonly #filled = new Uint16Array(HISTOGRAM_BINS + 1);
  readonly #weighted = new Float64Array(HISTOGRAM_BINS + 1);

  constructor(counts: Float64Array) {
    this.#counts = counts;
    for (let i = 0; i < HISTOGRAM_BINS; i++) {
      const count = counts[i] as number;
      this.#mass[i + 1] = (this.#mass[i] as number) + count;
      this.#filled[i + 1] = (this.#filled[i] as number) + (count > 0 ? 1 : 0);
      this.#weighted[i + 1] = (this.#weighted[i] as number) + timesLog(count);
    }
  }

  of(from: number, to: number): number {
    const mass = this.#mass;
    const total = mass[HISTOGRAM_BINS] as number;
    const below = mass[from] as number;
    const above = total - (mass[to] as number);
    const inside = total - below - above;
    if (total === 0) return 0;
    if (inside === 0) return Number.POSITIVE_INFINITY;
    const first = this.#counts[from] as number;
    const last = this.#counts[to - 1] as number;
    let sum = (this.#weighted[to] as number) - (this.#weighted[from] as number) + timesLog(first + below) - timesLog(first) + timesLog(last + above) - timesLog(last);
    const size = to - from;
    let start = from;
    let seen = below;
    let filled = this.#filled[from] as number;
    for (let level = 1; level <= LEVELS; level++) {
      const end = from + Math.floor((level * size) / LEVELS);
      const [seenBefore, filledBefore] = [seen, filled];
      seen = mass[end] as number;
      filled = this.#filled[end] as number;
      const here = seen - seenBefore;
      const logLeft = here > 0 ? Math.log(here / (filled - filledBefore)) : 0;
      sum -= here * logLeft;
      if (start === from) sum -= below * (first > 0 ? logLeft : NOTHING);
      if (end === to) sum -= above * (last > 0 ? logLeft : NOTHING);
      start = end;
    }
    return sum / total + Math.log(inside / total);
  }
}

function timesLog(count: number): number {
  return count > 0 ? count * Math.log(count) : 0;
}
