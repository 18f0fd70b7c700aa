/** Fleets small enough to be computed by hand, and random ones for properties. */
import { DEFAULT_ASSUMPTIONS } from '../cost/assumptions.ts';
import { figureTableBuilder, type FigureTable, type RowEvidence, type RowFigures, type TableSpan } from '../table/figure-table.ts';
import type { SavingsQuery, Update } from '../types.ts';
import type { SavingsAssumptions } from '../../contract/records/savings.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;
/** A Monday. */
export const MONDAY_MS = Date.UTC(2026, 2, 2);

export interface PlainRow {
  readonly device: string;
  readonly atMs: number;
  readonly digest: string;
  readonly hours?: number;
  readonly idleJ: number;
  readonly aboveJ: number;
  readonly inferences: number;
  readonly busyMs?: number;
  readonly accuracy?: { readonly right: number; readonly samples: number };
  readonly evidence?: RowEvidence;
  /** False: the meter tells the total only. */
  readonly split?: boolean;
}

export const METER: RowEvidence = { tier: 'counter', source: 'rapl', simulated: false };

export function figuresOf(row: PlainRow): RowFigures {
  const durationMs = (row.hours ?? 1) * HOUR_MS;
  const split = row.split ?? true;
  return {
    rows: 1, durationMs, inferences: row.inferences, errors: 0, busyMs: row.busyMs ?? 0, energyMs: durationMs, energyJ: row.idleJ + row.aboveJ, energyInferences: row.inferences,
    aboveIdleMs: split ? durationMs : 0, aboveIdleJ: split ? row.aboveJ : 0, aboveIdleInferences: split ? row.inferences : 0, latencyP50Weighted: 8 * row.inferences, latencyP95Weighted: 10 * row.inferences,
    latencyInferences: row.inferences, accuracyRight: row.accuracy?.right ?? 0, accuracySamples: row.accuracy?.samples ?? 0,
  };
}

export interface PlainDevice {
  readonly id: string;
  readonly store: string;
  readonly region?: string;
  readonly class?: string;
}

export function tableOf(devices: readonly PlainDevice[], rows: readonly PlainRow[], span: TableSpan = 'hour', timeZone = 'UTC'): FigureTable {
  const stores = new Map(devices.map(({ store, region }) => [store, { id: store, name: `Store ${store}`, region: region ?? 'East', timeZone, tariffCnyPerKwh: null }]));
  const places = devices.map((device) => ({ id: device.id, storeId: device.store, class: device.class ?? 'edge-box', workload: 'customer-flow' }));
  const builder = figureTableBuilder(span, [...stores.values()], places, rows.length);
  for (const row of rows) builder.add(row.device, row.atMs, row.digest, row.evidence ?? METER, figuresOf(row));
  return builder.build();
}

/** A question about four weeks after and four before, with nothing demanded of the data's length. */
export function queryOf(table: FigureTable, updates: readonly Update[], more: Partial<SavingsQuery> = {}, assumptions: Partial<SavingsAssumptions> = {}): SavingsQuery {
  const atMs = updates[0]?.atMs ?? MONDAY_MS;
  return {
    table, updates, decisions: [], fromMs: atMs, toMs: atMs + 28 * DAY_MS, baselineMs: 28 * DAY_MS, settleMs: 0, method: 'before_after', seed: 1, rounds: 400,
    assumptions: { ...DEFAULT_ASSUMPTIONS, minHours: { value: 1, source: 'test' }, ...assumptions }, ...more,
  };
}

export const update = (deviceId: string, atMs: number): Update => ({ deviceId, atMs, fromDigest: 'old', toDigest: 'new', rolloutId: 'r1' });
