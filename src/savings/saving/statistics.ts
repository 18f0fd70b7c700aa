/**
 * Intervals of a ratio of sums over stores, or of products of such ratios.
 *
 * The bootstrap draws stores anew within each stratum (updated, held back) and studentises: it looks at the error of the draw in standard errors of the
 * draw itself, so that few or skewed stores give wide intervals and not wrong ones (Efron and Tibshirani, An Introduction to the Bootstrap, chapter 12).
 * Standard errors of a draw are those of the linearised logarithm: what a unit alone moves it by, its influence. Influences of a stratum add up to 0.
 * The standard error of the estimate itself is the jackknife's.
 */
import { seededRandom } from '../../base/random.ts';

/** Influences of the units of a stratum. */
export type Stratum = Float64Array;

/** log(sum of `over` / sum of `under`), one pair of numbers a unit. */
export interface RatioStratum {
  readonly over: Float64Array;
  /** null: 1 over the number of units, for each. */
  readonly under: Float64Array | null;
  /** -1 where the ratio divides. */
  readonly sign: 1 | -1;
}

/** Error of an estimate at 2.5 and 97.5 %: the interval is [estimate - high, estimate - low]. */
export interface ErrorBounds {
  readonly low: number;
  readonly high: number;
}

/** Of the sum of independent units: n / (n - 1) * sum of squares about the mean. 0 for a stratum of one. */
export function varianceOf(stratum: Stratum): number {
  const count = stratum.length;
  if (count < 2) return 0;
  let sum = 0;
  let squares = 0;
  for (const value of stratum) {
    sum += value;
    squares += value * value;
  }
  return (count / (count - 1)) * Math.max(0, squares - (sum * sum) / count);
}

/** Units whose influences on an estimate are known, as a ratio that they move by that much. */
export function influenceStratum(influences: Stratum): RatioStratum {
  const each = 1 / influences.length;
  return { over: influences.map((value) => each + value), under: null, sign: 1 };
}

const ROUNDING = 1e-9;

interface Draw {
  readonly log: number;
  readonly variance: number;
}

/** Sums of a draw. @param random null: every unit once. */
function draw({ over, under, sign }: RatioStratum, random: (() => number) | null): Draw {
  const count = over.length;
  let [a, b, aa, ab, bb] = [0, 0, 0, 0, 0];
  for (let at = 0; at < count; at++) {
    const unit = random === null ? at : (random() * count) | 0;
    const x = over[unit] as number;
    a += x;
    aa += x * x;
    if (under === null) continue;
    const y = under[unit] as number;
    b += y;
    ab += x * y;
    bb += y * y;
  }
  // Units that weigh the same have 1 / count each below the line.
  const squares = under === null ? aa / (a * a) - 1 / count : aa / (a * a) - (2 * ab) / (a * b) + bb / (b * b);
  return { log: sign * Math.log(under === null ? a : a / b), variance: count < 2 ? 0 : (count / (count - 1)) * Math.max(0, squares) };
}

/** From leaving out each unit in turn: larger than the linearised one where few units carry much of the sum, as it should be. */
function jackknifeVariance({ over, under }: RatioStratum): number {
  const count = over.length;
  if (count < 2) return 0;
  const [a, b] = [total(over), under === null ? 1 : total(under)];
  const without = over.map((x, at) => Math.log((a - x) / (b - (under === null ? 1 / count : (under[at] ?? 0)))));
  const mean = total(without) / count;
  return ((count - 1) / count) * without.reduce((sum, each) => sum + (each - mean) ** 2, 0);
}

const total = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);

/** @param extra an error on top, a standard deviation with its degrees of freedom */
export function bootstrapErrors(strata: readonly RatioStratum[], rounds: number, seed: number, extra?: { readonly sd: number; readonly freedom: number }): ErrorBounds {
  const random = seededRandom(seed);
  const seen = strata.map((stratum) => draw(stratum, null));
  const value = seen.reduce((sum, each) => sum + each.log, 0);
  const se = Math.sqrt(strata.reduce((sum, stratum) => sum + jackknifeVariance(stratum), 0));
  // No scatter at all, the same day after day in every store: what is left is the rounding of sums, which proves nothing.
  if (se < ROUNDING && !extra?.sd) return { low: -ROUNDING, high: ROUNDING };
  const errors = new Float64Array(rounds);
  for (let round = 0; round < rounds; round++) {
    let log = 0;
    let variance = 0;
    for (const stratum of strata) {
      const drawn = draw(stratum, random);
      log += drawn.log;
      variance += drawn.variance;
    }
    const off = log - value;
    // A draw of one unit again and again has no error of its own: it says nothing, and says so by being far out.
    const error = variance > 0 ? (off / Math.sqrt(variance)) * se : Math.sign(off) * 1e9 * se;
    errors[round] = error + (extra && extra.sd > 0 ? extra.sd * student(random, extra.freedom) : 0);
  }
  errors.sort();
  return { low: quantile(errors, 0.025), high: quantile(errors, 0.975) };
}

/** Of sorted values, between the two nearest. */
export function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below] ?? 0;
  return low + (place - below) * ((sorted[below + 1] ?? low) - low);
}

/** Student's distribution at 97.5 %: expansion by Fisher and Cornish, within 0.1 % from four degrees of freedom on. */
export function studentAt975(freedom: number): number {
  const z = 1.959963984540054;
  const [z3, z5, z7, z9] = [z ** 3, z ** 5, z ** 7, z ** 9];
  return (
    z + (z3 + z) / (4 * freedom) + (5 * z5 + 16 * z3 + 3 * z) / (96 * freedom ** 2) + (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * freedom ** 3) +
    (79 * z9 + 776 * z7 + 1482 * z5 - 1920 * z3 - 945 * z) / (92_160 * freedom ** 4)
  );
}

export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function student(random: () => number, freedom: number): number {
  let squares = 0;
  for (let at = 0; at < freedom; at++) squares += normal(random) ** 2;
  return normal(random) / Math.sqrt(squares / freedom);
}

/** A number that follows from a text, to part the random numbers of scopes. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
