/**
 * When a telemetry row happened, by the console's clock. A device tells its own time with every batch; what it is ahead or behind at that moment is
 * taken off its rows. Small differences are the way of the message and stay: correcting them would add the noise of the network to every row.
 */

/** Clocks that differ by less agree. */
export const CLOCK_TOLERANCE_MS = 120_000;
/** What a device can have kept while it was offline; older than that, or from the future, a moment is not to be believed. */
export const OLDEST_MS = 62 * 86_400_000;

/** What is to be taken off the moments of a batch, ms. @param sentAtMs by the device's clock @param arrivedAtMs by the console's */
export function clockSkewMs(sentAtMs: number, arrivedAtMs: number): number {
  const skew = sentAtMs - arrivedAtMs;
  return Math.abs(skew) <= CLOCK_TOLERANCE_MS ? 0 : Math.round(skew);
}

/**
 * Begin of a row by the console's clock; null where it cannot be told, since the device's clock was set between measuring and sending.
 * Such a row is kept and counts for nothing.
 */
export function placedAt(row: { readonly fromMs: number; readonly durationMs: number }, skewMs: number, arrivedAtMs: number): number | null {
  const fromMs = row.fromMs - skewMs;
  if (fromMs + row.durationMs > arrivedAtMs + CLOCK_TOLERANCE_MS) return null;
  return fromMs < arrivedAtMs - OLDEST_MS ? null : fromMs;
}
