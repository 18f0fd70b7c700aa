/**
 * What devices used and cost in a period, whatever ran: one pass over the table gives sums by device, and groups of devices are sums of those.
 *
 * kWh = J * wall factor / 3.6e6 (without the factor where a wall meter measured); energy = kWh * price * PUE; capital = price / life * share * days;
 * carbon = SCI of the Green Software Foundation, (E * I + M) / R with R = 1,000 inferences. Days are days of telemetry: what was not told is not counted.
 */
import type { CostParts, CostSummary, SavingScope, SavingsAssumptions } from '../../contract/records/savings.ts';
import type { FigureTable } from '../table/figure-table.ts';
import { COLUMN_NAMES, type ColumnName } from '../table/figure-table.ts';
import { lowerBound, slotsOf } from '../table/rows.ts';
import { weakest } from '../table/tiers.ts';
import { capitalPerDay, gridOf, rowPrice, wallKwh } from './prices.ts';

const DAY_MS = 86_400_000;
const BYTES_PER_GB = 1e9;

/** Sums of one device. */
export interface LedgerLine {
  readonly device: number;
  readonly sums: Record<ColumnName, number>;
  kwh: number;
  energyCny: number;
  /** Places in `evidences` of the rows with energy. */
  readonly evidences: Set<number>;
  /** Of any row. */
  simulated: boolean;
}

export interface Ledger {
  readonly table: FigureTable;
  readonly assumptions: SavingsAssumptions;
  readonly lines: readonly LedgerLine[];
}

/** @param toMs does not belong @param shape share of the energy in each hour of a day, for tables of days */
export function ledgerOf(table: FigureTable, assumptions: SavingsAssumptions, fromMs: number, toMs: number, shape?: ArrayLike<number>): Ledger {
  const slots = slotsOf(table);
  const priceOf = rowPrice(table, assumptions, shape);
  const lines = table.devices.map((_, device): LedgerLine => {
    const sums = Object.fromEntries(COLUMN_NAMES.map((name) => [name, 0])) as Record<ColumnName, number>;
    const line: LedgerLine = { device, sums, kwh: 0, energyCny: 0, evidences: new Set(), simulated: false };
    const store = table.storeOfDevice[device] ?? 0;
    const [begin, stop] = [lowerBound(table, device, fromMs), lowerBound(table, device, toMs)];
    for (const name of COLUMN_NAMES) {
      const column = table.columns[name];
      let sum = 0;
      for (let at = begin; at < stop; at++) sum += column[at] ?? 0;
      sums[name] = sum;
    }
    let lastEvidence = -1;
    for (let at = begin; at < stop; at++) {
      const place = table.evidence[at] ?? 0;
      const evidence = table.evidences[place];
      if (evidence === undefined) continue;
      const hasEnergy = (table.columns.energyMs[at] ?? 0) > 0;
      if (place !== lastEvidence) {
        if (hasEnergy) line.evidences.add((lastEvidence = place));
        line.simulated ||= evidence.simulated;
      }
      if (!hasEnergy) continue;
      const kwh = wallKwh(assumptions, table.columns.energyJ[at] ?? 0, evidence.tier);
      line.kwh += kwh;
      line.energyCny += kwh * priceOf(slots[at] ?? 0, store);
    }
    return line;
  });
  return { table, assumptions, lines };
}

export type GroupBy = 'device' | 'store' | 'region' | 'chain';

