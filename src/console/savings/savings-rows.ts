/** Lists out of a panel: stores and devices for a ranking, days for a curve, marks for its axis, rows behind a figure. */
import { isoDay } from '../../base/local-time.ts';
import type { CostSummary, SavingResult } from '../../contract/records/savings.ts';
import type { EvidenceRow, SavingsDay, SavingsMark, SavingsRow } from '../../contract/rpc/savings-routes.ts';
import { rowsOf, savingOf, savingsBy, summaries } from '../../savings/index.ts';
import type { FleetRegistry } from '../fleet/registry/registry.ts';
import type { Bucket } from '../store/telemetry-rollups.ts';
import type { OpenPanel } from './open-panel.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const J_PER_KWH = 3.6e6;

/** Every store or device with telemetry in the period, the largest saving first. @param only of this store or region; all where left out */
export function savingsRows({ panel, periodMs, devices }: OpenPanel, by: 'store' | 'device', registry: FleetRegistry, only?: (row: { readonly storeId: string; readonly region: string }) => boolean): SavingsRow[] {
  const results = new Map(savingsBy(panel, by).map((result) => [idOf(result), result]));
  const ofStore = new Map<string, { devices: number; updated: number; workloads: Set<string> }>();
  const updated = new Set([...panel.updates.values()].map(({ deviceId }) => deviceId));
  const byId = new Map(devices.map((device) => [device.id, device]));
  for (const device of devices) {
    const known = ofStore.get(device.storeId) ?? { devices: 0, updated: 0, workloads: new Set<string>() };
    known.devices++;
    if (updated.has(device.id)) known.updated++;
    known.workloads.add(device.workload);
    ofStore.set(device.storeId, known);
  }
  const rows = summaries(panel.ledger, by, periodMs).flatMap((summary): SavingsRow[] => {
    const id = idOf(summary);
    const device = by === 'device' ? byId.get(id) : undefined;
    const shop = registry.store(by === 'store' ? id : (device?.storeId ?? ''));
    if (shop === undefined || only?.({ storeId: shop.id, region: shop.region }) === false) return [];
    const counts = ofStore.get(shop.id);
    return [rowOf(id, by === 'store' ? shop.name : (device?.name ?? ''), shop, summary, results.get(id), device ? { devices: 1, updated: updated.has(id) ? 1 : 0, workloads: [device.workload] } : { devices: counts?.devices ?? 0, updated: counts?.updated ?? 0, workloads: [...(counts?.workloads ?? [])].sort() })];
  });
  const worth = ({ energyShare, cashEnergyCny, capacityCny }: SavingsRow): number => (energyShare === null ? Number.NEGATIVE_INFINITY : (cashEnergyCny?.value ?? 0) + capacityCny);
  return rows.sort((a, b) => worth(b) - worth(a) || (a.id < b.id ? -1 : 1));
}

function idOf({ scope }: { readonly scope: SavingResult['scope'] }): string {
  return scope.kind === 'chain' ? '' : scope.id;
}

function rowOf(
  id: string, name: string, shop: NonNullable<ReturnType<FleetRegistry['store']>>, summary: CostSummary, result: SavingResult | undefined,
  counts: { readonly devices: number; readonly updated: number; readonly workloads: readonly string[] },
): SavingsRow {
  return {
    id, name, region: shop.region, storeId: shop.id, workloads: [...counts.workloads], devices: counts.devices, updatedDevices: counts.updated, latitude: shop.latitude, longitude: shop.longitude,
    verdict: result?.energy.verdict ?? 'not_enough_data',
    method: result?.energy.method ?? 'before_after',
    energyShare: result?.energy.share ?? null,
    cashEnergyCny: result?.cashEnergyCny ?? null,
    capacityCny: result?.capacityCny ?? 0,
    totalShare: result?.totalShare ?? null,
    totalVerdict: result?.totalVerdict ?? 'not_enough_data',
    costCny: summary.cost.totalCny, kwh: summary.kwh, cnyPer1000: summary.cnyPer1000, joulesPerInference: summary.joulesPerInference,
    latencyP95Ms: summary.latencyP95Ms, latencyP95Ratio: result?.energy.latencyP95Ratio ?? null, accuracy: summary.accuracy, tier: summary.tier, simulated: summary.simulated,
  };
}

