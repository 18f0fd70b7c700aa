/** The answer for a scope: what was measured, what it was worth, part by part, and what it rests on. */
import { dayOfIso, isoDay } from '../../base/local-time.ts';
import type { CapacityDecision, CostParts, EnergySaving, Estimate, SavingEvidence, SavingResult, SavingScope, SavingVerdict } from '../../contract/records/savings.ts';
import { costOf, groupKey, nameOf, ratio, scopeOf, type GroupBy } from '../cost/ledger.ts';
import { capitalPerDay, gridOf } from '../cost/prices.ts';
import type { FigureTable } from '../table/figure-table.ts';
import { weakest } from '../table/tiers.ts';
import { logRatio, type LogRatio } from './estimate.ts';
import type { Cohort, SavingsPanel } from './panel.ts';
import type { Pair, Side } from './sides.ts';
import { hashOf } from './statistics.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MOST_IDS = 100;
const LINE = 0.25;

/** Savings of one scope. A scope without an updated device says `not_enough_data`. */
export function savingOf(panel: SavingsPanel, scope: SavingScope): SavingResult {
  const by: GroupBy = scope.kind;
  const key = scope.kind === 'chain' ? '' : scope.id;
  return resultOf(panel, scope, [...panel.pairs.values()].filter((pair) => groupKey(panel.query.table, pair.device, by) === key));
}

/** Savings of every group that has an updated device, the largest total saving first; those that cannot be told last. */
export function savingsBy(panel: SavingsPanel, by: GroupBy): SavingResult[] {
  const groups = new Map<string, Pair[]>();
  for (const pair of panel.pairs.values()) {
    const key = groupKey(panel.query.table, pair.device, by);
    const group = groups.get(key);
    if (group) group.push(pair);
    else groups.set(key, [pair]);
  }
  const worth = (result: SavingResult): number => (result.energy.share === null ? -Infinity : result.baseline.totalCny - result.optimized.totalCny);
  return [...groups]
    .map(([key, pairs]) => ({ key, result: resultOf(panel, scopeOf(by, key), pairs) }))
    .sort((a, b) => worth(b.result) - worth(a.result) || (a.key < b.key ? -1 : 1))
    .map(({ result }) => result);
}

function resultOf(panel: SavingsPanel, scope: SavingScope, all: readonly Pair[]): SavingResult {
  const { assumptions, table, fromMs, toMs } = panel.query;
  const pairs = all.filter((pair) => pair.leftOut === null);
  const found = logRatio(panel, pairs, (panel.query.seed ^ hashOf(`${scope.kind} ${'id' in scope ? scope.id : ''}`)) >>> 0);
  const energy = energyOf(panel, all, pairs, found);
  const money = moneyOf(panel, pairs);
  const deviceDays = pairs.reduce((sum, pair) => sum + pair.after.plainMs, 0) / DAY_MS;
  const inferences = pairs.reduce((sum, pair) => sum + pair.after.plainInferences, 0);
  const told = found !== null && energy.verdict !== 'not_equal_work';
  const decisions = told ? decisionsIn(panel, scope) : [];
  const capacityCny = decisions.reduce((sum, each) => sum + each.cny, 0);
  const use = (side: 'baselineUse' | 'optimizedUse'): Pick<CostParts, 'networkCny' | 'cloudCny'> => ({
    networkCny: ((inferences * assumptions[side].bytesPerInference) / 1e9) * assumptions.networkCnyPerGb.value,
    cloudCny: ((inferences * assumptions[side].cloudShare) / 1000) * assumptions.cloudCnyPer1000.value,
  });
  const optimized = costOf({ energyCny: money.optimizedCny, capitalCny: money.capitalCny, ...use('optimizedUse') });
  const baseline = costOf({ energyCny: money.baselineCny, capitalCny: money.capitalCny + capacityCny, ...use('baselineUse') });
  const saved = (baselineOf: number, optimizedOf: number): Estimate | null => (told ? moneyEstimate(baselineOf, optimizedOf, found) : null);
  const cashEnergyCny = saved(money.baselineCny, money.optimizedCny);
  const other = capacityCny + baseline.networkCny - optimized.networkCny + baseline.cloudCny - optimized.cloudCny;
  const totalShare = totalShareOf(cashEnergyCny, other, optimized.totalCny);
  return {
    scope,
    name: nameOf(table, scope),
    fromDay: isoDay(dayOf(fromMs)),
    toDay: isoDay(Math.max(dayOf(fromMs), dayOf(toMs) - 1)),
    deviceDays,
    energy,
    baseline,
    optimized,
    cashEnergyCny,
    networkCny: told ? baseline.networkCny - optimized.networkCny : 0,
    cloudCny: told ? baseline.cloudCny - optimized.cloudCny : 0,
    capacityCny,
    decisionIds: decisions.map((each) => each.id),
    freedDevices: freed(pairs),
    totalShare,
    totalVerdict: energy.verdict === 'not_equal_work' || totalShare === null ? energy.verdict : verdictOf(totalShare.ci95),
    carbonSavedKg: saved(money.baselineKg, money.optimizedKg),
    energySavedKwh: saved(money.baselineKwh, money.optimizedKwh),
    line25: totalShare?.ci95 ? lineOf(totalShare.ci95, LINE) : null,
  };
}

