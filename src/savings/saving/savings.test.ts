import { expect, test } from 'vitest';
import type { CapacityDecision } from '../../contract/records/savings.ts';
import { DEFAULT_ASSUMPTIONS } from '../cost/assumptions.ts';
import { weekPrices } from '../cost/prices.ts';
import { DAY_MS, HOUR_MS, METER, MONDAY_MS, queryOf, tableOf, update, type PlainRow } from '../testing/small-fleet.ts';
import { dayCurve } from '../views/day-curve.ts';
import { scatterPoints } from '../views/scatter.ts';
import { waterfallOf } from '../views/waterfall.ts';
import { whatIf } from '../views/what-if.ts';
import { prepareSavings } from './panel.ts';
import { lineOf, savingOf, verdictOf } from './result.ts';

const atMs = MONDAY_MS + 7 * DAY_MS;
const toMs = MONDAY_MS + 14 * DAY_MS;
const BOX = [{ id: 'd1', store: 's1' }];

/** A week on each side: 10 W at idle, and so many joules an inference. */
function weeks(device: string, eachJ: readonly [number, number], more: Partial<PlainRow> = {}): PlainRow[] {
  return Array.from({ length: 14 * 24 }, (_, hour): PlainRow => {
    const side = hour < 7 * 24 ? 0 : 1;
    const inferences = 1000 + 10 * (hour % 24);
    return { device, atMs: MONDAY_MS + hour * HOUR_MS, digest: side === 0 ? 'old' : 'new', idleJ: 36_000, aboveJ: eachJ[side] * inferences, inferences, busyMs: inferences * 100 * (eachJ[side] / 20), ...more };
  });
}

const ask = (rows: readonly PlainRow[], more: Parameters<typeof queryOf>[2] = {}, assumptions: Parameters<typeof queryOf>[3] = {}) =>
  prepareSavings(queryOf(tableOf(BOX, rows), [update('d1', atMs)], { toMs, ...more }, assumptions));

test('less accurate work is not equal work: no saving is claimed, however much less it takes', () => {
  const measured = (right: readonly [number, number]) => weeks('d1', [20, 10]).map((row, at) => ({ ...row, accuracy: { right: right[at < 168 ? 0 : 1], samples: 100 } }));
  const worse = savingOf(ask(measured([90, 80])), { kind: 'chain' });
  expect(worse.energy.verdict).toBe('not_equal_work');
  expect(worse.totalVerdict).toBe('not_equal_work');
  expect(worse.energy.evidence.leftOut).toEqual([{ deviceId: 'd1', reason: 'accuracy_worse' }]);
  const equal = savingOf(ask(measured([90, 90])), { kind: 'chain' });
  expect(equal.energy).toMatchObject({ verdict: 'proven', accuracyDrop: 0 });
});

test('what cannot be compared is left out with its reason', () => {
  const reason = (rows: readonly PlainRow[], assumptions = {}) => savingOf(ask(rows, {}, assumptions), { kind: 'chain' }).energy;
  const hours = (from: number, to: number) => weeks('d1', [20, 10]).slice(from, to);
  expect(reason(hours(150, 336), { minHours: { value: 72, source: 't' } }).evidence.leftOut[0]?.reason).toBe('too_short_before');
  expect(reason(hours(0, 180), { minHours: { value: 72, source: 't' } }).evidence.leftOut[0]?.reason).toBe('too_short_after');
  expect(reason(weeks('d1', [20, 10]).map((row) => ({ ...row, inferences: 0 }))).evidence.leftOut[0]?.reason).toBe('no_work');
  const otherMeter = weeks('d1', [20, 10]).map((row, at) => (at < 168 ? row : { ...row, evidence: { tier: 'metered', source: 'plug', simulated: false } as const }));
  expect(reason(otherMeter)).toMatchObject({ verdict: 'not_enough_data', share: null });
  expect(reason(otherMeter).evidence.leftOut[0]?.reason).toBe('evidence_changed');
  const totalOnly = weeks('d1', [20, 10]).map((row, at) => ({ ...row, split: false, inferences: at < 168 ? row.inferences : row.inferences * 2 }));
  expect(reason(totalOnly).evidence.leftOut[0]?.reason).toBe('work_differs');
});

