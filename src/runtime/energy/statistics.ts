/** Means and ratios over repetitions with their 95 % intervals: Student's t, as the repetitions are few. */

/** Two-sided 95 % quantiles for 1 to 10 degrees of freedom; beyond, 2 + 2.3 / df is above the true value by less than 1 %. */
const T95 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

export interface Interval {
  readonly value: number;
  readonly ci95: readonly [number, number];
}

/** @param leastHalf the interval is at least so wide to each side: what the meter's steps alone make. @param gain the meter's own uncertainty, a share */
export function meanOf(values: readonly number[], leastHalf: number, gain: number): Interval {
  const { mean, half } = spread(values);
  const whole = Math.hypot(Math.max(half, leastHalf), gain * mean);
  return { value: mean, ci95: [mean - whole, mean + whole] };
}

/** Geometric mean of the ratios of pairs. @returns null where a value is not above zero */
export function ratioOf(pairs: readonly (readonly [before: number, after: number])[], uncertainty: number): Interval | null {
  if (pairs.some(([before, after]) => before <= 0 || after <= 0)) return null;
  const { mean, half } = spread(pairs.map(([before, after]) => Math.log(before / after)));
  const whole = Math.hypot(half, Math.log1p(uncertainty));
  return { value: Math.exp(mean), ci95: [Math.exp(mean - whole), Math.exp(mean + whole)] };
}

/** @returns half of the interval is infinite for a single value */
function spread(values: readonly number[]): { readonly mean: number; readonly half: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const df = values.length - 1;
  if (df < 1) return { mean, half: Number.POSITIVE_INFINITY };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / df;
  return { mean, half: (T95[df - 1] ?? 2 + 2.3 / df) * Math.sqrt(variance / values.length) };
}