function energyOf(panel: SavingsPanel, all: readonly Pair[], pairs: readonly Pair[], found: LogRatio | null): EnergySaving {
  const adjusted = (pair: Pair): number => pair.baselineJ * (panel.cohortOf.get(pair.device)?.ratio ?? 1);
  const baselineJ = sum(pairs, adjusted);
  const optimizedJ = sum(pairs, (pair) => pair.optimizedJ);
  const split = pairs.length > 0 && pairs.every((pair) => pair.split);
  const total = (of: (side: Side) => number, side: 'before' | 'after'): number => sum(pairs, (pair) => of(pair[side]));
  const checked = pairs.filter((pair) => pair.before.accuracySamples > 0 && pair.after.accuracySamples > 0);
  const accuracyDrop = checked.length === 0 ? null : accuracyOf(checked, 'before') - accuracyOf(checked, 'after');
  const share = found && { value: 1 - Math.exp(found.value), ci95: found.ci95 && ([1 - Math.exp(found.ci95[1]), 1 - Math.exp(found.ci95[0])] as [number, number]) };
  const worse = accuracyDrop !== null && accuracyDrop > panel.query.assumptions.accuracyMargin.value;
  const allWorse = pairs.length === 0 && all.some((pair) => pair.leftOut === 'accuracy_worse');
  const rate = (side: 'before' | 'after'): number | null => ratio(total((each) => each.inferences, side), total((each) => each.ms, side));
  return {
    verdict: worse || allWorse ? 'not_equal_work' : verdictOf(share?.ci95 ?? null),
    method: panel.method,
    resampled: found?.resampled ?? null,
    share,
    baselineJ,
    optimizedJ,
    // What devices held back did is taken off both parts alike.
    inferenceJ: split ? sum(pairs, (pair) => (adjusted(pair) / pair.baselineJ) * (pair.before.aboveJ / pair.before.inferences) * pair.after.inferences - pair.after.aboveJ) : null,
    idleJ: split ? sum(pairs, (pair) => (adjusted(pair) / pair.baselineJ) * (pair.before.idleJ / pair.before.ms) * pair.after.ms - pair.after.idleJ) : null,
    controlRatio: panel.method === 'held_back' && pairs.length > 0 && found !== null ? sum(pairs, adjusted) / sum(pairs, (pair) => pair.baselineJ) : null,
    accuracyDrop,
    workRatio: quotient(rate('after'), rate('before')),
    busyBefore: ratio(total((side) => side.busyMs, 'before'), total((side) => side.durationMs, 'before')),
    busyAfter: ratio(total((side) => side.busyMs, 'after'), total((side) => side.durationMs, 'after')),
    latencyP95Ratio: quotient(
      ratio(total((side) => side.latencyWeighted, 'after'), total((side) => side.latencyInferences, 'after')),
      ratio(total((side) => side.latencyWeighted, 'before'), total((side) => side.latencyInferences, 'before')),
    ),
    evidence: evidenceOf(panel, all, pairs, panel.method === 'held_back' && found !== null),
  };
}