test('hours count as their like does after: a device that was silent by night saves nothing by being heard again', () => {
  // By night it computes little and each inference takes three times as much; before, most nights are missing.
  const night = (hour: number): boolean => hour % 24 < 8;
  const rows = weeks('d1', [20, 20])
    .map((row, hour) => (night(hour) ? { ...row, inferences: 100, aboveJ: 6000 } : row))
    .filter((_, hour) => !(night(hour) && hour < 168 && hour > 24));
  const { energy } = savingOf(ask(rows), { kind: 'chain' });
  expect(energy.share?.value).toBeCloseTo(0, 10);
  expect(energy.evidence.rowsBefore).toBe(rows.length - 168);
});

test('without stores held back, or with too few of them, auto says before and after, and asking for them says not enough data', () => {
  const fleet = (held: number) => {
    const devices = Array.from({ length: 10 + held }, (_, at) => ({ id: `d${at}`, store: `s${at}` }));
    const rows = devices.flatMap(({ id }, at) => weeks(id, at < 10 ? [20, 10] : [20, 20]).map((row) => (at < 10 ? row : { ...row, digest: 'old' })));
    const updates = devices.slice(0, 10).map(({ id }) => update(id, atMs));
    return (method: 'auto' | 'held_back') => savingOf(prepareSavings(queryOf(tableOf(devices, rows), updates, { toMs, method })), { kind: 'chain' }).energy;
  };
  expect(fleet(8)('auto')).toMatchObject({ method: 'held_back', controlRatio: 1, evidence: { controlStores: 8 } });
  expect(fleet(7)('auto')).toMatchObject({ method: 'before_after', controlRatio: null, evidence: { controlStores: 0 } });
  expect(fleet(7)('held_back')).toMatchObject({ method: 'held_back', verdict: 'not_enough_data', share: null });
});

test('rows of seconds, minutes on each side: two devices of which nothing else is known', () => {
  const devices = ['d1', 'd2'].map((id) => ({ id, store: 's1' }));
  const startMs = MONDAY_MS + 10.97 * HOUR_MS;
  const swapMs = startMs + 300_000;
  const rows = devices.flatMap(({ id }) =>
    Array.from({ length: 60 }, (_, at): PlainRow => {
      const inferences = 200 + ((at * 7) % 11);
      return { device: id, atMs: startMs + at * 10_000, digest: at < 30 ? 'old' : 'new', hours: 1 / 360, idleJ: 100, aboveJ: inferences * (at < 30 ? 0.15 : 0.06) * (1 + ((at * 5) % 7) / 100), inferences };
    }),
  );
  const query = queryOf(tableOf(devices, rows, 'row'), devices.map(({ id }) => update(id, swapMs)), { fromMs: MONDAY_MS, toMs: MONDAY_MS + 3 * DAY_MS, method: 'auto' }, { minHours: { value: 0.05, source: 't' } });
  const { energy } = savingOf(prepareSavings(query), { kind: 'chain' });
  const sum = (digest: string, of: (row: PlainRow) => number): number => rows.filter((row) => row.digest === digest).reduce((total, row) => total + of(row), 0);
  const baseline = sum('new', (row) => row.idleJ) + (sum('old', (row) => row.aboveJ) / sum('old', (row) => row.inferences)) * sum('new', (row) => row.inferences);
  expect(energy.share?.value).toBeCloseTo(1 - sum('new', (row) => row.idleJ + row.aboveJ) / baseline, 3);
  expect(energy).toMatchObject({ verdict: 'proven', resampled: 'time_blocks', method: 'before_after' });
});

test('without energy above idle, joules go by inferences, and no part is told apart', () => {
  const { energy } = savingOf(ask(weeks('d1', [20, 10], { split: false })), { kind: 'device', id: 'd1' });
  // 36000 + 20 n to 36000 + 10 n with a mean of 1115 inferences an hour.
  expect(energy.share?.value).toBeCloseTo(1 - (36_000 + 11_150) / (36_000 + 22_300), 10);
  expect(energy).toMatchObject({ inferenceJ: null, idleJ: null });
});

