/** A view (period, baseline, workload) turned into a question to the arithmetic, with the measurements that it needs. */
import { EdgewiseError } from '../../base/errors.ts';
import { dayOfIso, zoneOffsetMs } from '../../base/local-time.ts';
import type { DeviceRow } from '../../contract/records/fleet.ts';
import type { SavingsView } from '../../contract/rpc/savings-routes.ts';
import { prepareSavings, type FigureTable, type SavingsPanel } from '../../savings/index.ts';
import type { FleetRegistry } from '../fleet/registry/registry.ts';
import type { Store } from '../store/open-store.ts';
import { findUpdates } from './find-updates.ts';
import type { TableLoader } from './load-table.ts';
import type { SavingsBook } from './savings-book.ts';

const DAY_MS = 86_400_000;
/** Updates longer ago than this before the period are too far away to be compared with. */
const FURTHEST_DAYS = 200;
const ROUNDS = 1000;

export interface OpenPanel {
  readonly view: SavingsView;
  readonly asOfMs: number;
  readonly table: FigureTable;
  readonly panel: SavingsPanel;
  readonly devices: readonly DeviceRow[];
  readonly fromDay: number;
  readonly toDay: number;
  readonly periodMs: number;
}

export interface PanelPorts {
  readonly store: Store;
  readonly registry: FleetRegistry;
  readonly book: SavingsBook;
  readonly loader: TableLoader;
  /** The rollout that brought a model to a device; null: none is known. */
  readonly rolloutOf: (deviceId: string, digest: string) => string | null;
}

/** @throws EdgewiseError BAD_REQUEST for a period that ends before it begins */
export function openPanel({ store, registry, book, loader, rolloutOf }: PanelPorts, view: SavingsView, nowMs: number): OpenPanel {
  const fromDay = dayOfIso(view.fromDay);
  const toDay = dayOfIso(view.toDay);
  if (!(fromDay <= toDay)) throw new EdgewiseError('BAD_REQUEST', `The period from ${view.fromDay} to ${view.toDay} is none.`, { hint: 'Name a first and a last day, the first not after the last.' });
  const devices = registry.rows().filter((device) => view.workload === null || device.workload === view.workload);
  const baselineMs = view.baselineDays * DAY_MS;
  // Days are of the stores' clocks, most of which agree; rows of hours and minutes are of UTC.
  const zone = commonZone(registry);
  const periodMs = { from: fromDay * DAY_MS, to: (toDay + 1) * DAY_MS };
  const earliestMs = earliestUpdate(store, periodMs.from, nowMs) - baselineMs - DAY_MS;
  const reach = Math.max(Math.min(earliestMs, periodMs.from - baselineMs), periodMs.from - FURTHEST_DAYS * DAY_MS);
  const span = loader.span(reach, nowMs);
  const ahead = (atMs: number): number => (span === 'day' ? 0 : zoneOffsetMs(zone, atMs));
  const fromMs = periodMs.from - ahead(periodMs.from);
  const toMs = periodMs.to - ahead(periodMs.to);
  const table = loader.load(span, { fromMs: reach, toMs, devices });
  const panel = prepareSavings({
    table, assumptions: book.assumptions(), updates: findUpdates(table, fromMs, toMs, rolloutOf), decisions: book.decisions(), fromMs, toMs, baselineMs, settleMs: 0, method: view.method, seed: 1, rounds: ROUNDS,
  });
  return { view, asOfMs: nowMs, table, panel, devices, fromDay, toDay, periodMs: Math.max(1, Math.min(toMs, nowMs) - fromMs) };
}

/** Of the devices that changed models: when the first of those that changed last did. */
function earliestUpdate(store: Store, fromMs: number, nowMs: number): number {
  let earliest = nowMs;
  let device = -1;
  let models = 0;
  let last = { firstMs: 0, lastMs: 0 };
  const close = (): void => {
    if (models > 1 && last.lastMs >= fromMs) earliest = Math.min(earliest, last.firstMs);
  };
  for (const run of store.telemetry.rollups.runs()) {
    if (run.device !== device) {
      close();
      device = run.device;
      models = 0;
      last = { firstMs: 0, lastMs: 0 };
    }
    models++;
    if (run.lastMs >= last.lastMs) last = run;
  }
  close();
  return earliest;
}

function commonZone(registry: FleetRegistry): string {
  const counts = new Map<string, number>();
  for (const { timeZone } of registry.stores()) counts.set(timeZone, (counts.get(timeZone) ?? 0) + 1);
  let best = 'UTC';
  let most = 0;
  for (const [zone, count] of counts) if (count > most) [best, most] = [zone, count];
  return best;
}