function evidenceOf(panel: SavingsPanel, all: readonly Pair[], pairs: readonly Pair[], controlled: boolean): SavingEvidence {
  const { table } = panel.query;
  const controls = controlled ? controlsOf(table, new Set(pairs.flatMap((pair) => panel.cohortOf.get(pair.device) ?? []))) : NONE;
  const used = [...new Set([...pairs.map((pair) => pair.evidence), ...controls.evidences])].flatMap((place) => table.evidences[place] ?? []);
  const idOf = (device: number): string => table.devices[device]?.id ?? '';
  const leftOut = all.flatMap((pair) => (pair.leftOut === null ? [] : [{ deviceId: idOf(pair.device), reason: pair.leftOut }]));
  const range = (side: 'before' | 'after'): [number, number] | null =>
    pairs.length === 0 ? null : [pairs.reduce((least, pair) => Math.min(least, pair[side].fromMs), Infinity), pairs.reduce((most, pair) => Math.max(most, pair[side].toMs), -Infinity)];
  const stores = (places: Iterable<number>): number => new Set([...places].map((device) => table.storeOfDevice[device])).size;
  return {
    tier: weakest(used.map((each) => each.tier)),
    simulated: used.some((each) => each.simulated),
    sources: [...new Set(used.map((each) => each.source))].sort(),
    devices: pairs.length,
    stores: stores(pairs.map((pair) => pair.device)),
    controlDevices: controls.devices.length,
    controlStores: controls.stores,
    deviceIds: pairs.slice(0, MOST_IDS).map((pair) => idOf(pair.device)),
    controlDeviceIds: controls.devices.slice(0, MOST_IDS).map(idOf),
    rolloutIds: [...new Set(pairs.flatMap((pair) => panel.updates.get(pair.device)?.rolloutId ?? []))].sort().slice(0, MOST_IDS),
    leftOut: leftOut.slice(0, MOST_IDS),
    leftOutCount: leftOut.length,
    beforeMs: range('before'),
    afterMs: range('after'),
    rowsBefore: sum(pairs, (pair) => pair.before.rows),
    rowsAfter: sum(pairs, (pair) => pair.after.rows),
    hoursBefore: sum(pairs, (pair) => pair.before.plainMs) / HOUR_MS,
    hoursAfter: sum(pairs, (pair) => pair.after.plainMs) / HOUR_MS,
    inferencesBefore: sum(pairs, (pair) => pair.before.plainInferences),
    inferencesAfter: sum(pairs, (pair) => pair.after.plainInferences),
  };
}

interface Controls {
  /** Places, in order. */
  readonly devices: readonly number[];
  readonly stores: number;
  readonly evidences: readonly number[];
}

const NONE: Controls = { devices: [], stores: 0, evidences: [] };
const known = new WeakMap<Cohort, Controls>();

function controlsOf(table: FigureTable, cohorts: ReadonlySet<Cohort>): Controls {
  const [only, another] = cohorts;
  const before = only && another === undefined ? known.get(only) : undefined;
  if (before) return before;
  const pairs = new Map([...cohorts].flatMap((cohort) => cohort.pairs.map((pair) => [pair.device, pair] as const)));
  const devices = [...pairs.keys()].sort((a, b) => a - b);
  const found = { devices, stores: new Set(devices.map((device) => table.storeOfDevice[device])).size, evidences: [...new Set([...cohorts].flatMap((cohort) => cohort.pairs.map((pair) => pair.evidence)))] };
  if (only && another === undefined) known.set(only, found);
  return found;
}

/** Joules priced and weighed as the energy of the period was. */
function moneyOf(panel: SavingsPanel, pairs: readonly Pair[]): { baselineCny: number; optimizedCny: number; baselineKwh: number; optimizedKwh: number; baselineKg: number; optimizedKg: number; capitalCny: number } {
  const { table, assumptions } = panel.query;
  const result = { baselineCny: 0, optimizedCny: 0, baselineKwh: 0, optimizedKwh: 0, baselineKg: 0, optimizedKg: 0, capitalCny: 0 };
  for (const pair of pairs) {
    const line = panel.ledger.lines[pair.device];
    const device = table.devices[pair.device];
    if (!line || !device || !(line.sums.energyJ > 0)) continue;
    const baselineJ = pair.baselineJ * (panel.cohortOf.get(pair.device)?.ratio ?? 1);
    const [cny, kwh] = [line.energyCny / line.sums.energyJ, line.kwh / line.sums.energyJ];
    const kg = (kwh * assumptions.pue.value * gridOf(assumptions, table.stores[table.storeOfDevice[pair.device] ?? 0]?.region ?? '')) / 1000;
    result.baselineCny += baselineJ * cny;
    result.optimizedCny += pair.optimizedJ * cny;
    result.baselineKwh += baselineJ * kwh;
    result.optimizedKwh += pair.optimizedJ * kwh;
    result.baselineKg += baselineJ * kg;
    result.optimizedKg += pair.optimizedJ * kg;
    result.capitalCny += (capitalPerDay(assumptions, device).cny * pair.after.plainMs) / DAY_MS;
  }
  return result;
}

