/**
 * Stores and devices: what is registered, what is seen, what is wanted. All rows are in memory, so that ten thousand are filtered at once; what must
 * survive is written before it is told. Presence is only kept in memory between two writes that have another reason: after a start nobody
 * knows it anyway.
 */
import { EdgewiseError } from '../../../base/errors.ts';
import type { DeviceEvent, DeviceGroup, DeviceRecord, DeviceRow, PresenceRecord, StoreRecord } from '../../../contract/records/fleet.ts';
import type { BirthMessage, DesiredValues, Inventory } from '../../../contract/wire/messages.ts';
import { parseFilter, type FilterProblem } from '../../../fleet/devices/filter.ts';
import { NEVER, presenceAfter, type PresenceInput } from '../../../fleet/devices/presence.ts';
import type { EventHub } from '../../events.ts';
import type { DeviceSeen } from '../../store/fleet-repository.ts';
import type { Store } from '../../store/open-store.ts';
import { createChangeFeed } from './change-feed.ts';

/** What the newest telemetry said. */
export interface LatestFigures {
  readonly latencyP95Ms: number | null;
  readonly throughputPerS: number | null;
  readonly temperatureC: number | null;
}

export interface Acked {
  readonly reports: number;
  readonly batches: number;
}

export interface FleetRegistry {
  rows(): readonly DeviceRow[];
  row(id: string): DeviceRow | undefined;
  /** Number of the device in tables of measurements. */
  number(id: string): number | undefined;
  inventory(id: string): Inventory | null;
  twin(id: string): DeviceSeen['twin'] | undefined;
  events(id: string): DeviceEvent[];
  /** @throws NOT_FOUND (the store) */
  saveDevice(record: Omit<DeviceRecord, 'version' | 'digest' | 'simulated'> & { readonly simulated?: boolean }): DeviceRow;
  /** @throws NOT_FOUND */
  removeDevice(id: string): void;
  stores(): readonly StoreRecord[];
  store(id: string): StoreRecord | undefined;
  saveStore(store: StoreRecord): void;
  /** @throws NOT_FOUND, CONFLICT while it has devices */
  removeStore(id: string): void;
  groups(): readonly DeviceGroup[];
  /** @throws BAD_REQUEST where the filter is wrong */
  saveGroup(group: DeviceGroup): void;
  removeGroup(id: string): void;
  match(filter: string): { readonly rows: readonly DeviceRow[] } | { readonly problem: FilterProblem };
  /** Whether a filter that parses matches this one device. */
  holds(filter: string, id: string): boolean;
  /** Said by the device at each connection. @returns undefined where it counts for nothing: the device is not registered, or has said of a newer session that it was born */
  born(id: string, message: BirthMessage, atMs: number): DeviceRow | undefined;
  presence(id: string, input: PresenceInput): DeviceRow | undefined;
  /** Of every device at once: time goes on, or the console is blind. @returns those that changed */
  presenceOfAll(input: PresenceInput): readonly DeviceRow[];
  runs(id: string, artifact: { readonly version: number; readonly digest: string; readonly artifact: string }): void;
  figures(id: string, figures: LatestFigures): void;
  acked(id: string): Acked;
  setAcked(id: string, acked: Partial<Acked>): void;
  setCredential(id: string, state: DeviceRow['credential']): void;
  setRollout(id: string, rollout: DeviceRow['rollout']): void;
  /** @returns what it is now told to be. @throws NOT_FOUND */
  desire(id: string, values: DesiredValues, atMs: number): DeviceSeen['twin'];
  addEvent(id: string, event: DeviceEvent): void;
  /** Sends what is waiting to be told, and ends. */
  close(): void;
}

interface Device {
  readonly number: number;
  record: DeviceRecord;
  seen: DeviceSeen;
  figures: LatestFigures;
  rollout: DeviceRow['rollout'];
  row: DeviceRow;
}

const NO_FIGURES: LatestFigures = { latencyP95Ms: null, throughputPerS: null, temperatureC: null };
const UNSEEN: DeviceSeen = {
  presence: NEVER, credential: 'none', artifact: null, inventory: null, acked: { reports: 0, batches: 0 },
  twin: { desired: { version: 0, values: {}, atMs: null }, reported: { version: 0, values: {}, atMs: null, answers: 0 } },
};

