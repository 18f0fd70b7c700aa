/**
 * What devices measured: batches as they came, kept for a while, and what they add up to, kept for long. A batch that comes twice is stored once; one
 * that comes late falls into its place. Why minutes are added up when they are asked for and not stored: docs/adr/0003-telemetry-in-sqlite.md.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { TelemetryRow } from '../../contract/records/telemetry.ts';
import { clockSkewMs, OLDEST_MS, placedAt } from '../../savings/rollup/placement.ts';
import { addRow, noSums, type Sums } from '../../savings/rollup/sums.ts';
import { packRows, unpackRows } from './packed-rows.ts';
import { createTelemetryRollups, type PlacedRow, type TelemetryRollups } from './telemetry-rollups.ts';

export interface TelemetryBatch {
  readonly batch: number;
  /** By the device's clock. */
  readonly sentAtMs: number;
  /** By the console's clock. */
  readonly arrivedAtMs: number;
  readonly simulated: boolean;
  readonly rows: readonly TelemetryRow[];
}

/** For how long what is kept, days. Days and months stay for as long as their device. */
export interface TelemetryRetention {
  readonly batches: number;
  readonly hours: number;
}

export const RETENTION: TelemetryRetention = { batches: 14, hours: 62 };

export interface TelemetryRepository {
  readonly rollups: TelemetryRollups;
  /** In a transaction of the caller's. @param device its number @param timeZone of its store @returns false where the batch was stored before */
  add(device: number, timeZone: string, batch: TelemetryBatch): boolean;
  /** By the console's clock, in the order of time; at most so many, evenly spread. Rows whose moment cannot be told are left out. */
  between(device: number, fromMs: number, toMs: number, most: number): TelemetryRow[];
  /** Added up by minute, models apart, from the batches that are still kept. */
  minutes(device: number, fromMs: number, toMs: number): { readonly minute: number; readonly digest: string; readonly sums: Sums }[];
  /** A device was set up anew and counts from here again: what it numbers above this is new. */
  countFrom(device: number, batch: number): void;
  /** Takes away all of a device. In a transaction of the caller's. */
  removeDevice(device: number): void;
  /** Takes away what is older than it is to be kept. In a transaction of the caller's. @returns how many batches and hours */
  expire(nowMs: number, retention?: TelemetryRetention): { readonly batches: number; readonly hours: number };
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** The longest row, by the contract: a batch that began that much earlier may reach into a period. */
const LONGEST_BATCH_MS = OLDEST_MS;

export function createTelemetryRepository(database: DatabaseSync): TelemetryRepository {
  const rollups = createTelemetryRollups(database);
  const addNumber = database.prepare('INSERT OR IGNORE INTO telemetry_numbers (device, batch) VALUES (?, ?)');
  const addBatch = database.prepare('INSERT INTO telemetry_batches (device, from_ms, to_ms, batch, skew_ms, arrived_ms, packed) VALUES (?, ?, ?, ?, ?, ?, ?)');
  const within = database.prepare('SELECT batch, skew_ms AS skewMs, arrived_ms AS arrivedMs, packed FROM telemetry_batches WHERE device = ? AND from_ms >= ? AND from_ms < ? AND to_ms > ? ORDER BY from_ms, batch');
  const expired = database.prepare('SELECT device, max(batch) AS newest FROM telemetry_batches WHERE arrived_ms < ? GROUP BY device');
  const dropBatches = database.prepare('DELETE FROM telemetry_batches WHERE arrived_ms < ?');
  const dropOf = ['telemetry_batches', 'telemetry_numbers'].map((table) => database.prepare(`DELETE FROM ${table} WHERE device = ?`));
  // A number below zero says that everything up to its absolute value was stored once, and need not be listed.
  const floorOf = database.prepare('SELECT -min(batch) AS floor FROM telemetry_numbers WHERE device = ? AND batch < 0');
  const dropNumbers = database.prepare('DELETE FROM telemetry_numbers WHERE device = ? AND batch <= ?');
  const dropNumbersAbove = database.prepare('DELETE FROM telemetry_numbers WHERE device = ? AND (batch > ? OR batch < -?)');

  const placed = (rows: readonly TelemetryRow[], skewMs: number, arrivedAtMs: number): PlacedRow[] =>
    rows.flatMap((row) => {
      const atMs = placedAt(row, skewMs, arrivedAtMs);
      return atMs === null ? [] : [{ atMs, row }];
    });

  const read = (device: number, fromMs: number, toMs: number): PlacedRow[] =>
    within
      .all(device, fromMs - LONGEST_BATCH_MS, toMs, fromMs)
      .flatMap((row) => placed(unpackRows(row['packed'] as Uint8Array, `telemetry_batches ${device} ${String(row['batch'])}`), Number(row['skewMs']), Number(row['arrivedMs'])))
      .filter(({ atMs }) => atMs >= fromMs && atMs < toMs)
      .sort((a, b) => a.atMs - b.atMs);

  return {
    rollups,
    add(device, timeZone, { batch, sentAtMs, arrivedAtMs, simulated, rows }) {
      if (batch <= Number(floorOf.get(device)?.['floor'] ?? 0) || addNumber.run(device, batch).changes === 0) return false;
      const skewMs = clockSkewMs(sentAtMs, arrivedAtMs);
      const known = placed(rows, skewMs, arrivedAtMs);
      const fromMs = known.reduce((first, { atMs }) => Math.min(first, atMs), known.length === 0 ? arrivedAtMs : Number.POSITIVE_INFINITY);
      const toMs = known.reduce((last, { atMs, row }) => Math.max(last, atMs + row.durationMs), fromMs);
      addBatch.run(device, fromMs, toMs, batch, skewMs, arrivedAtMs, packRows(rows));
      rollups.add(device, timeZone, simulated, known);
      return true;
    },
    between(device, fromMs, toMs, most) {
      const rows = read(device, fromMs, toMs);
      const every = Math.max(1, rows.length / most);
      const taken = rows.length <= most ? rows : Array.from({ length: most }, (_, at) => rows[Math.floor(at * every)]).filter((row) => row !== undefined);
      return taken.map(({ atMs, row }) => ({ ...row, fromMs: atMs }));
    },
    minutes(device, fromMs, toMs) {
      const found = new Map<string, { minute: number; digest: string; sums: Sums }>();
      for (const { atMs, row } of read(device, fromMs, toMs)) {
        const minute = Math.floor(atMs / MINUTE_MS);
        const key = `${minute} ${row.digest}`;
        let known = found.get(key);
        if (known === undefined) found.set(key, (known = { minute, digest: row.digest, sums: noSums() }));
        addRow(known.sums, row);
      }
      return [...found.values()];
    },
    countFrom(device, batch) {
      dropNumbersAbove.run(device, batch, batch);
    },
    removeDevice(device) {
      for (const drop of dropOf) drop.run(device);
      rollups.removeDevice(device);
    },
    expire(nowMs, retention = RETENTION) {
      const before = nowMs - retention.batches * DAY_MS;
      for (const row of expired.all(before)) {
        const floor = Number(row['newest']);
        dropNumbers.run(Number(row['device']), floor);
        addNumber.run(Number(row['device']), -floor);
      }
      return { batches: Number(dropBatches.run(before).changes), hours: rollups.dropHoursBefore(Math.floor((nowMs - retention.hours * DAY_MS) / HOUR_MS)) };
    },
  };
}
