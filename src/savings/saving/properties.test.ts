import { assert, array, double, integer, property, record } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seededRandom, shuffled } from '../../base/random.ts';
import { savingResult } from '../../contract/records/savings.ts';
import { ledgerOf, summaries } from '../cost/ledger.ts';
import { DEFAULT_ASSUMPTIONS } from '../cost/assumptions.ts';
import { DAY_MS, HOUR_MS, MONDAY_MS, queryOf, tableOf, update, type PlainDevice, type PlainRow } from '../testing/small-fleet.ts';
import { waterfallOf } from '../views/waterfall.ts';
import { prepareSavings } from './panel.ts';
import { savingOf, savingsBy } from './result.ts';

/** Whole weeks each side, so that the same data twice falls on the same weekdays; six hours a row. */
const SIDE_DAYS = 14;
const atMs = MONDAY_MS + SIDE_DAYS * DAY_MS;

interface Fleet {
  readonly devices: readonly PlainDevice[];
  readonly rows: readonly PlainRow[];
}

/** Any law of power and any work, random from row to row. `factor`: of all energy after. */
function fleetOf(seed: number, stores: number, factor: number): Fleet {
  const random = seededRandom(seed);
  const devices = Array.from({ length: stores }, (_, store) => Array.from({ length: 1 + Math.floor(random() * 2) }, (__, at) => ({ id: `s${store}d${at}`, store: `s${store}`, region: store % 2 ? 'East' : 'West' }))).flat();
  const rows = devices.flatMap((device) => {
    const size = 0.5 + random();
    return Array.from({ length: SIDE_DAYS * 8 }, (_, at): PlainRow => {
      const updated = at >= SIDE_DAYS * 4;
      const inferences = Math.round(1000 * size * (0.5 + random()));
      const scale = (updated ? factor : 1) * (0.95 + 0.1 * random());
      return { device: device.id, atMs: MONDAY_MS + at * 6 * HOUR_MS, digest: updated ? 'new' : 'old', hours: 6, idleJ: 100_000 * scale, aboveJ: 60 * inferences * scale, inferences, busyMs: inferences * 8 };
    });
  });
  return { devices, rows };
}

const question = ({ devices, rows }: Fleet, method: 'auto' | 'held_back' | 'before_after' = 'before_after', held = 0, tariff = 0.8) => {
  const updates = devices.filter(({ store }) => Number(store.slice(1)) >= held).map(({ id }) => update(id, atMs));
  const all = rows.map((row) => (Number(row.device.slice(1).split('d')[0]) < held ? { ...row, digest: 'old' } : row));
  return queryOf(tableOf(devices, all), updates, { method, toMs: MONDAY_MS + 2 * SIDE_DAYS * DAY_MS }, { tariff: { otherwiseCnyPerKwh: tariff, periods: [], source: 'test' } });
};
const chain = (fleet: Fleet, ...more: [('auto' | 'held_back' | 'before_after')?, number?, number?]) => savingOf(prepareSavings(question(fleet, ...more)), { kind: 'chain' });