function rowOf({ record, seen, figures, rollout }: Omit<Device, 'row' | 'number'>): DeviceRow {
  return {
    ...record, presence: seen.presence.state, lastHeardMs: seen.presence.lastHeardMs, credential: seen.credential, artifact: seen.artifact, hardware: seen.inventory?.hardware ?? null, ...figures, rollout,
  };
}

export function createFleetRegistry(options: { readonly store: Store; readonly events: EventHub }): FleetRegistry {
  const { fleet } = options.store;
  const feed = createChangeFeed(options.events);
  const stores = new Map(fleet.stores().map((store) => [store.id, store]));
  const groups = new Map(fleet.groups().map((group) => [group.id, group]));
  const devices = new Map<string, Device>();
  for (const { number, record, seen: kept } of fleet.devices()) {
    const seen = { ...kept, presence: presenceAfter(kept.presence, { type: 'blind' }) };
    const facts = { record, seen, figures: NO_FIGURES, rollout: null };
    devices.set(record.id, { number, ...facts, row: rowOf(facts) });
  }

  const change = (device: Device, more: Partial<Pick<Device, 'record' | 'seen' | 'figures' | 'rollout'>>, keep: boolean): DeviceRow => {
    Object.assign(device, more);
    if (keep) fleet.saveDevice({ record: device.record, seen: device.seen });
    device.row = rowOf(device);
    feed.changed(device.row);
    return device.row;
  };
  const known = (id: string): Device => {
    const device = devices.get(id);
    if (device === undefined) throw new EdgewiseError('NOT_FOUND', `There is no device "${id}".`, { hint: 'Look at the list of devices.' });
    return device;
  };
  const groupFilter = (name: string): string | undefined => groups.get(name)?.filter ?? [...groups.values()].find((group) => group.name === name)?.filter;

  return {
    rows: () => [...devices.values()].map(({ row }) => row),
    row: (id) => devices.get(id)?.row,
    number: (id) => devices.get(id)?.number,
    inventory: (id) => devices.get(id)?.seen.inventory ?? null,
    twin: (id) => devices.get(id)?.seen.twin,
    events(id) {
      const device = devices.get(id);
      return device === undefined ? [] : fleet.events(device.number);
    },
    saveDevice({ simulated = false, ...facts }) {
      if (!stores.has(facts.storeId)) throw new EdgewiseError('NOT_FOUND', `There is no store "${facts.storeId}" for the device "${facts.id}".`, { hint: 'Add the store first.' });
      const before = devices.get(facts.id);
      if (before) return change(before, { record: { ...before.record, ...facts } }, true);
      const record: DeviceRecord = { ...facts, simulated, version: null, digest: null };
      const made = { record, seen: UNSEEN, figures: NO_FIGURES, rollout: null };
      const device = { number: fleet.saveDevice({ record, seen: UNSEEN }), ...made, row: rowOf(made) };
      devices.set(facts.id, device);
      feed.changed(device.row);
      return device.row;
    },
    removeDevice(id) {
      options.store.telemetry.removeDevice(known(id).number);
      fleet.removeDevice(id);
      devices.delete(id);
      feed.removed(id);
    },
    stores: () => [...stores.values()],
    store: (id) => stores.get(id),
    saveStore(store) {
      fleet.saveStore(store);
      stores.set(store.id, store);
      feed.registry();
    },
    removeStore(id) {
      if (!stores.has(id)) throw new EdgewiseError('NOT_FOUND', `There is no store "${id}".`);
      const count = [...devices.values()].filter(({ record }) => record.storeId === id).length;
      if (count > 0) throw new EdgewiseError('CONFLICT', `The store "${id}" has ${count} device${count === 1 ? '' : 's'}.`, { hint: 'Move its devices to another store or remove them first.' });
      fleet.removeStore(id);
      stores.delete(id);
      feed.registry();
    },
    groups: () => [...groups.values()],
    saveGroup(group) {
      const parsed = parseFilter(group.filter, (name) => (name === group.id || name === group.name ? `group = "${name}"` : groupFilter(name)));
      if ('problem' in parsed) throw new EdgewiseError('BAD_REQUEST', `The filter of the group "${group.name}" is wrong at character ${parsed.problem.at + 1}: ${parsed.problem.message}`, { details: { at: parsed.problem.at } });
      fleet.saveGroup(group);
      groups.set(group.id, group);
      feed.registry();
    },
    removeGroup(id) {
      fleet.removeGroup(id);
      groups.delete(id);
      feed.registry();
    },
    match(filter) {
      const parsed = parseFilter(filter, groupFilter);
      if ('problem' in parsed) return parsed;
      const { test } = parsed;
      return { rows: [...devices.values()].flatMap(({ row }) => (test({ row, store: stores.get(row.storeId) }) ? [row] : [])) };
    },
    holds(filter, id) {
      const device = devices.get(id);
      const parsed = parseFilter(filter, groupFilter);
      return device !== undefined && !('problem' in parsed) && parsed.test({ row: device.row, store: stores.get(device.record.storeId) });
    },
    born(id, message, atMs) {
      const device = devices.get(id);
      if (device === undefined) return undefined;
      const { record, seen } = device;
      // An old session's birth, played again.
      if (message.birth < seen.presence.birth) return undefined;
      const presence = presenceAfter(seen.presence, { type: 'birth', birth: message.birth, atMs });
      const { running } = message;
      return change(device, {
        record: { ...record, simulated: message.simulated, version: running?.version ?? null, digest: running?.digest ?? null },
        seen: {
          ...seen, presence, inventory: message.inventory, artifact: running?.artifact ?? null,
          twin: { ...seen.twin, reported: { version: message.reported.version, values: message.reported.values, atMs, answers: message.reported.version } },
        },
      }, true);
    },
    presence(id, input) {
      const device = devices.get(id);
      if (device === undefined) return undefined;
      const presence = presenceAfter(device.seen.presence, input);
      return presence.state === device.seen.presence.state ? quiet(device, presence) : change(device, { seen: { ...device.seen, presence } }, false);
    },
    presenceOfAll(input) {
      const changed: DeviceRow[] = [];
      for (const device of devices.values()) {
        const presence = presenceAfter(device.seen.presence, input);
        if (presence.state !== device.seen.presence.state) changed.push(change(device, { seen: { ...device.seen, presence } }, false));
      }
      return changed;
    },
    runs(id, { artifact, version, digest }) {
      const device = devices.get(id);
      if (device && device.record.digest !== digest) change(device, { record: { ...device.record, version, digest }, seen: { ...device.seen, artifact } }, true);
    },
    figures(id, figures) {
      const device = devices.get(id);
      if (device) change(device, { figures }, false);
    },
    acked: (id) => devices.get(id)?.seen.acked ?? UNSEEN.acked,
    setAcked(id, acked) {
      const device = devices.get(id);
      if (device === undefined) return;
      device.seen = { ...device.seen, acked: { ...device.seen.acked, ...acked } };
      fleet.saveDevice({ record: device.record, seen: device.seen });
    },
    setCredential(id, credential) {
      const device = known(id);
      change(device, { seen: { ...device.seen, credential } }, true);
    },
    setRollout(id, rollout) {
      const device = devices.get(id);
      if (device && (device.rollout?.id !== rollout?.id || device.rollout?.state !== rollout?.state)) change(device, { rollout }, false);
    },
    desire(id, values, atMs) {
      const device = known(id);
      const { desired } = device.seen.twin;
      const twin = { ...device.seen.twin, desired: { version: desired.version + 1, values: { ...desired.values, ...values }, atMs } };
      change(device, { seen: { ...device.seen, twin } }, true);
      return twin;
    },
    addEvent(id, event) {
      const device = devices.get(id);
      if (device) fleet.addEvent(device.number, event);
    },
    close: () => feed.close(),
  };

  /** Heard again: the moment counts, but nobody has to be told each time. */
  function quiet(device: Device, presence: PresenceRecord): DeviceRow {
    device.seen = { ...device.seen, presence };
    device.row = { ...device.row, lastHeardMs: presence.lastHeardMs };
    return device.row;
  }
}
