import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { localDay, monthOfDay } from '../../base/local-time.ts';
import { seededRandom, shuffled } from '../../base/random.ts';
import type { TelemetryRow } from '../../contract/records/telemetry.ts';
import { CLOCK_TOLERANCE_MS, OLDEST_MS } from '../../savings/rollup/placement.ts';
import { SUM_NAMES, type SumName } from '../../savings/rollup/sums.ts';
import { openStore, type Store } from './open-store.ts';
import type { TelemetryBatch } from './telemetry-repository.ts';

const HOUR = 3_600_000;
const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 1, 3);
const ZONES = ['Asia/Shanghai', 'Europe/Berlin', 'Asia/Kolkata'];
const DIGESTS = ['a'.repeat(64), 'b'.repeat(64)];

let folder: string;
let store: Store;
let devices: { number: number; zone: string }[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'telemetry-'));
  store = openStore(join(folder, 'console.db'), '2026-11-01');
  devices = ZONES.map((zone, at) => {
    store.fleet.saveStore({ id: `s${at}`, name: `Store ${at}`, region: 'East', timeZone: zone, openingHours: [], tariffCnyPerKwh: null, linkKbitPerS: null, latitude: null, longitude: null });
    const side = { version: 0, values: {}, atMs: null };
    return {
      zone,
      number: store.fleet.saveDevice({
        record: { id: `d${at}`, storeId: `s${at}`, name: '', class: 'edge-box', workload: 'customer-flow', tags: [], simulated: false, version: null, digest: null },
        seen: { presence: { state: 'never', birth: 0, lastHeardMs: null }, credential: 'none', artifact: null, inventory: null, twin: { desired: side, reported: { ...side, answers: 0 } }, acked: { reports: 0, batches: 0 } },
      }),
    };
  });
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true });
});

const row = (random: () => number, fromMs: number): TelemetryRow => {
  const durationMs = 1000 + Math.floor(random() * 120_000);
  const some = <T>(value: T): T | null => (random() < 0.8 ? value : null);
  const latency = some(5 + 20 * random());
  const totalJ = some(400 * random());
  return {
    fromMs, durationMs, digest: DIGESTS[Math.floor(random() * 2)] ?? '', inferences: Math.floor(random() * 5000), errors: Math.floor(random() * 3), latencyP50Ms: latency, latencyP95Ms: latency === null ? null : latency * 1.5,
    throughputPerS: 30 * random(), busyShare: random(), cpuShare: some(random()), temperatureC: some(-10 + 80 * random()),
    energy: totalJ === null ? null : { totalJ, aboveIdleJ: some(totalJ / 2), tier: random() < 0.5 ? 'counter' : 'modelled', source: 'test' },
    accuracy: random() < 0.1 ? { value: Math.round(100 * random()) / 100, samples: 100 } : null,
  };
};

/** Batches in a wild order: late ones, ones that come twice, clocks that are years off, rows whose moment nobody knows. */
function wildBatches(seed: number, count: number): { device: { number: number; zone: string }; batch: TelemetryBatch }[] {
  const random = seededRandom(seed);
  const made = devices.flatMap((device) =>
    Array.from({ length: count }, (_, at) => {
      const skew = random() < 0.2 ? Math.round((random() - 0.5) * 20 * 365 * DAY) : random() < 0.5 ? Math.round((random() - 0.5) * 2 * CLOCK_TOLERANCE_MS) : 0;
      const late = random() < 0.2 ? Math.floor(random() * 20 * DAY) : 1000;
      const measured = NOW - Math.floor(random() * 40 * DAY) - 121_000;
      const arrivedAtMs = Math.min(NOW, measured + 121_000 + late);
      const rows = Array.from({ length: 1 + Math.floor(random() * 8) }, () => row(random, measured - Math.floor(random() * 3 * HOUR) + skew));
      if (random() < 0.05) rows.push({ ...row(random, arrivedAtMs + skew + DAY) }, { ...row(random, arrivedAtMs + skew - OLDEST_MS - DAY) });
      return { device, batch: { batch: at + 1, sentAtMs: arrivedAtMs + skew, arrivedAtMs, simulated: random() < 0.3, rows } };
    }),
  );
  const doubled = [...made, ...made.filter(() => random() < 0.3)];
  return shuffled(doubled, random);
}

