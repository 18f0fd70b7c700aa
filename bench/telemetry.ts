/**
 * Storing what devices measure, and asking for it, against the plain way: a table with one row for each row of telemetry and an index by device and time.
 *
 *     node bench/telemetry.ts [--rounds 3] [--rows 1000000]
 *
 * Prints one JSON object, seconds. Stored: a million rows of 600 devices, one a minute, in batches of 60, each 100 batches a transaction, on disk with
 * synchronous = FULL, both alike. Ours adds up hours, days and months meanwhile. Asked: totals of every device and model over a year of days of 600 and of 3,000
 * devices (ours); and over the stored million rows (both). Turns alternate.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { TelemetryRow } from '../src/contract/records/telemetry.ts';
import { migrate } from '../src/console/store/migrate.ts';
import { createTelemetryRepository } from '../src/console/store/telemetry-repository.ts';
import { SUM_NAMES } from '../src/savings/rollup/sums.ts';
import { spread } from './networks.ts';

const { values: flags } = parseArgs({ options: { rounds: { type: 'string', default: '3' }, rows: { type: 'string', default: '1000000' } } });
const ROWS = Number(flags.rows);
const DEVICES = 600;
const BATCH = 60;
const BATCHES = Math.ceil(ROWS / DEVICES / BATCH);
const FIRST_DAY = 20_000;
const START_MS = FIRST_DAY * 86_400_000;
const DIGEST = 'a'.repeat(64);

function rowsOf(device: number, batch: number): TelemetryRow[] {
  return Array.from({ length: BATCH }, (_, at) => ({
    fromMs: START_MS + (batch * BATCH + at) * 60_000, durationMs: 60_000, digest: DIGEST, inferences: 600 + ((device * 7 + at) % 50), errors: 0, latencyP50Ms: 5.25 + (at % 7) / 8, latencyP95Ms: 8.5 + (at % 5) / 8, throughputPerS: 10, busyShare: 0.31,
    cpuShare: 0.25, temperatureC: 45 + (at % 9) / 4, energy: { totalJ: 600.125, aboveIdleJ: 120.5, tier: 'modelled', source: 'model' }, accuracy: null,
  }));
}

function open(folder: string, name: string): DatabaseSync {
  const database = new DatabaseSync(join(folder, name));
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
  return database;
}

function timed(action: () => void): number {
  const start = performance.now();
  action();
  return (performance.now() - start) / 1000;
}

function inTransactions(database: DatabaseSync, store: (device: number, batch: number) => void): void {
  let pending = 0;
  for (let batch = 0; batch < BATCHES; batch++) {
    for (let device = 1; device <= DEVICES; device++) {
      if (pending === 0) database.exec('BEGIN');
      store(device, batch);
      if (++pending === 100) {
        database.exec('COMMIT');
        pending = 0;
      }
    }
  }
  if (pending > 0) database.exec('COMMIT');
}

function addDevices(database: DatabaseSync, count: number): void {
  database.exec(`INSERT INTO stores VALUES ('s', '{}'); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) INSERT INTO devices (id, store_id, record, seen) SELECT 'd' || i, 's', '{}', '{}' FROM n`);
}

function ours(folder: string, made: TelemetryRow[][]): { store: number; ask: number } {
  const database = open(folder, 'ours.db');
  migrate(database);
  addDevices(database, DEVICES);
  const telemetry = createTelemetryRepository(database);
  const store = timed(() =>
    inTransactions(database, (device, batch) => {
      const atMs = START_MS + (batch + 1) * BATCH * 60_000;
      telemetry.add(device, 'Asia/Shanghai', { batch: batch + 1, sentAtMs: atMs, arrivedAtMs: atMs, simulated: false, rows: made[batch] ?? [] });
    }),
  );
  const ask = timed(() => void telemetry.rollups.totals(FIRST_DAY - 1, FIRST_DAY + 400));
  database.close();
  return { store, ask };
}

function plain(folder: string, made: TelemetryRow[][]): { store: number; ask: number } {
  const database = open(folder, 'plain.db');
  database.exec('CREATE TABLE telemetry (device INTEGER, from_ms INTEGER, duration_ms REAL, digest TEXT, inferences INTEGER, errors INTEGER, p50 REAL, p95 REAL, busy REAL, cpu REAL, temperature REAL, total_j REAL, idle_j REAL, tier TEXT, source TEXT); CREATE INDEX by_device ON telemetry (device, from_ms)');
  const insert = database.prepare('INSERT INTO telemetry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const store = timed(() =>
    inTransactions(database, (device, batch) => {
      for (const row of made[batch] ?? []) {
        insert.run(device, row.fromMs, row.durationMs, row.digest, row.inferences, row.errors, row.latencyP50Ms, row.latencyP95Ms, row.busyShare, row.cpuShare, row.temperatureC, row.energy?.totalJ ?? null, row.energy?.aboveIdleJ ?? null, row.energy?.tier ?? null, row.energy?.source ?? null);
      }
    }),
  );
  const ask = timed(() => void database.prepare('SELECT device, digest, tier, sum(duration_ms), sum(inferences), sum(total_j), sum(idle_j), sum(busy * duration_ms) FROM telemetry GROUP BY device, digest, tier').all());
  database.close();
  return { store, ask };
}

function year(folder: string, devices: number): { ask: number; curve: number } {
  const database = open(folder, `year-${devices}.db`);
  migrate(database);
  addDevices(database, devices);
  database.exec(`INSERT INTO telemetry_words (word) VALUES ('${DIGEST}'), ('{"tier":"modelled","source":"model","simulated":false}')`);
  const sums = SUM_NAMES.map((_, at) => `${1000 + at} + i % 7`).join(', ');
  database.exec(`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 364) INSERT INTO telemetry_days SELECT ${FIRST_DAY} + i, number, 1, 2, ${sums} FROM n, devices`);
  database.exec(`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 12) INSERT INTO telemetry_months SELECT ${57 * 12 - 15} + i, number, 1, 2, ${sums} FROM n, devices`);
  const { rollups } = createTelemetryRepository(database);
  const ask = timed(() => void rollups.totals(FIRST_DAY + 3, FIRST_DAY + 360));
  const curve = timed(() => void rollups.curve(FIRST_DAY, FIRST_DAY + 364));
  database.close();
  return { ask, curve };
}

const made = Array.from({ length: BATCHES }, (_, batch) => rowsOf(batch, batch));
const turns: { ours: ReturnType<typeof ours>; plain: ReturnType<typeof plain>; year600: ReturnType<typeof year>; year3000: ReturnType<typeof year> }[] = [];
for (let round = 0; round < Number(flags.rounds); round++) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-telemetry-'));
  try {
    const first = round % 2 === 0;
    const a = first ? ours(folder, made) : undefined;
    const b = plain(folder, made);
    turns.push({ ours: a ?? ours(folder, made), plain: b, year600: year(folder, 600), year3000: year(folder, 3000) });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
const of = (pick: (turn: (typeof turns)[number]) => number): ReturnType<typeof spread> => spread(turns.map(pick));
console.log(
  JSON.stringify(
    {
      rows: BATCHES * BATCH * DEVICES, rounds: turns.length,
      storeSeconds: { ours: of((t) => t.ours.store), plain: of((t) => t.plain.store), plainOverOurs: of((t) => t.plain.store / t.ours.store) },
      totalsOfAllSeconds: { ours: of((t) => t.ours.ask), plain: of((t) => t.plain.ask), plainOverOurs: of((t) => t.plain.ask / t.ours.ask) },
      year600Seconds: { totals: of((t) => t.year600.ask), curve: of((t) => t.year600.curve) },
      year3000Seconds: { totals: of((t) => t.year3000.ask), curve: of((t) => t.year3000.curve) },
    },
    null,
    2,
  ),
);
