/** What a device measured, as curves: one entry a series and moment, with the evidence behind it. */
import type { DeviceEvent } from '../../../../../src/contract/records/fleet.ts';
import type { EnergyTier, TelemetryRow } from '../../../../../src/contract/records/telemetry.ts';

export type CurveName = 'latency' | 'throughput' | 'temperature' | 'power';

export interface CurvePoint {
  /** Middle of the interval. */
  readonly atMs: number;
  readonly values: readonly (number | null)[];
}

export interface Curve {
  readonly name: CurveName;
  readonly unit: string;
  /** Names of its lines, where there are several. */
  readonly lines: readonly string[];
  readonly points: readonly CurvePoint[];
}

/** Something that changed what the device runs. */
export interface CurveMark {
  readonly atMs: number;
  readonly what: string;
  readonly rolloutId: string | null;
}

const VALUES: Readonly<Record<CurveName, { readonly unit: string; readonly lines: readonly string[]; readonly of: (row: TelemetryRow) => readonly (number | null)[] }>> = {
  latency: { unit: 'ms', lines: ['p50', 'p95'], of: (row) => [row.latencyP50Ms, row.latencyP95Ms] },
  throughput: { unit: '/s', lines: [''], of: (row) => [row.throughputPerS] },
  temperature: { unit: '°C', lines: [''], of: (row) => [row.temperatureC] },
  power: { unit: 'W', lines: [''], of: (row) => [powerW(row)] },
};

/** Mean power over the interval. */
export function powerW(row: TelemetryRow): number | null {
  return row.energy === null ? null : (row.energy.totalJ * 1000) / row.durationMs;
}

/** Where nothing was told for longer than this many intervals, the line is broken: nobody knows what was there. */
const GAP = 3;

export function curveOf(name: CurveName, rows: readonly TelemetryRow[]): Curve {
  const { unit, lines, of } = VALUES[name];
  // An interval in which nothing was inferred has no latency; that alone is no gap.
  const sorted = rows.filter((row) => of(row).some((value) => value !== null)).toSorted((a, b) => a.fromMs - b.fromMs);
  const points: CurvePoint[] = [];
  // Rows that were thinned out on the way stand further apart than they last: their usual distance counts.
  const steps = sorted.slice(1).map((row, at) => row.fromMs - (sorted[at]?.fromMs ?? row.fromMs)).toSorted((a, b) => a - b);
  const usual = steps[Math.floor(steps.length / 2)] ?? 0;
  let lastMs = -Infinity;
  for (const row of sorted) {
    if (lastMs > 0 && row.fromMs - lastMs > GAP * Math.max(usual, row.durationMs)) points.push({ atMs: lastMs + (row.fromMs - lastMs) / 2, values: lines.map(() => null) });
    points.push({ atMs: row.fromMs + row.durationMs / 2, values: of(row) });
    lastMs = row.fromMs;
  }
  return { name, unit, lines, points };
}

const TIERS: readonly EnergyTier[] = ['modelled', 'counter', 'metered'];

/** The weakest evidence among the energy figures; null: there are none. */
export function weakestTier(rows: readonly TelemetryRow[]): EnergyTier | null {
  const found = new Set(rows.flatMap(({ energy }) => (energy === null ? [] : [energy.tier])));
  return TIERS.find((tier) => found.has(tier)) ?? null;
}

/** Reports of a rollout that changed what runs; another digest in the measurements where no report tells of it. */
export function marksOf(rows: readonly TelemetryRow[], events: readonly DeviceEvent[], fromMs: number, toMs: number): readonly CurveMark[] {
  const told = events.flatMap(({ atMs, kind, text, rolloutId }) => (kind === 'report' && /^(running|rolled_back)/.test(text) && atMs >= fromMs && atMs <= toMs ? [{ atMs, what: text, rolloutId }] : []));
  const sorted = rows.toSorted((a, b) => a.fromMs - b.fromMs);
  const seen = sorted.flatMap((row, at) => {
    const before = sorted[at - 1];
    if (before === undefined || before.digest === row.digest) return [];
    const near = told.some(({ atMs }) => Math.abs(atMs - row.fromMs) <= 2 * Math.max(row.durationMs, row.fromMs - before.fromMs));
    return near ? [] : [{ atMs: row.fromMs, what: 'swapped', rolloutId: null }];
  });
  return [...told, ...seen].toSorted((a, b) => a.atMs - b.atMs);
}
