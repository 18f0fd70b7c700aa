/**
 * All devices of a question measured on both sides, once; every scope is answered from it.
 *
 * Devices of stores where nothing was updated before the end of the period were held back. What changed there in the same weeks (season, heat, opening
 * hours) is not the update's doing. Updates come on many days, so the devices held back are measured once for each day of updates, with its windows.
 */
import type { SavingMethod } from '../../contract/records/savings.ts';
import { ledgerOf, type Ledger } from '../cost/ledger.ts';
import type { FigureTable } from '../table/figure-table.ts';
import type { SavingsQuery, Update } from '../types.ts';
import { NO_BLOCKS, pairOf, type Blocks, type Pair, type Window } from './sides.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Held-back stores for which their change can be told with an interval. */
const LEAST_CONTROLS = 8;
/** Days of updates told apart; more are put together. */
const MOST_COHORTS = 40;
const MOST_BLOCKS = 64;
/** Blocks on the shorter side, where the rows allow. */
const BLOCKS_OF_SIDE = 8;

/** Devices updated on the same day, and the devices held back measured by the same windows. */
export interface Cohort {
  /** By place of the store: its devices. */
  readonly controls: ReadonlyMap<number, readonly Pair[]>;
  /** The same devices, by place. */
  readonly pairs: readonly Pair[];
  /** Of all controls, optimized / baseline: what changed without an update. 1 where there are none. */
  readonly ratio: number;
  readonly afterJ: number;
  readonly beforeJ: number;
}

export interface SavingsPanel {
  readonly query: SavingsQuery;
  readonly method: SavingMethod;
  readonly blocks: Blocks;
  /** By place of the device; only of those updated before the end of the period. */
  readonly pairs: ReadonlyMap<number, Pair>;
  readonly updates: ReadonlyMap<number, Update>;
  /** Which rows of an updated device were looked at. */
  readonly windows: ReadonlyMap<number, Window>;
  readonly cohortOf: ReadonlyMap<number, Cohort>;
  /** Of the period, all rows: for prices. */
  readonly ledger: Ledger;
  /** End of the period, or of what is known of it. */
  readonly knownToMs: number;
}

/** One pass over the table. Answers are the same for the same query, in whatever order rows and updates were given. */
export function prepareSavings(query: SavingsQuery): SavingsPanel {
  const { table, assumptions } = query;
  const places = new Map(table.devices.map((device, at) => [device.id, at]));
  const updates = new Map<number, Update>();
  for (const update of query.updates) {
    const device = places.get(update.deviceId);
    if (device !== undefined && update.atMs < query.toMs) updates.set(device, update);
  }
  const blocks = blocksOf(query);
  const limits = { minHours: assumptions.minHours.value, accuracyMargin: assumptions.accuracyMargin.value };
  const digestPlaces = new Map(table.digests.map((digest, at) => [digest, at]));
  const place = (digest: string | null): number => (digest === null ? -1 : (digestPlaces.get(digest) ?? -2));
  const pairs = new Map<number, Pair>();
  const windows = new Map<number, Window>();
  for (const [device, update] of [...updates].sort(([a], [b]) => a - b)) {
    const window = { ...windowOf(query, update.atMs), beforeDigest: place(update.fromDigest), afterDigest: place(update.toDigest) };
    windows.set(device, window);
    pairs.set(device, pairOf(table, device, window, blocks, limits));
  }
  const { method, cohortOf } = controlsOf(query, updates, (device, window) => pairOf(table, device, window, NO_BLOCKS, limits));
  return { query, method, blocks, pairs, updates, windows, cohortOf, ledger: ledgerOf(table, assumptions, query.fromMs, query.toMs), knownToMs: Math.min(query.toMs, extentOf(table)[1]) };
}

/** `auto` falls back to before and after where any device would be without stores to hold it against. */
function controlsOf(query: SavingsQuery, updates: ReadonlyMap<number, Update>, measure: (device: number, window: Window) => Pair): { readonly method: SavingMethod; readonly cohortOf: ReadonlyMap<number, Cohort> } {
  const cohortOf = new Map<number, Cohort>();
  if (query.method === 'before_after') return { method: 'before_after', cohortOf };
  const held = heldBack(query, updates);
  const enough = new Set(held.map((device) => query.table.storeOfDevice[device])).size >= LEAST_CONTROLS;
  const cohorts = new Map<number, Cohort>();
  const grain = cohortGrain(query, updates);
  for (const [device, update] of [...updates].sort(([a, first], [b, second]) => first.atMs - second.atMs || a - b)) {
    const key = Math.floor(update.atMs / grain);
    let cohort = cohorts.get(key);
    if (cohort === undefined) {
      const atMs = grain < DAY_MS ? update.atMs : key * grain + (grain > DAY_MS ? grain / 2 : 0);
      const window = { ...windowOf(query, atMs), beforeDigest: -1, afterDigest: -1 };
      cohort = enough ? cohortFrom(query, held.map((control) => measure(control, window))) : NO_CONTROLS;
      if (query.method === 'auto' && cohort === NO_CONTROLS) return { method: 'before_after', cohortOf: new Map() };
      cohorts.set(key, cohort);
    }
    cohortOf.set(device, cohort);
  }
  return { method: query.method === 'auto' && updates.size === 0 ? 'before_after' : 'held_back', cohortOf };
}

