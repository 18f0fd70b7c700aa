/**
 * Every device, store and group of the fleet. Ten thousand devices are one array that is replaced, never changed, at most four times a second;
 * a row that stays the same stays the same object.
 */
import { defineStore } from 'pinia';
import { computed, ref, shallowRef, watch } from 'vue';
import { toEdgewiseError, type ErrorRecord } from '../../../../src/base/errors.ts';
import type { DeviceRow, EnrolmentRecord } from '../../../../src/contract/records/fleet.ts';
import type { LinkSettings, LinkStatus } from '../../../../src/contract/rpc/fleet-routes.ts';
import type { RouteOutput } from '../../../../src/contract/rpc/routes.ts';
import { api } from '../../transport/client.ts';
import { countDevices, newestVersions } from './counts.ts';

export type StoreRow = RouteOutput<'fleet.stores'>[number];
export type GroupRow = RouteOutput<'fleet.groups'>[number];
type DemoState = RouteOutput<'fleet.overview'>['demo'];

const EVERY_MS = 250;
const DEMO = { stores: 20, devicesPerStore: 2 };
/** Ids of the demo's stores and devices begin so (docs/fleet-live.md). */
const DEMO_PREFIX = 'demo-';

export const useFleet = defineStore('fleet', () => {
  const devices = shallowRef<readonly DeviceRow[]>([]);
  const registered = shallowRef<readonly StoreRow[]>([]);
  const groups = shallowRef<readonly GroupRow[]>([]);
  const enrolments = shallowRef<readonly EnrolmentRecord[]>([]);
  const newest = shallowRef<ReadonlyMap<string, number>>(new Map());
  const demo = ref<DemoState>('none');
  const link = shallowRef<{ readonly status: LinkStatus; readonly settings: LinkSettings } | null>(null);
  const loaded = ref(false);
  const error = ref<ErrorRecord | null>(null);
  // What is filtered by outlives the page, so that the way back from a device leads to the same list.
  const typed = ref('');
  const clauses = ref<readonly string[]>([]);

  /** With who is online now, not when the stores were read. */
  const stores = computed<readonly StoreRow[]>(() => {
    const found = new Map<string, { devices: number; online: number }>();
    for (const { storeId, presence } of devices.value) {
      const count = found.get(storeId);
      const online = presence === 'online' ? 1 : 0;
      if (count === undefined) found.set(storeId, { devices: 1, online });
      else {
        count.devices++;
        count.online += online;
      }
    }
    return registered.value.map((shop) => {
      const { devices: all, online } = found.get(shop.id) ?? { devices: 0, online: 0 };
      return shop.devices === all && shop.online === online ? shop : { ...shop, devices: all, online };
    });
  });
  const counts = computed(() => countDevices(devices.value, newest.value));
  const waiting = computed(() => enrolments.value.filter(({ state }) => state === 'waiting'));
  const storeById = computed(() => new Map(registered.value.map((shop) => [shop.id, shop])));

  // Changes wait here for the next turn.
  let places = new Map<string, number>();
  const changed = new Map<string, DeviceRow>();
  const removed = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function take(rows: readonly DeviceRow[]): void {
    devices.value = rows;
    places = new Map(rows.map(({ id }, at) => [id, at]));
  }

  function merge(): void {
    timer = undefined;
    if (changed.size === 0 && removed.size === 0) return;
    const rows = [...devices.value];
    for (const [id, row] of changed) {
      const at = places.get(id);
      if (at === undefined) rows.push(row);
      else rows[at] = row;
    }
    if (removed.size > 0 || rows.length !== devices.value.length) take(rows.filter(({ id }) => !removed.has(id)));
    else devices.value = rows;
    changed.clear();
    removed.clear();
    timer = setTimeout(merge, EVERY_MS);
  }

  async function loadRegistry(): Promise<void> {
    const [shops, saved, requests, overview] = await Promise.all([api.invoke('fleet.stores', {}), api.invoke('fleet.groups', {}), api.invoke('fleet.enrolments', {}), api.invoke('fleet.overview', {})]);
    registered.value = shops;
    groups.value = saved;
    enrolments.value = requests;
    demo.value = overview.demo;
  }

  async function loadVersions(): Promise<void> {
    newest.value = newestVersions(await api.invoke('artifacts.list', {}));
  }

  async function load(): Promise<void> {
    try {
      const [rows, reached] = await Promise.all([api.invoke('fleet.devices', {}), api.invoke('fleet.link', {}), loadRegistry(), loadVersions()]);
      take(rows);
      link.value = reached;
      loaded.value = true;
      error.value = null;
    } catch (thrown) {
      error.value = toEdgewiseError(thrown).toRecord();
    }
  }

  // A large import tells of the registry many times: one reading at a time, and one more for what came meanwhile.
  let reading = false;
  let again = false;
  async function readRegistry(): Promise<void> {
    if (reading) return void (again = true);
    reading = true;
    try {
      await loadRegistry();
    } catch {
      // The connection is gone; `load` reads all of it when it is back.
      again = false;
    } finally {
      reading = false;
      if (again) {
        again = false;
        setTimeout(() => void readRegistry(), EVERY_MS);
      }
    }
  }

  api.on((event) => {
    if (event.type === 'fleet.changed') {
      for (const row of event.rows) {
        changed.set(row.id, row);
        removed.delete(row.id);
      }
      for (const id of event.removed) {
        removed.add(id);
        changed.delete(id);
      }
      if (timer === undefined) merge();
    } else if (event.type === 'fleet.registry') {
      if (loaded.value) void readRegistry();
    } else if (event.type === 'link.changed') {
      if (link.value) link.value = { ...link.value, status: event.status };
    } else if (event.type === 'artifacts.changed' && loaded.value) {
      loadVersions().catch(() => (loaded.value = false));
    }
  });
  watch(api.state, (now, before) => {
    if (now === 'connected' && before === 'reconnecting' && loaded.value) void load();
  });

  return {
    devices,
    stores,
    storeById,
    groups,
    enrolments,
    waiting,
    newest,
    counts,
    demo,
    link,
    loaded,
    error,
    typed,
    clauses,
    /** Turns a part of the filter on or off. */
    toggle(clause: string): void {
      clauses.value = clauses.value.includes(clause) ? clauses.value.filter((other) => other !== clause) : [...clauses.value, clause];
    },
    load,
    loadRegistry,
    /** Reads the fleet where no page has read it yet. */
    need: (): void => {
      if (!loaded.value) void load();
    },
    async setLink(settings: LinkSettings): Promise<void> {
      link.value = await api.invoke('fleet.setLink', settings);
    },
    /** The chain that is there, or a small one: enough to look at, and calm on a laptop. */
    async startDemo(): Promise<void> {
      const shops = stores.value.filter(({ id }) => id.startsWith(DEMO_PREFIX)).length;
      const each = Math.round(devices.value.filter(({ id, simulated }) => simulated && id.startsWith(DEMO_PREFIX)).length / Math.max(1, shops));
      demo.value = 'running';
      try {
        await api.invoke('fleet.startDemo', each > 0 ? { stores: shops, devicesPerStore: each } : DEMO);
      } finally {
        await load();
      }
    },
    async stopDemo(forget: boolean): Promise<void> {
      await api.invoke('fleet.stopDemo', { forget });
      await load();
    },
  };
});