/** Groups with telemetry in the period, in the order of their names. */
export function summaries(ledger: Ledger, by: GroupBy, periodMs: number): CostSummary[] {
  const { table } = ledger;
  const groups = new Map<string, LedgerLine[]>();
  for (const line of ledger.lines) {
    if (line.sums.rows === 0) continue;
    const key = groupKey(table, line.device, by);
    const group = groups.get(key);
    if (group) group.push(line);
    else groups.set(key, [line]);
  }
  return [...groups].map(([key, lines]) => summaryOf(ledger, scopeOf(by, key), lines, periodMs)).sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

export function groupKey(table: FigureTable, device: number, by: GroupBy): string {
  if (by === 'chain') return '';
  if (by === 'device') return table.devices[device]?.id ?? '';
  const store = table.stores[table.storeOfDevice[device] ?? 0];
  return (by === 'store' ? store?.id : store?.region) ?? '';
}

export function scopeOf(by: GroupBy, key: string): SavingScope {
  return by === 'chain' ? { kind: 'chain' } : { kind: by, id: key };
}

const storeNames = new WeakMap<FigureTable, ReadonlyMap<string, string>>();

export function nameOf(table: FigureTable, scope: SavingScope): string {
  if (scope.kind === 'chain') return '';
  if (scope.kind !== 'store') return scope.id;
  const names = storeNames.get(table) ?? new Map(table.stores.map((store) => [store.id, store.name]));
  storeNames.set(table, names);
  return names.get(scope.id) ?? scope.id;
}

function summaryOf({ table, assumptions }: Ledger, scope: SavingScope, lines: readonly LedgerLine[], periodMs: number): CostSummary {
  const total = (name: ColumnName): number => lines.reduce((sum, line) => sum + line.sums[name], 0);
  const stores = new Set(lines.map((line) => table.storeOfDevice[line.device]));
  const inferences = total('inferences');
  let capitalCny = 0;
  let embodiedKg = 0;
  let operationKg = 0;
  for (const line of lines) {
    const device = table.devices[line.device];
    if (!device) continue;
    const perDay = capitalPerDay(assumptions, device);
    const days = line.sums.durationMs / DAY_MS;
    capitalCny += perDay.cny * days;
    embodiedKg += perDay.kg * days;
    operationKg += (line.kwh * assumptions.pue.value * gridOf(assumptions, table.stores[table.storeOfDevice[line.device] ?? 0]?.region ?? '')) / 1000;
  }
  const cost = costOf({
    energyCny: lines.reduce((sum, line) => sum + line.energyCny, 0),
    capitalCny,
    networkCny: ((inferences * assumptions.optimizedUse.bytesPerInference) / BYTES_PER_GB) * assumptions.networkCnyPerGb.value,
    cloudCny: ((inferences * assumptions.optimizedUse.cloudShare) / 1000) * assumptions.cloudCnyPer1000.value,
  });
  const carbonKg = operationKg + embodiedKg;
  const used = [...new Set(lines.flatMap((line) => [...line.evidences]))].map((place) => table.evidences[place]?.tier ?? null);
  const durationMs = total('durationMs');
  return {
    scope,
    name: nameOf(table, scope),
    devices: lines.length,
    stores: stores.size,
    deviceDays: durationMs / DAY_MS,
    energyCoverage: Math.min(1, ratio(total('energyMs'), periodMs * lines.length) ?? 0),
    inferences,
    errors: total('errors'),
    kwh: lines.reduce((sum, line) => sum + line.kwh, 0),
    cost,
    cnyPer1000: ratio(cost.totalCny * 1000, inferences),
    joulesPerInference: ratio(total('energyJ'), total('energyInferences')),
    latencyP50Ms: ratio(total('latencyP50Weighted'), total('latencyInferences')),
    latencyP95Ms: ratio(total('latencyP95Weighted'), total('latencyInferences')),
    throughputPerS: ratio(inferences * 1000, durationMs),
    accuracy: ratio(total('accuracyRight'), total('accuracySamples')),
    busyShare: ratio(total('busyMs'), durationMs),
    carbonKg,
    gramsPer1000: ratio(carbonKg * 1e6, inferences),
    tier: weakest(used),
    simulated: lines.some((line) => line.simulated),
    rows: total('rows'),
  };
}

export function costOf(parts: Omit<CostParts, 'totalCny'>): CostParts {
  return { ...parts, totalCny: parts.energyCny + parts.capitalCny + parts.networkCny + parts.cloudCny };
}

/** null: nothing to divide by. */
export function ratio(of: number, by: number): number | null {
  return by > 0 ? of / by : null;
}
