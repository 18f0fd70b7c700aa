/**
 * What telemetry adds up to, by hour, by the store's day and by its month. Every batch is added to all three in the transaction that stores it: a batch
 * that comes late or in another order changes nothing but the order of additions.
 *
 * A row counts for the bucket in which it begins. Rows of different models or different evidence are never added together.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { z } from 'zod';
import { firstDayOfMonth, localDay, monthOfDay } from '../../base/local-time.ts';
import { energyTier, type TelemetryRow } from '../../contract/records/telemetry.ts';
import { addRow, addSums, MAXIMA, noSums, SUM_NAMES, type SumName, type Sums } from '../../savings/rollup/sums.ts';

export type RollupSpan = 'hour' | 'day' | 'month';

/** Where energy figures of a bucket are from. */
const evidenceRecord = z.object({ tier: energyTier.nullable(), source: z.string(), simulated: z.boolean() });
export type Evidence = z.infer<typeof evidenceRecord>;

export interface Bucket {
  /** Number of the device. */
  readonly device: number;
  /** Hours since 1970 UTC, or days or months since 1970-01-01 by the store's clock. */
  readonly bucket: number;
  readonly digest: string;
  readonly evidence: Evidence;
  readonly sums: Sums;
}

/** A row with its moment by the console's clock. */
export interface PlacedRow {
  readonly atMs: number;
  readonly row: TelemetryRow;
}

