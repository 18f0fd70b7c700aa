import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { telemetryRow, type TelemetryRow } from '../../contract/records/telemetry.ts';
import { openStore, type Store } from '../store/open-store.ts';
import { telemetryRows } from './telemetry-rows.ts';

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 10, 1, 12);
let folder: string;
let store: Store;
let device: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'telemetry-rows-'));
  store = openStore(join(folder, 'console.db'), '2026-11-01');
  store.fleet.saveStore({ id: 's', name: 'Store', region: 'East', timeZone: 'UTC', openingHours: [], tariffCnyPerKwh: null, linkKbitPerS: null, latitude: null, longitude: null });
  const side = { version: 0, values: {}, atMs: null };
  device = store.fleet.saveDevice({
    record: { id: 'd', storeId: 's', name: '', class: 'edge-box', workload: 'customer-flow', tags: [], simulated: false, version: null, digest: null },
    seen: { presence: { state: 'never', birth: 0, lastHeardMs: null }, credential: 'none', artifact: null, inventory: null, twin: { desired: side, reported: { ...side, answers: 0 } }, acked: { reports: 0, batches: 0 } },
  });
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true });
});

const row = (fromMs: number, more: Partial<TelemetryRow> = {}): TelemetryRow => ({
  fromMs, durationMs: 60_000, digest: 'a'.repeat(64), inferences: 600, errors: 0, latencyP50Ms: 10, latencyP95Ms: 20, throughputPerS: 10, busyShare: 0.1, cpuShare: null, temperatureC: 40,
  energy: { totalJ: 300, aboveIdleJ: null, tier: 'counter', source: 'test' }, accuracy: null, ...more,
});

it('tells a short time as it was told, and a long one by the hour, with the same power and rate', () => {
  const rows = Array.from({ length: 120 }, (_, at) => row(NOW - 2 * HOUR + at * 60_000));
  store.telemetry.add(device, 'UTC', { batch: 1, sentAtMs: NOW, arrivedAtMs: NOW, simulated: false, rows });
  expect(telemetryRows(store.telemetry, device, NOW - 3 * HOUR, NOW)).toEqual(rows);
  const hours = telemetryRows(store.telemetry, device, NOW - 48 * HOUR, NOW);
  expect(hours).toHaveLength(2);
  for (const hour of hours) {
    expect(telemetryRow.safeParse(hour).success).toBe(true);
    expect(hour).toMatchObject({ durationMs: HOUR, latencyP50Ms: 10, latencyP95Ms: 20, throughputPerS: 10, temperatureC: 40, energy: { tier: 'counter' } });
    expect(((hour.energy?.totalJ ?? 0) * 1000) / hour.durationMs).toBeCloseTo(5, 9);
  }
});

it('leaves unknown what was never measured', () => {
  store.telemetry.add(device, 'UTC', { batch: 1, sentAtMs: NOW, arrivedAtMs: NOW, simulated: false, rows: [row(NOW - HOUR, { latencyP50Ms: null, latencyP95Ms: null, temperatureC: null, energy: null })] });
  expect(telemetryRows(store.telemetry, device, NOW - 48 * HOUR, NOW)).toMatchObject([{ latencyP50Ms: null, latencyP95Ms: null, temperatureC: null, energy: null, accuracy: null, cpuShare: null }]);
});