/** The difference of two amounts that stand in a measured ratio. */
function moneyEstimate(baseline: number, optimized: number, found: LogRatio): Estimate {
  const at = (log: number): number => optimized * (Math.exp(-log) - 1);
  // The ratio of amounts is that of joules where all pay one price; where not, the interval keeps its width around the ratio of the amounts.
  const shift = optimized > 0 && baseline > 0 ? Math.log(optimized / baseline) - found.value : 0;
  return { value: baseline - optimized, ci95: found.ci95 && [at(found.ci95[1] + shift), at(found.ci95[0] + shift)] };
}

function totalShareOf(cash: Estimate | null, otherCny: number, optimizedTotalCny: number): Estimate | null {
  if (cash === null || !(optimizedTotalCny > 0)) return null;
  const at = (energyCny: number): number => (energyCny + otherCny) / (optimizedTotalCny + energyCny + otherCny);
  return { value: at(cash.value), ci95: cash.ci95 && [at(cash.ci95[0]), at(cash.ci95[1])] };
}

/** The day that begins next to a moment: periods begin and end at midnight of the stores, which is some hours off that of UTC. */
const dayOf = (ms: number): number => Math.round(ms / DAY_MS);

/** Decisions that fall into the scope and the period, with what the devices would have cost in it, as far as anything is known of it. */
function decisionsIn({ query: { decisions, assumptions, table, fromMs }, knownToMs }: SavingsPanel, scope: SavingScope): readonly { readonly id: string; readonly cny: number }[] {
  if (scope.kind === 'device' || decisions.length === 0) return [];
  const stores = new Map(table.stores.map((store) => [store.id, store]));
  return decisions.flatMap((decision) => {
    const store = stores.get(decision.storeId);
    if (!store || (scope.kind === 'store' && store.id !== scope.id) || (scope.kind === 'region' && store.region !== scope.id)) return [];
    const from = Math.max(dayOf(fromMs), dayOfIso(decision.fromDay));
    const to = Math.min(dayOf(knownToMs), decision.toDay === null ? Infinity : dayOfIso(decision.toDay) + 1);
    const days = Math.max(0, to - from);
    const cny = devicesOf(decision) * days * capitalPerDay(assumptions, { class: decision.deviceClass, workload: '' }).cny;
    return cny > 0 ? [{ id: decision.id, cny }] : [];
  });
}

/** Whole devices that are not there because of a decision. */
export function devicesOf(decision: CapacityDecision): number {
  return decision.kind === 'cameras_added' ? Math.floor(decision.count / (decision.camerasPerDevice ?? Infinity)) : decision.count;
}

/** Busy time that the same work no longer takes, in devices. */
function freed(pairs: readonly Pair[]): number | null {
  if (pairs.length === 0) return null;
  return sum(pairs, ({ before, after }) => {
    const [was, is] = [before.busyMs / before.durationMs, after.busyMs / after.durationMs];
    const work = (after.inferences / after.ms) / (before.inferences / before.ms);
    return was * work - is;
  });
}

export function verdictOf(ci95: readonly [number, number] | null): SavingVerdict {
  if (ci95 === null) return 'not_enough_data';
  if (ci95[0] > 0) return 'proven';
  return ci95[1] < 0 ? 'proven_loss' : 'no_proven_saving';
}

/** A line to be reached: met where the whole interval is above it, missed where it is below. */
export function lineOf(ci95: readonly [number, number], line: number): 'met' | 'missed' | 'open' {
  if (ci95[0] >= line) return 'met';
  return ci95[1] < line ? 'missed' : 'open';
}

const sum = (pairs: readonly Pair[], of: (pair: Pair) => number): number => pairs.reduce((total, pair) => total + of(pair), 0);
const quotient = (of: number | null, by: number | null): number | null => (of === null || by === null || by === 0 ? null : of / by);

function accuracyOf(pairs: readonly Pair[], side: 'before' | 'after'): number {
  return sum(pairs, (pair) => pair[side].accuracyRight) / sum(pairs, (pair) => pair[side].accuracySamples);
}