/** From when to when a device worked with a model, by the console's clock. */
export interface ModelRun {
  readonly device: number;
  readonly digest: string;
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface TelemetryRollups {
  /** In a transaction of the caller's. */
  add(device: number, timeZone: string, simulated: boolean, rows: readonly PlacedRow[]): void;
  /** Buckets of a span in the order of time and devices; both ends belong. @param devices all where left out */
  buckets(span: RollupSpan, from: number, to: number, devices?: readonly number[]): Bucket[];
  /**
   * The same for very many: nothing is made for a row but its numbers, which `visit` gets in the order of `names`, and which are only its own until it returns.
   * In no order but that of time.
   */
  each(span: RollupSpan, from: number, to: number, devices: readonly number[] | undefined, names: readonly SumName[], visit: (device: number, bucket: number, digest: string, evidence: Evidence, values: ArrayLike<number>) => void): void;
  /** Of each device, model and evidence, added up over days; whole months are read as such. `bucket` is the first day. */
  totals(fromDay: number, toDay: number): Bucket[];
  /** Day by day, devices added together, model and evidence apart; `device` is 0, and only the figures of `CURVE_NAMES` are there. @param devices all where left out */
  curve(fromDay: number, toDay: number, devices?: readonly number[]): Bucket[];
  /** Takes away all of a device. */
  removeDevice(device: number): void;
  /** In the order of devices and of their beginnings. Only rows in which something was inferred count. */
  runs(): ModelRun[];
  /** First and last day of which anything is known; null: none. */
  extent(): { readonly fromDay: number; readonly toDay: number } | null;
  /** First and last hour that is kept, since 1970 UTC; null: none. */
  hourExtent(): { readonly fromHour: number; readonly toHour: number } | null;
  /** Takes away hours before this one. @returns how many rows */
  dropHoursBefore(hour: number): number;
}

const TABLES: Readonly<Record<RollupSpan, string>> = { hour: 'telemetry_hours', day: 'telemetry_days', month: 'telemetry_months' };
const HOUR_MS = 3_600_000;
/** Devices and buckets up to which single look-ups are cheaper than reading a period. */
const FEW = 30;
const MANY_BUCKETS = 5000;
const column = (name: SumName): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const COLUMNS = SUM_NAMES.map(column);
const isMaximum = (name: SumName): boolean => MAXIMA.includes(name);
const added = (names: readonly SumName[]): string => names.map((name) => (isMaximum(name) ? `max(${column(name)})` : `sum(${column(name)})`)).join(', ');
/** What a curve of days shows. */
export const CURVE_NAMES: readonly SumName[] = ['rows', 'durationMs', 'inferences', 'busyMs', 'energyMs', 'energyJ', 'energyInferences', 'latencyP95Weighted', 'latencyInferences', 'accuracyRight', 'accuracySamples'];

export function createTelemetryRollups(database: DatabaseSync): TelemetryRollups {
  const findWord = database.prepare('SELECT id FROM telemetry_words WHERE word = ?');
  const addWord = database.prepare('INSERT INTO telemetry_words (word) VALUES (?) RETURNING id');
  const allWords = database.prepare('SELECT word FROM telemetry_words WHERE id = ?');
  const merged = SUM_NAMES.map((name) => `${column(name)} = ${isMaximum(name) ? `max(${column(name)}, excluded.${column(name)})` : `${column(name)} + excluded.${column(name)}`}`).join(', ');
  const upsert = (span: RollupSpan): StatementSync =>
    database.prepare(
      `INSERT INTO ${TABLES[span]} (bucket, device, digest, evidence, ${COLUMNS.join(', ')}) VALUES (?, ?, ?, ?, ${COLUMNS.map(() => '?').join(', ')})
       ON CONFLICT (bucket, device, digest, evidence) DO UPDATE SET ${merged}`,
    );
  const upserts: Readonly<Record<RollupSpan, StatementSync>> = { hour: upsert('hour'), day: upsert('day'), month: upsert('month') };
  const addRun = database.prepare(
    'INSERT INTO telemetry_runs (device, digest, first_ms, last_ms) VALUES (?, ?, ?, ?) ON CONFLICT (device, digest) DO UPDATE SET first_ms = min(first_ms, excluded.first_ms), last_ms = max(last_ms, excluded.last_ms)',
  );
  const runs = database.prepare('SELECT device, digest, first_ms AS firstMs, last_ms AS lastMs FROM telemetry_runs ORDER BY device, first_ms');
  const dropHours = database.prepare('DELETE FROM telemetry_hours WHERE bucket < ?');
  const hourExtent = database.prepare('SELECT (SELECT min(bucket) FROM telemetry_hours) AS first, (SELECT max(bucket) FROM telemetry_hours) AS last');
  const extent = database.prepare('SELECT (SELECT min(bucket) FROM telemetry_days) AS first, (SELECT max(bucket) FROM telemetry_days) AS last');

  // Words are never changed; one that a rolled back transaction wrote must not be remembered, so it is remembered when it is read.
  const idOf = (word: string): number => Number((findWord.get(word) ?? addWord.get(word))?.['id']);
  const words = new Map<number, string>();
  const wordOf = (id: number): string => {
    const known = words.get(id) ?? String(allWords.get(id)?.['word'] ?? '');
    words.set(id, known);
    return known;
  };
  const evidences = new Map<number, Evidence>();
  const evidenceOf = (id: number): Evidence => {
    const known = evidences.get(id) ?? evidenceRecord.parse(JSON.parse(wordOf(id)));
    evidences.set(id, known);
    return known;
  };

  const bucketOf = (row: readonly unknown[], names: readonly SumName[]): Bucket => {
    const sums = noSums();
    names.forEach((name, at) => (sums[name] = Number(row[at + 4])));
    return { device: Number(row[0]), bucket: Number(row[1]), digest: wordOf(Number(row[2])), evidence: evidenceOf(Number(row[3])), sums };
  };
  const read = (sql: string, names: readonly SumName[] = SUM_NAMES): Bucket[] => {
    const statement = database.prepare(sql);
    statement.setReturnArrays(true);
    return (statement.all() as unknown as unknown[][]).map((row) => bucketOf(row, names));
  };
  // Buckets come first in the key, so a period lies together. For few devices each bucket is looked up by itself instead of reading all of it.
  // What is put into the text are numbers of this program's own: no text of anybody comes into the statement.
  const source = (span: RollupSpan, from: number, to: number, devices: readonly number[] | undefined): string => {
    const [first, last] = [Math.trunc(from), Math.trunc(to)];
    const range = `bucket BETWEEN ${first} AND ${last}`;
    if (devices === undefined) return `${TABLES[span]} WHERE ${range}`;
    const among = `device IN (${devices.map((device) => Math.trunc(device)).join(', ')})`;
    if (devices.length > FEW || last - first > MANY_BUCKETS) return `${TABLES[span]} WHERE ${range} AND ${among}`;
    return `(WITH RECURSIVE each_bucket (n) AS (SELECT ${first} UNION ALL SELECT n + 1 FROM each_bucket WHERE n < ${last}) SELECT ${TABLES[span]}.* FROM each_bucket CROSS JOIN ${TABLES[span]} ON bucket = n AND ${among})`;
  };
  const removals = [...Object.values(TABLES), 'telemetry_runs'].map((table) => database.prepare(`DELETE FROM ${table} WHERE device = ?`));

  return {
    add(device, timeZone, simulated, rows) {
      // Rows that follow each other mostly belong together: the last place is looked at first.
      let last: (Pending & { readonly day: number; readonly tier: string | null; readonly meter: string }) | undefined;
      let run: { readonly digest: string; firstMs: number; lastMs: number } | undefined;
      const found = new Map<string, NonNullable<typeof last>>();
      const worked = new Map<string, NonNullable<typeof run>>();
      for (const { atMs, row } of rows) {
        if (row.inferences > 0) {
          if (run?.digest !== row.digest) {
            run = worked.get(row.digest) ?? { digest: row.digest, firstMs: atMs, lastMs: atMs };
            worked.set(row.digest, run);
          }
          run.firstMs = Math.min(run.firstMs, atMs);
          run.lastMs = Math.max(run.lastMs, atMs);
        }
        const tier = row.energy?.tier ?? null;
        const meter = row.energy?.source ?? '';
        const hour = Math.floor(atMs / HOUR_MS);
        // Not every zone is whole hours ahead: an hour may lie in two days.
        const day = localDay(timeZone, atMs);
        if (last === undefined || last.bucket !== hour || last.day !== day || last.digest !== row.digest || last.tier !== tier || last.meter !== meter) {
          const key = `${hour} ${day} ${row.digest} ${tier} ${meter}`;
          last = found.get(key) ?? { bucket: hour, day, digest: row.digest, tier, meter, evidence: JSON.stringify({ tier, source: meter, simulated } satisfies Evidence), sums: noSums() };
          found.set(key, last);
        }
        addRow(last.sums, row);
      }
      const buckets = { hour: new Map<string, Pending>(), day: new Map<string, Pending>(), month: new Map<string, Pending>() };
      for (const part of found.values()) {
        addPart(buckets.hour, part.bucket, part);
        addPart(buckets.day, part.day, part);
        addPart(buckets.month, monthOfDay(part.day), part);
      }
      const ids = new Map<string, number>();
      const id = (word: string): number => {
        const known = ids.get(word) ?? idOf(word);
        ids.set(word, known);
        return known;
      };
      for (const [digest, { firstMs, lastMs }] of worked) addRun.run(device, id(digest), firstMs, lastMs);
      for (const span of ['hour', 'day', 'month'] as const) {
        for (const { bucket, digest, evidence, sums } of buckets[span].values()) upserts[span].run(bucket, device, id(digest), id(evidence), ...SUM_NAMES.map((name) => sums[name]));
      }
    },
    buckets: (span, from, to, devices) =>
      read(`SELECT device, bucket, digest, evidence, ${COLUMNS.join(', ')} FROM ${source(span, from, to, devices)} ORDER BY bucket, device, digest, evidence`),
    each(span, from, to, devices, names, visit) {
      const statement = database.prepare(`SELECT device, bucket, digest, evidence, ${names.map(column).join(', ')} FROM ${source(span, from, to, devices)}`);
      statement.setReturnArrays(true);
      const values = new Float64Array(names.length);
      for (const row of statement.iterate() as unknown as Iterable<number[]>) {
        for (let at = 0; at < names.length; at++) values[at] = row[at + 4] ?? 0;
        visit(row[0] ?? 0, row[1] ?? 0, wordOf(row[2] ?? 0), evidenceOf(row[3] ?? 0), values);
      }
    },
    totals(fromDay, toDay) {
      const fromMonth = firstDayOfMonth(monthOfDay(fromDay)) === fromDay ? monthOfDay(fromDay) : monthOfDay(fromDay) + 1;
      const toMonth = firstDayOfMonth(monthOfDay(toDay) + 1) - 1 === toDay ? monthOfDay(toDay) : monthOfDay(toDay) - 1;
      const over = (span: RollupSpan, from: number, to: number): Bucket[] =>
        from > to ? [] : read(`SELECT device, ${Math.trunc(fromDay)}, digest, evidence, ${added(SUM_NAMES)} FROM ${source(span, from, to, undefined)} GROUP BY device, digest, evidence`);
      if (fromMonth > toMonth) return over('day', fromDay, toDay);
      const parts = [...over('month', fromMonth, toMonth), ...over('day', fromDay, firstDayOfMonth(fromMonth) - 1), ...over('day', firstDayOfMonth(toMonth + 1), toDay)];
      const found = new Map<string, Bucket>();
      for (const part of parts) {
        const key = `${part.device} ${part.digest} ${JSON.stringify(part.evidence)}`;
        const known = found.get(key);
        if (known) addSums(known.sums, part.sums);
        else found.set(key, part);
      }
      return [...found.values()].sort((a, b) => a.device - b.device || a.digest.localeCompare(b.digest));
    },
    curve: (fromDay, toDay, devices) =>
      read(`SELECT 0, bucket, digest, evidence, ${added(CURVE_NAMES)} FROM ${source('day', fromDay, toDay, devices)} GROUP BY bucket, digest, evidence ORDER BY bucket, digest`, CURVE_NAMES),
    removeDevice(device) {
      for (const removal of removals) removal.run(device);
    },
    runs: () => runs.all().map((row) => ({ device: Number(row['device']), digest: wordOf(Number(row['digest'])), firstMs: Number(row['firstMs']), lastMs: Number(row['lastMs']) })),
    extent() {
      const row = extent.get();
      return row?.['first'] == null ? null : { fromDay: Number(row['first']), toDay: Number(row['last']) };
    },
    hourExtent() {
      const row = hourExtent.get();
      return row?.['first'] == null ? null : { fromHour: Number(row['first']), toHour: Number(row['last']) };
    },
    dropHoursBefore: (hour) => Number(dropHours.run(hour).changes),
  };
}

interface Pending {
  readonly bucket: number;
  readonly digest: string;
  readonly evidence: string;
  readonly sums: Sums;
}

function addPart(buckets: Map<string, Pending>, bucket: number, { digest, evidence, sums }: Pending): void {
  const key = `${bucket} ${digest} ${evidence}`;
  const known = buckets.get(key);
  if (known) addSums(known.sums, sums);
  else buckets.set(key, { bucket, digest, evidence, sums: { ...sums } });
}