test('the weakest tier and any simulated device mark the result', () => {
  const devices = [...BOX, { id: 'd2', store: 's1' }];
  const second = weeks('d2', [20, 10], { evidence: { tier: 'modelled', source: 'tdp', simulated: true } });
  const panel = prepareSavings(queryOf(tableOf(devices, [...weeks('d1', [20, 10]), ...second]), [update('d1', atMs), update('d2', atMs)], { toMs }));
  expect(savingOf(panel, { kind: 'device', id: 'd1' }).energy.evidence).toMatchObject({ tier: METER.tier, simulated: false, sources: ['rapl'], rolloutIds: ['r1'], rowsBefore: 168, rowsAfter: 168, hoursAfter: 168 });
  expect(savingOf(panel, { kind: 'chain' }).energy.evidence).toMatchObject({ tier: 'modelled', simulated: true, devices: 2, deviceIds: ['d1', 'd2'] });
});

test('freed capacity is money by a decision only, and whole devices only', () => {
  const decide = (kind: CapacityDecision['kind'], count: number, camerasPerDevice: number | null): CapacityDecision => ({ id: 'c1', kind, storeId: 's1', deviceClass: 'edge-box', count, camerasPerDevice, fromDay: '2026-03-09', toDay: null, by: 'a manager', note: '' });
  const worth = (...decisions: CapacityDecision[]) => savingOf(ask(weeks('d1', [20, 10]), { decisions }), { kind: 'store', id: 's1' });
  const none = worth();
  expect(none.freedDevices).toBeGreaterThan(0.01);
  expect(none).toMatchObject({ capacityCny: 0, decisionIds: [] });
  const perDay = 2000 / 1461;
  expect(worth(decide('devices_removed', 1, null))).toMatchObject({ capacityCny: expect.closeTo(7 * perDay, 9), decisionIds: ['c1'] });
  expect(worth(decide('cameras_added', 7, 4)).capacityCny).toBeCloseTo(7 * perDay, 9);
  expect(worth(decide('cameras_added', 3, 4)).capacityCny).toBe(0);
  expect(worth({ ...decide('purchase_avoided', 2, null), fromDay: '2026-03-13', toDay: '2026-03-14' }).capacityCny).toBeCloseTo(2 * 2 * perDay, 9);
  const steps = waterfallOf(worth(decide('devices_removed', 1, null)));
  expect(steps.map((step) => step.cause)).toEqual(['baseline', 'inference', 'idle', 'capacity', 'network', 'cloud', 'optimized']);
  expect(steps.find((step) => step.cause === 'idle')?.cny).toBeCloseTo(0, 9);
});

test('a decision counts from its day by the clock of the stores, and no longer than anything is known', () => {
  const decision = { id: 'c1', kind: 'devices_removed', storeId: 's1', deviceClass: 'edge-box', count: 1, camerasPerDevice: null, fromDay: '2026-03-12', toDay: null, by: 'a manager', note: '' } as const;
  const ahead = 8 * HOUR_MS;
  const rows = weeks('d1', [20, 10]).map((row) => ({ ...row, atMs: row.atMs - ahead }));
  const worth = (moreDays: number) => {
    const query = queryOf(tableOf(BOX, rows, 'hour', 'Asia/Shanghai'), [update('d1', atMs - ahead)], { decisions: [decision], fromMs: atMs - ahead, toMs: toMs + moreDays * DAY_MS - ahead });
    return savingOf(prepareSavings(query), { kind: 'store', id: 's1' });
  };
  expect(worth(0)).toMatchObject({ fromDay: '2026-03-09', toDay: '2026-03-15', capacityCny: expect.closeTo((4 * 2000) / 1461, 9) });
  expect(worth(20)).toMatchObject({ toDay: '2026-04-04', capacityCny: expect.closeTo((4 * 2000) / 1461, 9) });
});

test('energy alone does not reach 25 %: the capital is the larger part', () => {
  // Electricity for nothing after the update.
  const result = savingOf(ask(weeks('d1', [20, 0]).map((row, at) => (at < 168 ? row : { ...row, idleJ: 1 }))), { kind: 'chain' });
  expect(result.energy.share?.value).toBeGreaterThan(0.999);
  expect(result.totalShare?.value).toBeLessThan(0.25);
  expect(result.line25).toBe('missed');
});

test('verdicts and the line go by the whole interval', () => {
  expect([verdictOf([0.01, 0.2]), verdictOf([0, 0.2]), verdictOf([-0.2, 0.1]), verdictOf([-0.2, -0.1]), verdictOf(null)]).toEqual(['proven', 'no_proven_saving', 'no_proven_saving', 'proven_loss', 'not_enough_data']);
  expect([lineOf([0.25, 0.3], 0.25), lineOf([0.2, 0.3], 0.25), lineOf([0.1, 0.2], 0.25)]).toEqual(['met', 'open', 'missed']);
});

