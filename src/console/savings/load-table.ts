/** Measurements from the store as the arithmetic takes them. */
import type { DeviceRow, StoreRecord } from '../../contract/records/fleet.ts';
import { addRow, noSums } from '../../savings/rollup/sums.ts';
import { COLUMN_NAMES, figureTableBuilder, type ColumnName, type DevicePlace, type FigureTable, type StorePlace, type TableSpan } from '../../savings/index.ts';
import type { FleetRegistry } from '../fleet/registry/registry.ts';
import type { Store } from '../store/open-store.ts';
import { RETENTION } from '../store/telemetry-repository.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Rows of hours that one view may take: a second or so to read. */
const MOST_HOURS = 300_000;
/** What began so recently, on so few devices, is looked at row by row. */
const ROWS_WITHIN_MS = 6 * HOUR_MS;
const ROWS_DEVICES = 50;
const MOST_ROWS = 100_000;

export interface TableRequest {
  /** By UTC; `toMs` does not belong. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly devices: readonly DeviceRow[];
}

export interface TableLoader {
  /**
   * The finest that is quick enough and still kept. Chosen by the whole fleet, so that a store is computed from the same rows on every page.
   * @param nowMs what is older than its retention is not there
   */
  span(fromMs: number, nowMs: number): TableSpan;
  load(span: TableSpan, request: TableRequest): FigureTable;
}

export function createTableLoader(store: Store, registry: FleetRegistry): TableLoader {
  const { rollups } = store.telemetry;
  return {
    span(fromMs, nowMs) {
      const devices = registry.rows().length;
      if (fromMs < nowMs - RETENTION.hours * DAY_MS) return 'day';
      const hours = Math.ceil((nowMs - fromMs) / HOUR_MS);
      if (devices * hours > MOST_HOURS) return 'day';
      if (devices > ROWS_DEVICES) return 'hour';
      const extent = rollups.hourExtent();
      return extent !== null && (extent.toHour + 1 - extent.fromHour) * HOUR_MS <= ROWS_WITHIN_MS ? 'row' : 'hour';
    },
    load(span, { fromMs, toMs, devices }) {
      const shops = new Map<string, StorePlace>();
      const places: DevicePlace[] = [];
      const byNumber = new Map<number, DeviceRow>();
      for (const device of devices) {
        const shop = registry.store(device.storeId);
        const number = registry.number(device.id);
        if (shop === undefined || number === undefined) continue;
        shops.set(shop.id, placeOf(shop));
        places.push({ id: device.id, storeId: shop.id, class: device.class, workload: device.workload });
        byNumber.set(number, device);
      }
      const builder = figureTableBuilder(span, [...shops.values()], places);
      if (span === 'row') {
        for (const [number, { id, simulated }] of byNumber) {
          for (const row of store.telemetry.between(number, fromMs, toMs, MOST_ROWS)) {
            const sums = noSums();
            addRow(sums, row);
            builder.add(id, row.fromMs, row.digest, { tier: row.energy?.tier ?? null, source: row.energy?.source ?? '', simulated }, sums);
          }
        }
        return builder.build();
      }
      const ms = span === 'hour' ? HOUR_MS : DAY_MS;
      const numbers = byNumber.size === registry.rows().length ? undefined : [...byNumber.keys()];
      // One object for all rows: the table takes its numbers at once.
      const figures = noSums();
      rollups.each(span, Math.floor(fromMs / ms), Math.ceil(toMs / ms) - 1, numbers, COLUMN_NAMES, (device, bucket, digest, evidence, values) => {
        const known = byNumber.get(device);
        if (known === undefined) return;
        for (let at = 0; at < COLUMN_NAMES.length; at++) figures[COLUMN_NAMES[at] as ColumnName] = values[at] ?? 0;
        builder.add(known.id, bucket * ms, digest, evidence, figures);
      });
      return builder.build();
    },
  };
}

function placeOf(shop: StoreRecord): StorePlace {
  return { id: shop.id, name: shop.name, region: shop.region, timeZone: shop.timeZone, tariffCnyPerKwh: shop.tariffCnyPerKwh };
}