const NO_CONTROLS: Cohort = { controls: new Map(), pairs: [], ratio: 1, afterJ: 0, beforeJ: 0 };

function windowOf(query: SavingsQuery, atMs: number): Omit<Window, 'beforeDigest' | 'afterDigest'> {
  // In a table of days the day of the update has both models in it.
  const [lastBefore, firstAfter] = query.table.span === 'day' ? [Math.floor(atMs / DAY_MS) * DAY_MS, Math.floor(atMs / DAY_MS + 1) * DAY_MS] : [atMs, atMs];
  return { beforeFromMs: lastBefore - query.baselineMs, beforeToMs: lastBefore, afterFromMs: Math.max(query.fromMs, firstAfter + query.settleMs), afterToMs: query.toMs };
}

/** Places of devices in stores where no update came before the end of the period. */
function heldBack({ table }: SavingsQuery, updates: ReadonlyMap<number, Update>): number[] {
  const touched = new Set([...updates.keys()].map((device) => table.storeOfDevice[device]));
  return table.devices.map((_, device) => device).filter((device) => !touched.has(table.storeOfDevice[device]));
}

function cohortFrom({ table }: SavingsQuery, pairs: readonly Pair[]): Cohort {
  const controls = new Map<number, Pair[]>();
  let afterJ = 0;
  let beforeJ = 0;
  for (const pair of pairs) {
    if (pair.leftOut !== null) continue;
    const store = table.storeOfDevice[pair.device] ?? 0;
    const known = controls.get(store);
    if (known) known.push(pair);
    else controls.set(store, [pair]);
    afterJ += pair.optimizedJ;
    beforeJ += pair.baselineJ;
  }
  return controls.size < LEAST_CONTROLS ? NO_CONTROLS : { controls, pairs: pairs.filter((pair) => pair.leftOut === null), ratio: afterJ / beforeJ, afterJ, beforeJ };
}

/** Updates within so much time share their controls. */
function cohortGrain({ table }: SavingsQuery, updates: ReadonlyMap<number, Update>): number {
  let grain = table.span === 'row' ? HOUR_MS / 6 : DAY_MS;
  const times = [...updates.values()].map((update) => update.atMs);
  while (new Set(times.map((at) => Math.floor(at / grain))).size > MOST_COHORTS) grain *= 2;
  return grain;
}

/** Blocks of whole days where rows are hours or days, so that each has day and night in it. By what was measured, not by what was asked for. */
function blocksOf({ table, updates, baselineMs, fromMs, toMs }: SavingsQuery): Blocks {
  const [begin, end] = extentOf(table);
  const firstMs = updates.reduce((least, update) => Math.min(least, update.atMs), toMs);
  const lastMs = updates.reduce((most, update) => (update.atMs < toMs ? Math.max(most, update.atMs) : most), firstMs);
  const originMs = Math.max(begin, Math.min(fromMs, firstMs) - baselineMs);
  const endMs = Math.max(originMs + 1, Math.min(toMs, end));
  const before = Math.min(baselineMs, Math.max(1, lastMs - originMs));
  const after = Math.max(1, endMs - Math.max(fromMs, lastMs));
  let lengthMs = Math.min(before, after) / BLOCKS_OF_SIDE;
  if (table.span !== 'row') lengthMs = Math.max(1, Math.floor(lengthMs / DAY_MS)) * DAY_MS;
  lengthMs = Math.max(lengthMs, (endMs - originMs) / MOST_BLOCKS);
  return { originMs, lengthMs, count: Math.max(1, Math.min(MOST_BLOCKS, Math.ceil((endMs - originMs) / lengthMs))) };
}

/** First row's begin and last row's end. */
function extentOf({ atMs, first, devices, span, columns }: FigureTable): readonly [number, number] {
  let [least, most] = [Infinity, -Infinity];
  for (let device = 0; device < devices.length; device++) {
    const [begin, end] = [first[device] ?? 0, first[device + 1] ?? 0];
    if (begin === end) continue;
    least = Math.min(least, atMs[begin] ?? Infinity);
    most = Math.max(most, (atMs[end - 1] ?? -Infinity) + (span === 'day' ? DAY_MS : span === 'hour' ? HOUR_MS : (columns.durationMs[end - 1] ?? 0)));
  }
  return least > most ? [0, 0] : [least, most];
}
