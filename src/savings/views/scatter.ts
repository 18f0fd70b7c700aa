/** Accuracy against cost: one point for each model in each group. Groups whose accuracy was not measured have none. */
import type { EnergyTier } from '../../contract/records/telemetry.ts';
import type { SavingsAssumptions, ScatterPoint } from '../../contract/records/savings.ts';
import { groupKey, nameOf, scopeOf, type GroupBy } from '../cost/ledger.ts';
import { capitalPerDay, rowPrice, wallKwh } from '../cost/prices.ts';
import type { FigureTable } from '../table/figure-table.ts';
import { lowerBound, slotsOf } from '../table/rows.ts';
import { weakest } from '../table/tiers.ts';

const DAY_MS = 86_400_000;

interface Group {
  readonly key: string;
  readonly digest: string;
  inferences: number;
  /** Energy is of the rows that have it; the rest costs as much for an inference. */
  energyInferences: number;
  energyCny: number;
  capitalCny: number;
  right: number;
  samples: number;
  readonly devices: Set<number>;
  readonly tiers: Set<EnergyTier | null>;
  simulated: boolean;
}

/** @param toMs does not belong */
export function scatterPoints(table: FigureTable, assumptions: SavingsAssumptions, fromMs: number, toMs: number, by: GroupBy): ScatterPoint[] {
  const slots = slotsOf(table);
  const priceOf = rowPrice(table, assumptions);
  const { columns } = table;
  const groups = new Map<string, Group>();
  for (const [device, place] of table.devices.entries()) {
    const key = groupKey(table, device, by);
    const capital = capitalPerDay(assumptions, place).cny;
    const store = table.storeOfDevice[device] ?? 0;
    const stop = lowerBound(table, device, toMs);
    for (let at = lowerBound(table, device, fromMs); at < stop; at++) {
      const digest = table.digests[table.digest[at] ?? 0] ?? '';
      const evidence = table.evidences[table.evidence[at] ?? 0];
      const id = `${key} ${digest}`;
      let group = groups.get(id);
      if (group === undefined) {
        group = { key, digest, inferences: 0, energyInferences: 0, energyCny: 0, capitalCny: 0, right: 0, samples: 0, devices: new Set(), tiers: new Set(), simulated: false };
        groups.set(id, group);
      }
      group.inferences += columns.inferences[at] ?? 0;
      group.capitalCny += (capital * (columns.durationMs[at] ?? 0)) / DAY_MS;
      group.right += columns.accuracyRight[at] ?? 0;
      group.samples += columns.accuracySamples[at] ?? 0;
      group.devices.add(device);
      group.simulated ||= evidence?.simulated ?? false;
      if ((columns.energyMs[at] ?? 0) > 0) {
        group.energyInferences += columns.energyInferences[at] ?? 0;
        group.energyCny += wallKwh(assumptions, columns.energyJ[at] ?? 0, evidence?.tier ?? null) * priceOf(slots[at] ?? 0, store);
        group.tiers.add(evidence?.tier ?? null);
      }
    }
  }
  return [...groups.values()]
    .filter((group) => group.samples > 0 && group.inferences > 0 && group.energyInferences > 0)
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.digest < b.digest ? -1 : 1))
    .map((group) => ({
      id: group.key,
      name: nameOf(table, scopeOf(by, group.key)),
      digest: group.digest,
      accuracy: group.right / group.samples,
      cnyPer1000: 1000 * (group.energyCny / group.energyInferences + group.capitalCny / group.inferences),
      inferences: group.inferences,
      devices: group.devices.size,
      tier: weakest(group.tiers),
      simulated: group.simulated,
    }));
}
