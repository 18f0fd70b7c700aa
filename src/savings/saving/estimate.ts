/**
 * A measured difference with its interval, on the scale of logarithms: log(optimized / baseline), where a ratio and its inverse weigh the same.
 *
 * Which units are drawn anew:
 * - eight updated stores or more: stores, those updated and those held back apart. Devices of a store share its customers, heat and power line.
 * - fewer updated stores, but stores held back: as far as those differ among each other, by their devices and by the store (Conley and Taber 2011), with
 *   Student's distribution.
 * - neither: blocks of time of the devices themselves.
 * Before and after alone, what all stores share (weather, a season) does not average out over stores; it is read from blocks of time and widens the interval.
 */
import type { ResampledUnit } from '../../contract/records/savings.ts';
import type { Cohort, SavingsPanel } from './panel.ts';
import type { Pair } from './sides.ts';
import { bootstrapErrors, influenceStratum, studentAt975, varianceOf, type RatioStratum } from './statistics.ts';
import { blockInfluence, freedomOf, memoryOf, sharedByAll, trendOf, varianceFactor } from './time-blocks.ts';

const LEAST_STORES = 8;
const LEAST_BLOCKS = 5;

/** Of log(optimized / baseline). */
export interface LogRatio {
  readonly value: number;
  /** null: too little to tell. */
  readonly ci95: readonly [number, number] | null;
  readonly resampled: ResampledUnit | null;
}

/** @param pairs none left out */
export function logRatio(panel: SavingsPanel, pairs: readonly Pair[], seed: number): LogRatio | null {
  if (pairs.length === 0) return null;
  const cohort = (pair: Pair): Cohort | undefined => panel.cohortOf.get(pair.device);
  if (panel.method === 'held_back' && pairs.some((pair) => (cohort(pair)?.controls.size ?? 0) === 0)) return null;
  const stores = new Map<number, Pair[]>();
  let optimizedJ = 0;
  let baselineJ = 0;
  for (const pair of pairs) {
    const store = panel.query.table.storeOfDevice[pair.device] ?? 0;
    stores.set(store, [...(stores.get(store) ?? []), pair]);
    optimizedJ += pair.optimizedJ;
    baselineJ += pair.baselineJ * (cohort(pair)?.ratio ?? 1);
  }
  const value = Math.log(optimizedJ / baselineJ);
  const ofUpdated: RatioStratum = {
    over: Float64Array.from(stores.values(), (each) => each.reduce((sum, pair) => sum + pair.optimizedJ, 0)),
    under: Float64Array.from(stores.values(), (each) => each.reduce((sum, pair) => sum + pair.baselineJ * (cohort(pair)?.ratio ?? 1), 0)),
    sign: 1,
  };
  const { rounds } = panel.query;
  const interval = ({ low, high }: { low: number; high: number }): [number, number] => [value - high, value - low];

  if (panel.method === 'held_back') {
    const shares = new Map<Cohort, number>();
    for (const pair of pairs) {
      const of = cohort(pair);
      if (of) shares.set(of, (shares.get(of) ?? 0) + (pair.baselineJ * of.ratio) / baselineJ);
    }
    const ofControls = controlStratum(shares);
    if (stores.size >= LEAST_STORES) return { value, ci95: interval(bootstrapErrors([ofUpdated, ofControls], rounds, seed)), resampled: 'stores' };
    let variance = varianceOf(ofControls.over.map((over, at) => over - (ofControls.under?.[at] ?? 0)));
    for (const each of stores.values()) {
      const share = each.reduce((sum, pair) => sum + (pair.baselineJ * (cohort(pair)?.ratio ?? 1)) / baselineJ, 0);
      const first = each[0] && cohort(each[0]);
      if (!first) continue;
      const { store, device } = components(first);
      variance += share ** 2 * (store + device / each.length);
    }
    const far = studentAt975(Math.max(4, ofControls.over.length - 1)) * Math.sqrt(variance);
    return { value, ci95: [value - far, value + far], resampled: 'other_stores' };
  }

  if (stores.size >= LEAST_STORES) {
    const extra = sharedByAll(panel, [...stores.values()], optimizedJ, baselineJ);
    return { value, ci95: interval(bootstrapErrors([ofUpdated], rounds, seed, extra)), resampled: 'stores' };
  }
  const { before, after } = blockInfluence(panel, pairs, optimizedJ, baselineJ);
  if (before.length < LEAST_BLOCKS || after.length < LEAST_BLOCKS) return { value, ci95: null, resampled: null };
  const { low, high } = bootstrapErrors([influenceStratum(before), influenceStratum(after)], rounds, seed);
  const length = (before.length + after.length) / 2;
  const factor = varianceFactor(memoryOf(panel), length);
  // Blocks that are alike tell less of their own scatter, too.
  const wider = Math.sqrt(factor) * (studentAt975(freedomOf(length, factor)) / studentAt975(freedomOf(length, 1)));
  const season = 1.96 * trendOf(panel);
  return { value, ci95: interval({ low: -Math.hypot(low * wider, season), high: Math.hypot(high * wider, season) }), resampled: 'time_blocks' };
}

/** Stores held back, in parts of all of them: what each adds to the change, in the cohorts by the share that the updated stores have in them. */
function controlStratum(shares: ReadonlyMap<Cohort, number>): RatioStratum {
  const [only, another] = shares.keys();
  if (only === undefined || another !== undefined) return mixedStratum(shares);
  const found = ofOne.get(only) ?? mixedStratum(new Map([[only, 1]]));
  ofOne.set(only, found);
  return found;
}

const ofOne = new WeakMap<Cohort, RatioStratum>();

function mixedStratum(shares: ReadonlyMap<Cohort, number>): RatioStratum {
  const found = new Map<number, { over: number; under: number }>();
  for (const [cohort, share] of shares) {
    for (const [store, pairs] of cohort.controls) {
      const own = found.get(store) ?? { over: 0, under: 0 };
      for (const pair of pairs) {
        own.over += (share * pair.optimizedJ) / cohort.afterJ;
        own.under += (share * pair.baselineJ) / cohort.beforeJ;
      }
      found.set(store, own);
    }
  }
  const stores = [...found].sort(([a], [b]) => a - b).map(([, own]) => own);
  return { over: Float64Array.from(stores, (own) => own.over), under: Float64Array.from(stores, (own) => own.under), sign: -1 };
}

const known = new WeakMap<Cohort, { readonly store: number; readonly device: number }>();

/** How far log ratios of stores held back differ: by the store and by the device (analysis of variance, one way, groups of unequal size). */
function components(cohort: Cohort): { readonly store: number; readonly device: number } {
  const before = known.get(cohort);
  if (before) return before;
  const groups = [...cohort.controls.values()].map((pairs) => pairs.map((pair) => Math.log(pair.optimizedJ / pair.baselineJ)));
  const count = groups.reduce((sum, group) => sum + group.length, 0);
  const mean = groups.flat().reduce((sum, value) => sum + value, 0) / count;
  let within = 0;
  let between = 0;
  let squares = 0;
  for (const group of groups) {
    const own = group.reduce((sum, value) => sum + value, 0) / group.length;
    within += group.reduce((sum, value) => sum + (value - own) ** 2, 0);
    between += group.length * (own - mean) ** 2;
    squares += group.length ** 2;
  }
  const stores = groups.length;
  const device = count > stores ? within / (count - stores) : 0;
  const size = (count - squares / count) / (stores - 1);
  const result = { store: Math.max(0, (between / (stores - 1) - device) / size), device };
  known.set(cohort, result);
  return result;
}