describe('a saving', () => {
  test('is 0 where both sides measured the very same', () => {
    assert(
      property(integer({ min: 1, max: 1e6 }), integer({ min: 1, max: 12 }), (seed, stores) => {
        const { devices, rows } = fleetOf(seed, stores, 1);
        const before = rows.filter((row) => row.atMs < atMs);
        const twice = [...before, ...before.map((row) => ({ ...row, atMs: row.atMs + SIDE_DAYS * DAY_MS, digest: 'new' }))];
        const result = chain({ devices, rows: twice });
        expect(result.energy.share?.value).toBeCloseTo(0, 10);
        expect(result.energy.verdict).not.toBe('proven');
        expect(result.cashEnergyCny?.value).toBeCloseTo(0, 8);
      }),
      { numRuns: 25 },
    );
  });

  test('does not hang on the order of rows, devices and updates', () => {
    assert(
      property(integer({ min: 1, max: 1e6 }), integer({ min: 0, max: 10 }), (seed, held) => {
        const fleet = fleetOf(seed, 20, 0.9);
        const query = question(fleet, 'auto', held);
        const other = { ...query, table: tableOf(fleet.devices, shuffled(fleet.rows.map((row) => (Number(row.device.slice(1).split('d')[0]) < held ? { ...row, digest: 'old' } : row)), seededRandom(seed))), updates: shuffled(query.updates, seededRandom(seed + 1)) };
        expect(savingsBy(prepareSavings(other), 'store')).toEqual(savingsBy(prepareSavings(query), 'store'));
        expect(savingOf(prepareSavings(other), { kind: 'chain' })).toEqual(savingOf(prepareSavings(query), { kind: 'chain' }));
      }),
      { numRuns: 10 },
    );
  });

  test('of joules measured in other units is the same share', () => {
    assert(
      property(integer({ min: 1, max: 1e6 }), double({ min: 0.01, max: 100, noNaN: true }), (seed, unit) => {
        const fleet = fleetOf(seed, 9, 0.93);
        const scaled = { ...fleet, rows: fleet.rows.map((row) => ({ ...row, idleJ: row.idleJ * unit, aboveJ: row.aboveJ * unit })) };
        const [one, other] = [chain(fleet), chain(scaled)];
        expect(other.energy.share?.value).toBeCloseTo(one.energy.share?.value ?? Number.NaN, 10);
        expect(other.energy.share?.ci95?.[0]).toBeCloseTo(one.energy.share?.ci95?.[0] ?? Number.NaN, 8);
        expect((other.energySavedKwh?.value ?? 0) / (one.energySavedKwh?.value ?? 0)).toBeCloseTo(unit, 6);
      }),
      { numRuns: 15 },
    );
  });

  test('in money doubles with the tariff, and its share of energy does not', () => {
    const fleet = fleetOf(5, 9, 0.9);
    const [one, two] = [chain(fleet), chain(fleet, 'before_after', 0, 1.6)];
    expect(two.cashEnergyCny?.value).toBeCloseTo(2 * (one.cashEnergyCny?.value ?? 0), 9);
    expect(two.cashEnergyCny?.ci95?.[0]).toBeCloseTo(2 * (one.cashEnergyCny?.ci95?.[0] ?? 0), 9);
    expect(two.energy.share).toEqual(one.energy.share);
    expect(two.baseline.capitalCny).toBe(one.baseline.capitalCny);
  });

  test('grows as the energy after the update falls', () => {
    const shares = [1, 0.95, 0.9, 0.8, 0.5].map((factor) => chain(fleetOf(7, 9, factor)).energy.share?.value ?? Number.NaN);
    for (const [at, share] of shares.entries()) if (at > 0) expect(share).toBeGreaterThan(shares[at - 1] ?? Number.NaN);
    // The factor is on all energy, so the share of energy is what the factor takes away.
    expect((1 - (shares[4] ?? 0)) / (1 - (shares[0] ?? 0))).toBeCloseTo(0.5, 10);
  });

  test('is not made by more or fewer customers where energy above idle is known', () => {
    for (const more of [0.5, 1.4, 3]) {
      const { devices, rows } = fleetOf(11, 6, 1);
      const exact = rows.map((row) => {
        const inferences = row.digest === 'new' ? Math.round(row.inferences * more) : row.inferences;
        return { ...row, inferences, idleJ: 100_000, aboveJ: 60 * inferences };
      });
      expect(chain({ devices, rows: exact }).energy.share?.value).toBeCloseTo(0, 10);
    }
  });

  test('is not made by what changed in the stores held back too', () => {
    assert(
      property(double({ min: 0.7, max: 1.4, noNaN: true }), integer({ min: 1, max: 1e6 }), (season, seed) => {
        const { devices, rows } = fleetOf(seed, 20, 1);
        const flat = rows.map((row) => ({ ...row, idleJ: 100_000 * (row.atMs >= atMs ? season : 1), aboveJ: 60 * row.inferences * (row.atMs >= atMs ? season : 1) }));
        const result = chain({ devices, rows: flat }, 'held_back', 10);
        expect(result.energy.share?.value).toBeCloseTo(0, 10);
        expect(result.energy.controlRatio).toBeCloseTo(season, 10);
        expect(result.energy.evidence.controlStores).toBe(10);
      }),
      { numRuns: 10 },
    );
  });

  test('adds up: joules, money and devices of stores are those of their region and the chain', () => {
    assert(
      property(integer({ min: 1, max: 1e6 }), (seed) => {
        const panel = prepareSavings(question(fleetOf(seed, 12, 0.9), 'auto', seed % 2 ? 0 : 4));
        const whole = savingOf(panel, { kind: 'chain' });
        for (const by of ['store', 'region', 'device'] as const) {
          const parts = savingsBy(panel, by);
          const total = (of: (each: (typeof parts)[number]) => number): number => parts.reduce((sum, each) => sum + of(each), 0);
          expect(total((each) => each.energy.baselineJ)).toBeCloseTo(whole.energy.baselineJ, 3);
          expect(total((each) => each.optimized.energyCny)).toBeCloseTo(whole.optimized.energyCny, 9);
          expect(total((each) => each.cashEnergyCny?.value ?? Number.NaN)).toBeCloseTo(whole.cashEnergyCny?.value ?? Number.NaN, 9);
          expect(total((each) => each.energy.evidence.devices)).toBe(whole.energy.evidence.devices);
        }
        savingResult.parse(whole);
        const steps = waterfallOf(whole);
        expect(steps.at(-2)?.toCny).toBeCloseTo(whole.optimized.totalCny, 9);
      }),
      { numRuns: 10 },
    );
  });
});

