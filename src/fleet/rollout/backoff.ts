/** Waiting before a retry: exponential, capped, and between half and all of that at random, so that devices that failed together do not come back together. */
import type { RolloutPolicy } from '../../contract/records/rollout.ts';

/** @param retry 1 for the first retry; returns milliseconds */
export function backoffMs(retries: RolloutPolicy['retries'], retry: number, random: () => number): number {
  const full = Math.min(retries.maxMs, retries.baseMs * retries.factor ** (retry - 1));
  return Math.round(full * (0.5 + random() / 2));
}

/** Starts a minute that the ramp allows after so many successes; Infinity without a ramp. */
export function rampPerMinute(ramp: RolloutPolicy['ramp'], succeeded: number): number {
  if (ramp === null) return Infinity;
  return Math.min(ramp.maxPerMinute, ramp.basePerMinute * ramp.factor ** Math.floor(succeeded / ramp.every));
}
