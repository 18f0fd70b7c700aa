/** What a difference measured on samples is worth. */
import { seededRandom } from '../../base/random.ts';

export interface PairedDrop {
  /** Mean of before - after over samples: 0.01 is one point lost. */
  readonly mean: number;
  /** Bootstrap 95 % interval of the mean. */
  readonly ci95: [number, number];
}

const RESAMPLES = 2000;

/** Paired bootstrap: both models saw the same samples, so a sample keeps both its results when it is drawn. */
export function pairedDrop(before: readonly number[], after: readonly number[], seed: number): PairedDrop {
  const count = Math.min(before.length, after.length);
  if (count === 0) return { mean: 0, ci95: [0, 0] };
  const drops = Float64Array.from({ length: count }, (_, i) => (before[i] as number) - (after[i] as number));
  const random = seededRandom(seed);
  const means = new Float64Array(RESAMPLES);
  for (let r = 0; r < RESAMPLES; r++) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += drops[Math.floor(random() * count)] as number;
    means[r] = sum / count;
  }
  means.sort();
  const at = (share: number): number => means[Math.min(RESAMPLES - 1, Math.floor(share * RESAMPLES))] as number;
  return { mean: drops.reduce((a, b) => a + b, 0) / count, ci95: [at(0.025), at(0.975)] };
}
