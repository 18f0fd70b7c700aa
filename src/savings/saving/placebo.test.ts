/** A small form of bench/savings-placebo.ts: how often the arithmetic is wrong on stores with a known truth. Seeded, so it gives the same every time. */
import { describe, expect, test } from 'vitest';
import type { SavingMethod } from '../../contract/records/savings.ts';
import { DEFAULT_ASSUMPTIONS } from '../cost/assumptions.ts';
import { simulateFigures, type NoiseModel } from '../testing/simulated-figures.ts';
import { NOISE_SETTINGS } from '../testing/noise-settings.ts';
import { prepareSavings } from './panel.ts';
import { savingOf } from './result.ts';

const RUNS = 60;
const DAY_MS = 86_400_000;
const middling = NOISE_SETTINGS[0]?.chain.noise as NoiseModel;

function runs(method: SavingMethod, saving: number, noise: Partial<NoiseModel> = {}, one = false): { readonly proven: number; readonly covered: number; readonly lost: number } {
  let [proven, covered, lost] = [0, 0, 0];
  for (let seed = 1; seed <= RUNS; seed++) {
    const { table, updates, fromMs, toMs, truth } = simulateFigures({ stores: 24, maxDevices: 2, heldBack: 0.5, daysBefore: 14, daysAfter: 14, staggerDays: 0, saving, noise: { ...middling, ...noise }, span: 'day', seed });
    const panel = prepareSavings({ table, updates, fromMs, toMs, assumptions: DEFAULT_ASSUMPTIONS, decisions: [], baselineMs: 14 * DAY_MS, settleMs: 0, method, seed, rounds: 400 });
    const { share, verdict } = savingOf(panel, one ? { kind: 'device', id: updates[0]?.deviceId ?? '' } : { kind: 'chain' }).energy;
    if (verdict === 'proven') proven++;
    if (verdict === 'proven_loss') lost++;
    if (share?.ci95 && share.ci95[0] <= truth && truth <= share.ci95[1]) covered++;
  }
  return { proven, covered, lost };
}

// Were the intervals right, 51 or fewer of 60 would cover the truth once in some 250 times, and six or more placebos would claim a saving once in 200.
describe('against stores held back', () => {
  test('the same model again claims no saving, and the interval covers 0', () => {
    const { proven, covered, lost } = runs('held_back', 0);
    expect(proven).toBeLessThanOrEqual(5);
    expect(lost).toBeLessThanOrEqual(5);
    expect(covered).toBeGreaterThanOrEqual(52);
  });

  test('10 % less is proven, and covered', () => {
    const { proven, covered } = runs('held_back', 0.1);
    expect(proven).toBeGreaterThanOrEqual(54);
    expect(covered).toBeGreaterThanOrEqual(52);
  });

  test('one device alone is held to what the devices held back do', () => {
    const { proven, covered } = runs('held_back', 0, {}, true);
    expect(proven).toBeLessThanOrEqual(5);
    expect(covered).toBeGreaterThanOrEqual(52);
  });

  test('a season in all stores is not taken for a saving', () => {
    const { proven, covered } = runs('held_back', 0, { trendPer30Days: -0.1, commonDrift: 0.03 });
    expect(proven).toBeLessThanOrEqual(5);
    expect(covered).toBeGreaterThanOrEqual(52);
  });
});

describe('before and after alone', () => {
  test('stands the drift of single stores', () => {
    const { proven, covered } = runs('before_after', 0, { commonDrift: 0 });
    expect(proven).toBeLessThanOrEqual(5);
    expect(covered).toBeGreaterThanOrEqual(52);
  });

  test('does not take a steady fall in all stores for a saving: what they share has a long memory, and widens', () => {
    expect(runs('before_after', 0, { commonDrift: 0, trendPer30Days: -0.1 }).proven).toBeLessThanOrEqual(5);
  });
});
