/**
 * Finds the range that 8 bits should span, from a histogram. A wider range clips fewer numbers, a narrower one has finer steps; the
 * methods differ in what they call the best of it. Every range includes 0.
 */
import { HISTOGRAM_BINS, type Histogram } from './histogram.ts';
import type { Range } from './quant-params.ts';

const LEVELS = 256;
/** Candidates of each end in one sweep. */
const CANDIDATES = 96;
const SWEEPS = 3;
/** No end is drawn in further than to this share of what was seen. */
const SMALLEST_SHARE = 0.1;

/**
 * Cuts off the same share of numbers at each end.
 * @param percentile for example 99.99
 */
export function percentileRange(histogram: Histogram, percentile: number): Range {
  const { counts, low, width, zeros } = histogram;
  const total = counts.reduce((a, b) => a + b, 0) + zeros;
  const cut = total * (1 - percentile / 100);
  let max = histogram.max;
  for (let i = HISTOGRAM_BINS - 1, above = 0; i >= 0; i--) {
    above += counts[i] as number;
    if (above > cut) {
      max = Math.min(max, low + (i + 1) * width);
      break;
    }
  }
  let min = histogram.min;
  for (let i = 0, below = 0; i < HISTOGRAM_BINS; i++) {
    below += counts[i] as number;
    if (below > cut) {
      min = Math.max(min, low + i * width);
      break;
    }
  }
  return { min: Math.min(0, min), max: Math.max(0, max) };
}

/** Least mean squared error: step^2 / 12 for what is inside, the squared distance to the end for what is clipped. */
export function mseRange(histogram: Histogram): Range {
  const moments = new Moments(histogram);
  const error = (range: Range): number => {
    const step = (range.max - range.min) / (LEVELS - 1);
    return (moments.inside(range) * step * step) / 12 + moments.clipped(range);
  };
  return sweep(histogram, error);
}

/** Tries both ends in turn, each over shares of its full length. */
function sweep(histogram: Histogram, error: (range: Range) => number): Range {
  const full: Range = { min: Math.min(0, histogram.min), max: Math.max(0, histogram.max) };
  let best = full;
  let least = error(full);
  const consider = (range: Range): void => {
    const found = error(range);
    if (found < least) [best, least] = [range, found];
  };
  for (let round = 0; round < SWEEPS; round++) {
    const before = best;
    for (let k = 0; k < CANDIDATES; k++) {
      const share = 1 - ((1 - SMALLEST_SHARE) * k) / CANDIDATES;
      if (full.max > 0) consider({ min: best.min, max: full.max * share });
    }
    for (let k = 0; k < CANDIDATES; k++) {
      const share = 1 - ((1 - SMALLEST_SHARE) * k) / CANDIDATES;
      if (full.min < 0) consider({ min: full.min * share, max: best.max });
    }
    if (before === best) break;
  }
  return best;
}

/** Sums of counts, x and x^2 up to each bin, so that a range's error is a few lookups. */
class Moments {
  readonly #histogram: Histogram;
  readonly #sums: readonly [Float64Array, Float64Array, Float64Array];

  constructor(histogram: Histogram) {
    this.#histogram = histogram;
    this.#sums = [new Float64Array(HISTOGRAM_BINS + 1), new Float64Array(HISTOGRAM_BINS + 1), new Float64Array(HISTOGRAM_BINS + 1)];
    const [zeroth, first, second] = this.#sums;
    for (let i = 0; i < HISTOGRAM_BINS; i++) {
      const count = histogram.counts[i] as number;
      const x = histogram.low + (i + 0.5) * histogram.width;
      zeroth[i + 1] = (zeroth[i] as number) + count;
      first[i + 1] = (first[i] as number) + count * x;
      second[i + 1] = (second[i] as number) + count * x * x;
    }
  }

  /** Numbers inside of the range, zeros not counted: they are exact. */
  inside({ min, max }: Range): number {
    return this.#between(0, this.#bin(min), this.#bin(max));
  }

  /** Sum of squared distances of what is outside. */
  clipped({ min, max }: Range): number {
    const above = this.#bin(max);
    const below = this.#bin(min);
    return this.#distance(max, above, HISTOGRAM_BINS) + this.#distance(min, 0, below);
  }

  #distance(end: number, from: number, to: number): number {
    return Math.max(0, this.#between(2, from, to) - 2 * end * this.#between(1, from, to) + end * end * this.#between(0, from, to));
  }

  #between(moment: 0 | 1 | 2, from: number, to: number): number {
    return (this.#sums[moment][to] as number) - (this.#sums[moment][from] as number);
  }

  #bin(value: number): number {
    return Math.min(HISTOGRAM_BINS, Math.max(0, Math.round((value - this.#histogram.low) / this.#histogram.width)));
  }
}
