/** What a device measured over a time, as the page asks for it: as it was told, or hour by hour where that would be too much to draw. */
import type { TelemetryRow } from '../../contract/records/telemetry.ts';
import type { Store } from '../store/open-store.ts';

const HOUR_MS = 3_600_000;
const LONGEST_ROW_MS = 86_400_000;
/** From here on, hours. */
const BY_HOUR_MS = 12 * HOUR_MS;
/** Rows of one answer. */
const MOST = 2000;

/** @param device its number @returns rows in the order of time; hours hold the means of what was told, their latencies weighted by inferences */
export function telemetryRows(telemetry: Store['telemetry'], device: number, fromMs: number, toMs: number): TelemetryRow[] {
  if (toMs - fromMs < BY_HOUR_MS) return telemetry.between(device, fromMs, toMs, MOST);
  const hours = telemetry.rollups.buckets('hour', Math.floor(fromMs / HOUR_MS), Math.floor(toMs / HOUR_MS), [device]);
  return hours.slice(-MOST).map(({ bucket, digest, evidence, sums }): TelemetryRow => {
    const durationMs = Math.min(LONGEST_ROW_MS, Math.max(1, sums.durationMs));
    const mean = (sum: number, weight: number): number | null => (weight > 0 ? sum / weight : null);
    const shareOf = (part: number, whole: number): number => Math.min(1, whole > 0 ? part / whole : 0);
    return {
      fromMs: bucket * HOUR_MS, durationMs, digest, inferences: sums.inferences, errors: sums.errors,
      latencyP50Ms: mean(sums.latencyP50Weighted, sums.latencyInferences), latencyP95Ms: mean(sums.latencyP95Weighted, sums.latencyInferences), throughputPerS: (sums.inferences * 1000) / durationMs, busyShare: shareOf(sums.busyMs, durationMs),
      cpuShare: sums.cpuMs > 0 ? shareOf(sums.cpuWeighted, sums.cpuMs) : null, temperatureC: mean(sums.temperatureWeighted, sums.temperatureMs),
      // Energy was measured in a part of the hour, maybe: its mean power holds for the whole.
      energy: evidence.tier === null || sums.energyMs === 0 ? null : { totalJ: (sums.energyJ * durationMs) / sums.energyMs, aboveIdleJ: null, tier: evidence.tier, source: evidence.source },
      accuracy: sums.accuracySamples > 0 ? { value: sums.accuracyRight / sums.accuracySamples, samples: sums.accuracySamples } : null,
    };
  });
}