/** The same from nothing but the definition, one figure at a time. */
function bruteForce(batches: readonly { device: { number: number; zone: string }; batch: TelemetryBatch }[], span: 'hour' | 'day' | 'month'): Map<string, Record<SumName, number>> {
  const seen = new Set<string>();
  const found = new Map<string, Record<SumName, number>>();
  for (const { device, batch } of batches) {
    const name = `${device.number} ${batch.batch}`;
    if (seen.has(name)) continue;
    seen.add(name);
    const ahead = batch.sentAtMs - batch.arrivedAtMs;
    for (const one of batch.rows) {
      const at = one.fromMs - (Math.abs(ahead) > 120_000 ? ahead : 0);
      if (at + one.durationMs > batch.arrivedAtMs + 120_000 || at < batch.arrivedAtMs - 62 * DAY) continue;
      const wall = new Date(new Date(at).toLocaleString('sv-SE', { timeZone: device.zone }).replace(' ', 'T') + 'Z');
      const bucket = span === 'hour' ? Math.floor(at / HOUR) : span === 'day' ? Math.floor(wall.getTime() / DAY) : (wall.getUTCFullYear() - 1970) * 12 + wall.getUTCMonth();
      const key = [device.number, bucket, one.digest, one.energy?.tier ?? null, batch.simulated].join(' ');
      const sums = found.get(key) ?? ({ ...Object.fromEntries(SUM_NAMES.map((each) => [each, 0])), latencyP95MaxMs: -1000, temperatureMaxC: -1000 } as Record<SumName, number>);
      const plus: Partial<Record<SumName, number>> = {
        rows: 1, durationMs: one.durationMs, inferences: one.inferences, errors: one.errors, busyMs: one.durationMs * one.busyShare,
        ...(one.energy ? { energyMs: one.durationMs, energyJ: one.energy.totalJ, energyInferences: one.inferences } : {}),
        ...(one.energy?.aboveIdleJ == null ? {} : { aboveIdleMs: one.durationMs, aboveIdleJ: one.energy.aboveIdleJ, aboveIdleInferences: one.inferences }),
        ...(one.latencyP50Ms === null || one.latencyP95Ms === null ? {} : { latencyP50Weighted: one.latencyP50Ms * one.inferences, latencyP95Weighted: one.latencyP95Ms * one.inferences, latencyInferences: one.inferences }),
        ...(one.temperatureC === null ? {} : { temperatureWeighted: one.temperatureC * one.durationMs, temperatureMs: one.durationMs }),
        ...(one.cpuShare === null ? {} : { cpuWeighted: one.cpuShare * one.durationMs, cpuMs: one.durationMs }),
        ...(one.accuracy ? { accuracyRight: one.accuracy.value * one.accuracy.samples, accuracySamples: one.accuracy.samples } : {}),
      };
      for (const [each, value] of Object.entries(plus)) sums[each as SumName] += value;
      if (one.latencyP95Ms !== null && one.latencyP50Ms !== null) sums.latencyP95MaxMs = Math.max(sums.latencyP95MaxMs, one.latencyP95Ms);
      if (one.temperatureC !== null) sums.temperatureMaxC = Math.max(sums.temperatureMaxC, one.temperatureC);
      found.set(key, sums);
    }
  }
  return found;
}

function addAll(batches: readonly { device: { number: number; zone: string }; batch: TelemetryBatch }[]): void {
  store.transaction(() => {
    for (const { device, batch } of batches) store.telemetry.add(device.number, device.zone, batch);
  });
}

