/** What devices measured, row by row. A batch that comes twice is stored once; one that comes late falls into its place. */
import type { DatabaseSync } from 'node:sqlite';
import { telemetryRow, type TelemetryRow } from '../../contract/records/telemetry.ts';
import { parseColumn } from './row.ts';

export interface TelemetryRepository {
  /** In a transaction of the caller's. @param device its number. @returns false where the batch was stored before */
  add(device: number, batch: number, rows: readonly TelemetryRow[]): boolean;
  /** In the order of time; at most so many, evenly spread. */
  between(device: number, fromMs: number, toMs: number, most: number): TelemetryRow[];
}

export function createTelemetryRepository(database: DatabaseSync): TelemetryRepository {
  const addBatch = database.prepare('INSERT OR IGNORE INTO telemetry_batches (device, batch) VALUES (?, ?)');
  const add = database.prepare('INSERT OR IGNORE INTO telemetry (device, from_ms, batch, at, row) VALUES (?, ?, ?, ?, ?)');
  const between = database.prepare(
    `SELECT row FROM (SELECT row, row_number() OVER (ORDER BY from_ms, batch, at) - 1 AS place, count(*) OVER () AS rows FROM telemetry WHERE device = ? AND from_ms >= ? AND from_ms < ?)
     WHERE rows <= ? OR place * ? / rows <> (place - 1) * ? / rows OR place = 0`,
  );
  return {
    add(device, batch, rows) {
      if (addBatch.run(device, batch).changes === 0) return false;
      rows.forEach((row, at) => add.run(device, Math.round(row.fromMs), batch, at, JSON.stringify(row)));
      return true;
    },
    between: (device, fromMs, toMs, most) => between.all(device, Math.round(fromMs), Math.round(toMs), most, most, most).map((row) => parseColumn(telemetryRow, row['row'], 'telemetry')),
  };
}
