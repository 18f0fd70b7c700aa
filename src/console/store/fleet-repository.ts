/** Stores, devices, groups and what happened to devices. */
import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { credentialState, deviceEvent, deviceGroup, deviceRecord, presenceRecord, storeRecord, twinRecord, type DeviceEvent, type DeviceGroup, type StoreRecord } from '../../contract/records/fleet.ts';
import { inventory } from '../../contract/wire/messages.ts';
import { parseColumn } from './row.ts';

/** What is known of a device beside its registration. */
const deviceSeen = z.object({
  presence: presenceRecord,
  credential: credentialState,
  artifact: z.string().nullable(),
  inventory: inventory.nullable(),
  twin: twinRecord,
  /** Highest numbers of report and batch that are stored. */
  acked: z.object({ reports: z.number(), batches: z.number() }),
});

const storedDevice = z.object({ record: deviceRecord, seen: deviceSeen });
export type DeviceSeen = z.infer<typeof deviceSeen>;
export type StoredDevice = z.infer<typeof storedDevice> & { readonly number: number };

/** Events of one device never grow past this; the oldest go. */
const EVENTS = 500;

export interface FleetRepository {
  stores(): StoreRecord[];
  saveStore(store: StoreRecord): void;
  removeStore(id: string): void;
  devices(): StoredDevice[];
  /** @returns its number in other tables */
  saveDevice(device: Omit<StoredDevice, 'number'>): number;
  removeDevice(id: string): void;
  groups(): DeviceGroup[];
  saveGroup(group: DeviceGroup): void;
  removeGroup(id: string): void;
  addEvent(device: number, event: DeviceEvent): void;
  /** Newest first. */
  events(device: number): DeviceEvent[];
}

export function createFleetRepository(database: DatabaseSync): FleetRepository {
  const stores = database.prepare('SELECT id, record FROM stores ORDER BY id');
  const saveStore = database.prepare('INSERT INTO stores (id, record) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record');
  const removeStore = database.prepare('DELETE FROM stores WHERE id = ?');
  const devices = database.prepare('SELECT number, id, record, seen FROM devices ORDER BY number');
  const saveDevice = database.prepare(
    'INSERT INTO devices (id, store_id, record, seen) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET store_id = excluded.store_id, record = excluded.record, seen = excluded.seen RETURNING number',
  );
  const removeDevice = database.prepare('DELETE FROM devices WHERE id = ?');
  const groups = database.prepare('SELECT id, record FROM device_groups ORDER BY id');
  const saveGroup = database.prepare('INSERT INTO device_groups (id, record) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record');
  const removeGroup = database.prepare('DELETE FROM device_groups WHERE id = ?');
  const addEvent = database.prepare('INSERT INTO device_events (device, at_ms, kind, text, rollout_id) VALUES (?, ?, ?, ?, ?)');
  const trim = database.prepare('DELETE FROM device_events WHERE device = ? AND sequence <= (SELECT sequence FROM device_events WHERE device = ? ORDER BY sequence DESC LIMIT 1 OFFSET ?)');
  const events = database.prepare('SELECT at_ms AS atMs, kind, text, rollout_id AS rolloutId FROM device_events WHERE device = ? ORDER BY sequence DESC');
  return {
    stores: () => stores.all().map((row) => parseColumn(storeRecord, row['record'], `stores ${String(row['id'])}`)),
    saveStore: (store) => void saveStore.run(store.id, JSON.stringify(store)),
    removeStore: (id) => void removeStore.run(id),
    devices: () =>
      devices.all().map((row) => {
        const where = `devices ${String(row['id'])}`;
        return { number: Number(row['number']), record: parseColumn(deviceRecord, row['record'], where), seen: parseColumn(deviceSeen, row['seen'], where) };
      }),
    saveDevice: ({ record, seen }) => Number(saveDevice.get(record.id, record.storeId, JSON.stringify(record), JSON.stringify(seen))?.['number']),
    removeDevice: (id) => void removeDevice.run(id),
    groups: () => groups.all().map((row) => parseColumn(deviceGroup, row['record'], `device_groups ${String(row['id'])}`)),
    saveGroup: (group) => void saveGroup.run(group.id, JSON.stringify(group)),
    removeGroup: (id) => void removeGroup.run(id),
    addEvent(device, { atMs, kind, text, rolloutId }) {
      addEvent.run(device, atMs, kind, text, rolloutId);
      trim.run(device, device, EVENTS);
    },
    events: (device) => events.all(device).map((row) => deviceEvent.parse(row)),
  };
}