describe('roll-ups', () => {
  it.each([1, 2, 3])('equal a recomputation from the rows, whatever came late, twice or with a wrong clock (seed %i)', (seed) => {
    const batches = wildBatches(seed, 120);
    addAll(batches);
    for (const span of ['hour', 'day', 'month'] as const) {
      const expected = bruteForce(batches, span);
      const found = store.telemetry.rollups.buckets(span, -1_000_000, 1_000_000_000);
      expect(found).toHaveLength(expected.size);
      for (const { device, bucket, digest, evidence, sums } of found) {
        const wanted = expected.get([device, bucket, digest, evidence.tier, evidence.simulated].join(' '));
        for (const name of SUM_NAMES) expect(Math.abs(sums[name] - (wanted?.[name] ?? Number.NaN)), `${span} ${name}`).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(sums[name])));
      }
    }
  });

  it('add up over days to the same, whole months or not', () => {
    addAll(wildBatches(9, 100));
    const { rollups } = store.telemetry;
    const last = localDay('Asia/Shanghai', NOW);
    for (const [from, to] of [[last - 50, last], [last - 3, last], [last - 31, last - 1], [last - 400, last + 400]] as const) {
      const days = rollups.buckets('day', from, to);
      const totals = rollups.totals(from, to);
      for (const name of ['inferences', 'energyJ', 'rows', 'durationMs'] as const) {
        const ofDays = days.reduce((sum, { sums }) => sum + sums[name], 0);
        expect(totals.reduce((sum, { sums }) => sum + sums[name], 0)).toBeCloseTo(ofDays, 4);
        expect(rollups.curve(from, to).reduce((sum, { sums }) => sum + sums[name], 0)).toBeCloseTo(ofDays, 4);
      }
      expect(new Set(totals.map((one) => `${one.device} ${one.digest} ${JSON.stringify(one.evidence)}`)).size).toBe(totals.length);
    }
    expect(monthOfDay(last)).toBe(56 * 12 + 10);
  });
});

describe('batches', () => {
  const batch = (number: number, rows: readonly TelemetryRow[], more: Partial<TelemetryBatch> = {}): TelemetryBatch => ({ batch: number, sentAtMs: NOW, arrivedAtMs: NOW, simulated: false, rows, ...more });
  const random = seededRandom(4);

  it('come back as they were, nothing rounded', () => {
    const rows = Array.from({ length: 40 }, (_, at) => row(random, NOW - 8 * HOUR + at * 125_000 + random()));
    store.telemetry.add(devices[0]?.number ?? 0, 'UTC', batch(1, rows));
    expect(store.telemetry.between(devices[0]?.number ?? 0, NOW - DAY, NOW, 1000)).toEqual(rows);
    expect(store.telemetry.between(devices[0]?.number ?? 0, NOW - DAY, NOW, 7)).toHaveLength(7);
    const minutes = store.telemetry.minutes(devices[0]?.number ?? 0, NOW - DAY, NOW);
    expect(minutes.reduce((sum, { sums }) => sum + sums.inferences, 0)).toBe(rows.reduce((sum, one) => sum + one.inferences, 0));
  });

  it('of a clock that is ten years off stand where they belong', () => {
    const device = devices[0]?.number ?? 0;
    const one = row(random, NOW - HOUR - 10 * 365 * DAY);
    store.telemetry.add(device, 'UTC', batch(1, [one], { sentAtMs: NOW - 10 * 365 * DAY }));
    expect(store.telemetry.between(device, NOW - 2 * HOUR, NOW, 10).map(({ fromMs }) => fromMs)).toEqual([NOW - HOUR]);
  });

  it('that were stored once are not counted again when their rows are gone, and a device that begins again is heard', () => {
    const device = devices[0]?.number ?? 0;
    const add = (number: number, arrivedAtMs: number): boolean => store.telemetry.add(device, 'UTC', batch(number, [row(random, arrivedAtMs - HOUR)], { sentAtMs: arrivedAtMs, arrivedAtMs }));
    expect([add(1, NOW - 20 * DAY), add(2, NOW - 19 * DAY), add(3, NOW)]).toEqual([true, true, true]);
    expect(store.telemetry.expire(NOW).batches).toBe(2);
    expect([add(1, NOW), add(2, NOW), add(3, NOW), add(4, NOW)]).toEqual([false, false, false, true]);
    expect(store.telemetry.rollups.buckets('day', 0, 100_000).reduce((sum, { sums }) => sum + sums.rows, 0)).toBe(4);
    store.telemetry.countFrom(device, 0);
    expect([add(1, NOW), add(1, NOW), add(2, NOW)]).toEqual([true, false, true]);
  });

  it('go with their device', () => {
    addAll(wildBatches(5, 5));
    for (const { number } of devices) store.telemetry.removeDevice(number);
    expect(store.telemetry.rollups.buckets('month', 0, 100_000)).toEqual([]);
    expect(store.telemetry.rollups.extent()).toBeNull();
  });
});