/** Days of a curve, meters added together, models apart. A day at either end that was measured for less than half as long as the others has other hours in it, and is left out. */
export function savingsDays(buckets: readonly Bucket[]): SavingsDay[] {
  const days = new Map<string, { day: number; digest: string; energyJ: number; energyMs: number; energyInferences: number; inferences: number; latencyWeighted: number; latencyInferences: number }>();
  for (const { bucket, digest, sums } of buckets) {
    const key = `${bucket} ${digest}`;
    const known = days.get(key) ?? { day: bucket, digest, energyJ: 0, energyMs: 0, energyInferences: 0, inferences: 0, latencyWeighted: 0, latencyInferences: 0 };
    known.energyJ += sums.energyJ;
    known.energyMs += sums.energyMs;
    known.energyInferences += sums.energyInferences;
    known.inferences += sums.inferences;
    known.latencyWeighted += sums.latencyP95Weighted;
    known.latencyInferences += sums.latencyInferences;
    days.set(key, known);
  }
  const hours = new Map<number, number>();
  for (const { day, energyMs } of days.values()) hours.set(day, (hours.get(day) ?? 0) + energyMs);
  const inOrder = [...hours.keys()].sort((a, b) => a - b);
  const middle = [...hours.values()].sort((a, b) => a - b)[hours.size >> 1] ?? 0;
  const partial = new Set([inOrder[0], inOrder.at(-1)].filter((day) => inOrder.length > 3 && day !== undefined && (hours.get(day) ?? 0) < middle / 2));
  return [...days.values()].filter(({ day }) => !partial.has(day)).map((day) => ({
    day: isoDay(day.day), digest: day.digest, kwh: day.energyJ / J_PER_KWH, inferences: day.inferences, energyHours: day.energyMs / HOUR_MS,
    joulesPerInference: day.energyInferences === 0 ? null : day.energyJ / day.energyInferences, latencyP95Ms: day.latencyInferences === 0 ? null : day.latencyWeighted / day.latencyInferences,
  }));
}

/** When models changed, by day and rollout. @param nameOf a rollout; null where it is not known any more */
export function savingsMarks({ panel, table }: OpenPanel, only: ReadonlySet<string> | undefined, nameOf: (rolloutId: string) => string | null, modelOf: (digest: string) => string): SavingsMark[] {
  const marks = new Map<string, SavingsMark>();
  for (const update of panel.updates.values()) {
    if (only?.has(update.deviceId) === false) continue;
    const day = isoDay(Math.floor(update.atMs / DAY_MS));
    const key = `${day} ${update.rolloutId} ${update.toDigest}`;
    const known = marks.get(key);
    const name = (update.rolloutId === null ? null : nameOf(update.rolloutId)) ?? modelOf(update.toDigest ?? '');
    marks.set(key, known ? { ...known, atMs: Math.min(known.atMs, update.atMs), devices: known.devices + 1 } : { day, atMs: update.atMs, rolloutId: update.rolloutId, name, devices: 1, toDigest: update.toDigest });
  }
  return table.count === 0 ? [] : [...marks.values()].sort((a, b) => a.atMs - b.atMs);
}

/** All rows of a device that were looked at; those of neither side are left out of the figure and say so. */
export function evidenceRows({ panel, table }: OpenPanel, deviceId: string): EvidenceRow[] {
  const device = table.devices.findIndex(({ id }) => id === deviceId);
  if (device < 0) return [];
  const window = panel.windows.get(device);
  const pair = panel.pairs.get(device);
  const sides = window === undefined ? { before: [], after: [] } : rowsOf(table, device, window);
  // Rows of another meter than the one that was there on both sides count for nothing.
  const counts = (at: number): boolean => pair !== undefined && table.evidence[at] === pair.evidence && (table.columns.energyMs[at] ?? 0) > 0;
  const before = new Set(sides.before.filter(counts));
  const after = new Set(sides.after.filter(counts));
  const { columns } = table;
  const rows: EvidenceRow[] = [];
  for (let at = table.first[device] ?? 0; at < (table.first[device + 1] ?? 0); at++) {
    const evidence = table.evidences[table.evidence[at] ?? 0];
    const energyMs = columns.energyMs[at] ?? 0;
    const energyInferences = columns.energyInferences[at] ?? 0;
    rows.push({
      side: before.has(at) ? 'before' : after.has(at) ? 'after' : 'left_out',
      fromMs: table.atMs[at] ?? 0, durationMs: columns.durationMs[at] ?? 0, digest: table.digests[table.digest[at] ?? 0] ?? '', rows: columns.rows[at] ?? 0, inferences: columns.inferences[at] ?? 0,
      energyJ: energyMs > 0 ? (columns.energyJ[at] ?? 0) : null,
      aboveIdleJ: (columns.aboveIdleMs[at] ?? 0) > 0 ? (columns.aboveIdleJ[at] ?? 0) : null,
      joulesPerInference: energyInferences > 0 ? (columns.energyJ[at] ?? 0) / energyInferences : null,
      latencyP95Ms: (columns.latencyInferences[at] ?? 0) > 0 ? (columns.latencyP95Weighted[at] ?? 0) / (columns.latencyInferences[at] ?? 1) : null,
      accuracy: (columns.accuracySamples[at] ?? 0) > 0 ? (columns.accuracyRight[at] ?? 0) / (columns.accuracySamples[at] ?? 1) : null,
      tier: evidence?.tier ?? null, source: evidence?.source ?? '', simulated: evidence?.simulated ?? false,
    });
  }
  return rows;
}

/** As on the page: the days that were asked for, whatever clock the rows are of. */
export function resultOf({ panel, view }: OpenPanel, scope: SavingResult['scope'], name?: string): SavingResult {
  const result = savingOf(panel, scope);
  return { ...result, name: name ?? result.name, fromDay: view.fromDay, toDay: view.toDay };
}
