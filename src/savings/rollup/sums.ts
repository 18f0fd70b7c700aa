/**
 * What is kept of many telemetry rows: sums, counts and maxima, so that minutes add up to hours, hours to days, and a row that comes late falls into
 * its place. Whatever a row could not measure adds nothing to its sum and nothing to the weight beside it.
 *
 * Percentiles of parts do not give the percentile of the whole. Kept are their means, weighted by inferences, and the largest; they are called that.
 */
import type { TelemetryRow } from '../../contract/records/telemetry.ts';

/** In the order in which they are stored. */
export const SUM_NAMES = [
  'rows', 'durationMs', 'inferences', 'errors', 'busyMs',
  /** Of the rows with a figure of energy: duration, joules, inferences. */
  'energyMs', 'energyJ', 'energyInferences',
  /** Of the rows with energy above idle. */
  'aboveIdleMs', 'aboveIdleJ', 'aboveIdleInferences',
  /** Latency times inferences, of the rows with a latency. */
  'latencyP50Weighted', 'latencyP95Weighted', 'latencyInferences', 'latencyP95MaxMs',
  /** Temperature times duration, of the rows with a temperature. */
  'temperatureWeighted', 'temperatureMs', 'temperatureMaxC',
  'cpuWeighted', 'cpuMs',
  /** Samples of the check set that were right, and all. */
  'accuracyRight', 'accuracySamples',
] as const;

export type SumName = (typeof SUM_NAMES)[number];
export type Sums = Record<SumName, number>;

/** Those of which the larger one counts. */
export const MAXIMA: readonly SumName[] = ['latencyP95MaxMs', 'temperatureMaxC'];

/** Colder than any device: the maximum of nothing. */
const NO_MAXIMUM = -1000;

export function noSums(): Sums {
  const sums = Object.fromEntries(SUM_NAMES.map((name) => [name, 0])) as Sums;
  for (const name of MAXIMA) sums[name] = NO_MAXIMUM;
  return sums;
}

/** Adds one row. */
export function addRow(sums: Sums, row: TelemetryRow): void {
  sums.rows += 1;
  sums.durationMs += row.durationMs;
  sums.inferences += row.inferences;
  sums.errors += row.errors;
  sums.busyMs += row.busyShare * row.durationMs;
  if (row.energy !== null) {
    sums.energyMs += row.durationMs;
    sums.energyJ += row.energy.totalJ;
    sums.energyInferences += row.inferences;
    if (row.energy.aboveIdleJ !== null) {
      sums.aboveIdleMs += row.durationMs;
      sums.aboveIdleJ += row.energy.aboveIdleJ;
      sums.aboveIdleInferences += row.inferences;
    }
  }
  if (row.latencyP50Ms !== null && row.latencyP95Ms !== null) {
    sums.latencyP50Weighted += row.latencyP50Ms * row.inferences;
    sums.latencyP95Weighted += row.latencyP95Ms * row.inferences;
    sums.latencyInferences += row.inferences;
    sums.latencyP95MaxMs = Math.max(sums.latencyP95MaxMs, row.latencyP95Ms);
  }
  if (row.temperatureC !== null) {
    sums.temperatureWeighted += row.temperatureC * row.durationMs;
    sums.temperatureMs += row.durationMs;
    sums.temperatureMaxC = Math.max(sums.temperatureMaxC, row.temperatureC);
  }
  if (row.cpuShare !== null) {
    sums.cpuWeighted += row.cpuShare * row.durationMs;
    sums.cpuMs += row.durationMs;
  }
  if (row.accuracy !== null) {
    sums.accuracyRight += row.accuracy.value * row.accuracy.samples;
    sums.accuracySamples += row.accuracy.samples;
  }
}

/** Adds what another bucket holds. */
export function addSums(into: Sums, other: Readonly<Sums>): void {
  for (const name of SUM_NAMES) into[name] = MAXIMA.includes(name) ? Math.max(into[name], other[name]) : into[name] + other[name];
}
