/**
 * Intervals of a sum whose error is made of independent parts.
 *
 * An estimate is linearised: each store (or block of time) has an influence, what it alone moves the estimate by; influences of a stratum add up to 0.
 * The bootstrap draws influences anew within each stratum and studentises: it looks at sum / standard error of the draw, not at the sum, so that few or
 * skewed units give wide intervals and not wrong ones (Efron and Tibshirani, An Introduction to the Bootstrap, chapter 12).
 */
import { seededRandom } from '../../base/random.ts';

export type Stratum = Float64Array;

/** Error of an estimate at 2.5 and 97.5 %: the interval is [estimate - high, estimate - low]. */
export interface ErrorBounds {
  readonly low: number;
  readonly high: number;
}

/** Of the sum of independent units: n / (n - 1) * sum of squares. 0 for a stratum of one. */
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

/** @param extra an error on top, a standard deviation with its degrees of freedom */
export function bootstrapErrors(strata: readonly Stratum[], rounds: number, seed: number, extra?: { readonly sd: number; readonly freedom: number }): ErrorBounds {
  const random = seededRandom(seed);
  const se = Math.sqrt(strata.reduce((sum, stratum) => sum + varianceOf(stratum), 0));
  const errors = new Float64Array(rounds);
  for (let round = 0; round < rounds; round++) {
    let sum = 0;
    let variance = 0;
    for (const stratum of strata) {
      const count = stratum.length;
      let drawn = 0;
      let squares = 0;
      for (let at = 0; at < count; at++) {
        const value = stratum[(random() * count) | 0] as number;
        drawn += value;
        squares += value * value;
      }
      sum += drawn;
      if (count > 1) variance += (count / (count - 1)) * Math.max(0, squares - (drawn * drawn) / count);
    }
    // A draw of one unit again and again has no error of its own: it says nothing, and says so by being far out.
    const error = variance > 0 ? (sum / Math.sqrt(variance)) * se : Math.sign(sum) * 1e9 * se;
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
