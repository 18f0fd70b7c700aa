/** Tells windows of changed devices, at most four times a second, however many change. */
import type { DeviceRow } from '../../../contract/records/fleet.ts';
import type { EventHub } from '../../events.ts';

const EVERY_MS = 250;

export interface ChangeFeed {
  changed(row: DeviceRow): void;
  removed(id: string): void;
  registry(): void;
  close(): void;
}

export function createChangeFeed(events: EventHub): ChangeFeed {
  const rows = new Map<string, DeviceRow>();
  const removed = new Set<string>();
  let registry = false;
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (rows.size > 0 || removed.size > 0) events.emit({ type: 'fleet.changed', rows: [...rows.values()], removed: [...removed] });
    if (registry) events.emit({ type: 'fleet.registry' });
    rows.clear();
    removed.clear();
    registry = false;
  };
  const later = (): void => {
    timer ??= setTimeout(flush, EVERY_MS).unref();
  };
  return {
    changed(row) {
      removed.delete(row.id);
      rows.set(row.id, row);
      later();
    },
    removed(id) {
      rows.delete(id);
      removed.add(id);
      later();
    },
    registry() {
      registry = true;
      later();
    },
    close: flush,
  };
}
