/**
 * Seconds left from fractions over time. The speed is a blend of the whole run's and that of the last stretch, since stages differ;
 * the answer is smoothed so that it does not jump, and is null until there is enough to tell.
 */
import type { Clock } from '../../base/ports.ts';

const WARM_UP_MS = 1500;
const WARM_UP_FRACTION = 0.02;
const STRETCH_MS = 8000;
const SMOOTHING = 0.3;

export interface TimeLeft {
  /** Takes the share done so far (0 to 1) and answers whole seconds left, or null while unknown. */
  update(fraction: number): number | null;
}

export function createTimeLeft(clock: Clock): TimeLeft {
  const start = clock();
  const points: { at: number; fraction: number }[] = [{ at: start, fraction: 0 }];
  /** When it is expected to end, on the clock. */
  let end: number | null = null;
  return {
    update(fraction) {
      const now = clock();
      points.push({ at: now, fraction });
      while (points.length > 2 && now - (points[1]?.at ?? now) > STRETCH_MS) points.shift();
      const elapsed = now - start;
      if (elapsed < WARM_UP_MS || fraction < WARM_UP_FRACTION) return null;
      const first = points[0] ?? { at: start, fraction: 0 };
      const overall = fraction / elapsed;
      const recent = now > first.at ? (fraction - first.fraction) / (now - first.at) : overall;
      const speed = (overall + recent) / 2;
      const guess = now + (1 - fraction) / speed;
      end = end === null ? guess : end + SMOOTHING * (guess - end);
      return Math.max(0, Math.round((end - now) / 1000));
    },
  };
}