test('a tariff by the time of use: the earlier period wins, spans reach over midnight and the end of the week, parts of an hour count in part', () => {
  const prices = weekPrices({
    otherwiseCnyPerKwh: 0.5, source: 't',
    periods: [
      { name: 'peak', cnyPerKwh: 1.5, span: { days: [1], from: '10:30', to: '12:00' } },
      { name: 'day', cnyPerKwh: 1, span: { days: [1], from: '08:00', to: '20:00' } },
      { name: 'night', cnyPerKwh: 0.2, span: { days: [7], from: '22:00', to: '02:00' } },
    ],
  });
  expect([...prices.subarray(0, 3), prices[8], prices[10], prices[11], prices[12], prices[20], prices[167]].map((price) => Number(price?.toFixed(9)))).toEqual([0.2, 0.2, 0.5, 1, 1.25, 1.5, 1, 0.5, 0.2]);
});

test('energy is priced by the hour of the store, not of the console', () => {
  const tariff = { otherwiseCnyPerKwh: 1, source: 't', periods: [{ name: 'night', cnyPerKwh: 0, span: { days: [1, 2, 3, 4, 5, 6, 7], from: '00:00', to: '08:00' } }] };
  // 00:00 to 08:00 in Shanghai is 16:00 to 24:00 UTC: all that is drawn in those hours is free.
  const rows = weeks('d1', [20, 10]).map((row) => (new Date(row.atMs).getUTCHours() >= 16 ? row : { ...row, idleJ: 1e-6, aboveJ: 1e-6 }));
  const cost = (zone: string) => savingOf(prepareSavings(queryOf(tableOf(BOX, rows, 'hour', zone), [update('d1', atMs)], { toMs }, { tariff })), { kind: 'chain' }).optimized.energyCny;
  expect(cost('Asia/Shanghai')).toBeLessThan(1e-6);
  expect(cost('UTC')).toBeGreaterThan(0.5);
});

test('the curve of the day, the scatter and the what-if rest on the same rows', () => {
  const rows = weeks('d1', [20, 10]).map((row) => ({ ...row, accuracy: { right: 9, samples: 10 } }));
  const panel = ask(rows);
  const curve = dayCurve(panel, { kind: 'chain' });
  expect(curve[5]).toEqual({ hour: 5, beforeW: expect.closeTo(10 + (20 * 1050) / 3600, 9), afterW: expect.closeTo(10 + (10 * 1050) / 3600, 9), beforePerHour: 1050, afterPerHour: 1050, beforeJ: expect.closeTo(36_000 / 1050 + 20, 9), afterJ: expect.closeTo(36_000 / 1050 + 10, 9) });
  const [first, second] = scatterPoints(panel.query.table, DEFAULT_ASSUMPTIONS, MONDAY_MS, toMs, 'device');
  expect([first?.digest, second?.digest, first?.accuracy, first?.devices]).toEqual(['new', 'old', 0.9, 1]);
  expect(first?.cnyPer1000).toBeLessThan(second?.cnyPer1000 ?? 0);
  const today = whatIf(panel, { kind: 'chain' }, { tariffFactor: 1, devices: 1, frameRateFactor: 1, maxBusyShare: 1 });
  const result = savingOf(panel, { kind: 'chain' });
  expect((today?.savedCny ?? 0) / 365).toBeCloseTo((result.cashEnergyCny?.value ?? 0) / 7, 9);
  expect((today?.baseline.energyCny ?? 0) / 365).toBeCloseTo(result.baseline.energyCny / 7, 9);
  // A hundred times the frames: the old model needs more boxes than the new one.
  const busier = whatIf(panel, { kind: 'chain' }, { tariffFactor: 2, devices: 100, frameRateFactor: 100, maxBusyShare: 0.9 });
  expect(busier?.baselineDevices).toBe(Math.ceil((100 * 100 * 1115 * 100) / 3_600_000 / 0.9));
  expect(busier?.optimizedDevices).toBe(Math.ceil((100 * 100 * 1115 * 50) / 3_600_000 / 0.9));
  expect(busier?.savedCny).toBeGreaterThan(0);
});