describe('costs', () => {
  const row = record({ idleJ: double({ min: 0, max: 1e6, noNaN: true }), aboveJ: double({ min: 0, max: 1e6, noNaN: true }), inferences: integer({ min: 0, max: 1e6 }) });

  test('of groups are the sums of their devices, in any order, and energy goes with the tariff', () => {
    assert(
      property(array(row, { minLength: 1, maxLength: 40 }), integer({ min: 1, max: 1e6 }), (figures, seed) => {
        const devices = ['a', 'b', 'c'].map((id, at) => ({ id, store: at < 2 ? 's0' : 's1' }));
        const rows = figures.map((each, at): PlainRow => ({ ...each, device: devices[at % 3]?.id ?? 'a', atMs: MONDAY_MS + at * HOUR_MS, digest: 'old' }));
        const costs = (list: readonly PlainRow[], by: 'chain' | 'store' | 'device', tariff: number) =>
          summaries(ledgerOf(tableOf(devices, list), { ...DEFAULT_ASSUMPTIONS, tariff: { otherwiseCnyPerKwh: tariff, periods: [], source: 't' } }, MONDAY_MS, MONDAY_MS + DAY_MS * 9), by, 9 * DAY_MS);
        const [whole] = costs(rows, 'chain', 0.8);
        const [doubled] = costs(shuffled(rows, seededRandom(seed)), 'chain', 1.6);
        expect(doubled?.cost.energyCny).toBeCloseTo(2 * (whole?.cost.energyCny ?? 0), 9);
        expect(doubled?.cost.capitalCny).toBe(whole?.cost.capitalCny);
        for (const by of ['store', 'device'] as const) {
          const parts = costs(rows, by, 0.8);
          expect(parts.reduce((sum, each) => sum + each.cost.totalCny, 0)).toBeCloseTo(whole?.cost.totalCny ?? Number.NaN, 9);
          expect(parts.reduce((sum, each) => sum + each.carbonKg, 0)).toBeCloseTo(whole?.carbonKg ?? Number.NaN, 9);
          expect(parts.reduce((sum, each) => sum + each.inferences, 0)).toBe(whole?.inferences);
        }
      }),
      { numRuns: 40 },
    );
  });
});
