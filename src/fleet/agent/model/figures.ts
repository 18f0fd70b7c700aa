/** What was observed of one model over a stretch of time. */

/** Latencies beyond so many are thinned out, every second one, again and again: a quantile does not need more. */
const MAX_KEPT = 4096;

export interface Figures {
  add(latencyMs: number): void;
  fail(): void;
  readonly inferences: number;
  readonly errors: number;
  /** Milliseconds in which an inference ran. */
  readonly busyMs: number;
  /** null: nothing was observed. */
  quantile(share: number): number | null;
}

export function createFigures(): Figures {
  let kept: number[] = [];
  let every = 1;
  let inferences = 0;
  let errors = 0;
  let busyMs = 0;
  return {
    add(latencyMs) {
      busyMs += latencyMs;
      if (inferences++ % every !== 0) return;
      kept.push(latencyMs);
      if (kept.length < MAX_KEPT) return;
      kept = kept.filter((_, index) => index % 2 === 0);
      every *= 2;
    },
    fail() {
      errors++;
    },
    get inferences() {
      return inferences;
    },
    get errors() {
      return errors;
    },
    get busyMs() {
      return busyMs;
    },
    quantile: (share) => quantileOf(kept, share),
  };
}

/** Linear interpolation between order statistics (type 7); null of nothing. */
export function quantileOf(values: readonly number[], share: number): number | null {
  const sorted = Float64Array.from(values).sort();
  const position = (sorted.length - 1) * share;
  const low = sorted[Math.floor(position)];
  if (low === undefined) return null;
  const high = sorted[Math.ceil(position)] ?? low;
  return low + (high - low) * (position - Math.floor(position));
}
