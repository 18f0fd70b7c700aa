/** Stores, devices, how they join and how they are reached. */
import { EdgewiseError } from '../../base/errors.ts';
import type { StoreRecord } from '../../contract/records/fleet.ts';
import type { DemoService } from '../fleet/demo/demo-service.ts';
import type { FleetRegistry } from '../fleet/registry/registry.ts';
import { telemetryRows } from '../fleet/telemetry-rows.ts';
import type { LiveService } from '../fleet/live/live-service.ts';
import type { RolloutService } from '../rollouts/rollout-service.ts';
import type { Handlers } from '../router.ts';
import type { Store } from '../store/open-store.ts';

type FleetHandlers = Pick<
  Handlers,
  | 'fleet.overview' | 'fleet.devices' | 'fleet.match' | 'fleet.device' | 'fleet.telemetry' | 'fleet.saveDevice' | 'fleet.configure' | 'fleet.removeDevice' | 'fleet.revokeDevice' | 'fleet.stores' | 'fleet.saveStore'
  | 'fleet.removeStore' | 'fleet.groups' | 'fleet.saveGroup' | 'fleet.removeGroup' | 'fleet.claim' | 'fleet.enrolments' | 'fleet.accept' | 'fleet.refuse' | 'fleet.link' | 'fleet.setLink'
>;

export function fleetHandlers(services: { readonly registry: FleetRegistry; readonly live: LiveService; readonly rollouts: RolloutService; readonly demo: DemoService; readonly store: Store }): FleetHandlers {
  const { registry, live, rollouts, demo, store } = services;
  const device = (id: string): NonNullable<ReturnType<FleetRegistry['row']>> => {
    const row = registry.row(id);
    if (row === undefined) throw new EdgewiseError('NOT_FOUND', `There is no device "${id}".`, { hint: 'Look at the list of devices.' });
    return row;
  };
  const confirmed = (given: string, wanted: string): void => {
    if (given !== wanted) throw new EdgewiseError('CONFLICT', 'The confirmation is wrong.', { hint: `Type ${wanted} to confirm.` });
  };
  /** Those that are kept, also while the line is down. */
  const requests = (): ReturnType<Store['enrolments']['list']> => store.enrolments.list();
  const link = (): { status: ReturnType<LiveService['status']>; settings: ReturnType<LiveService['settings']> } => ({ status: live.status(), settings: live.settings() });
  return {
    'fleet.overview'() {
      const rows = registry.rows();
      const count = (presence: string): number => rows.filter((row) => row.presence === presence).length;
      return {
        stores: registry.stores().length, devices: rows.length, online: count('online'), stale: count('stale'), offline: count('offline'), never: count('never'),
        simulated: rows.filter((row) => row.simulated).length, waitingEnrolments: requests().filter(({ state }) => state === 'waiting').length, demo: demo.state(), link: live.status(),
      };
    },
    'fleet.devices': () => [...registry.rows()],
    'fleet.match'({ filter }) {
      const found = registry.match(filter);
      return 'problem' in found ? { ids: [], error: found.problem } : { ids: found.rows.map(({ id }) => id), error: null };
    },
    'fleet.device'({ id }) {
      const row = device(id);
      const twin = registry.twin(id);
      if (twin === undefined) throw new EdgewiseError('NOT_FOUND', `There is no device "${id}".`);
      const certificate = store.enrolments.certificates().findLast((one) => one.deviceId === id && one.revokedAtMs === null);
      return {
        row, store: registry.store(row.storeId) ?? null, inventory: registry.inventory(id), twin, fingerprint: certificate?.keyFingerprint ?? null, certificateUntilMs: certificate?.untilMs ?? null,
        events: registry.events(id),
      };
    },
    'fleet.telemetry'({ id, fromMs, toMs }) {
      const { simulated } = device(id);
      const number = registry.number(id);
      return { simulated, rows: number === undefined ? [] : telemetryRows(store.telemetry, number, fromMs, toMs) };
    },
    'fleet.saveDevice': (input) => registry.saveDevice(input),
    'fleet.configure'({ id, values }) {
      device(id);
      live.conversation.configure(id, values);
      return {};
    },
    'fleet.removeDevice'({ id, confirm }) {
      device(id);
      confirmed(confirm, id);
      live.revoke(id);
      rollouts.removed(id, 'operator');
      registry.removeDevice(id);
      return {};
    },
    'fleet.revokeDevice'({ id, confirm }) {
      device(id);
      confirmed(confirm, id);
      live.revoke(id);
      return device(id);
    },
    'fleet.stores'() {
      const counts = new Map<string, { devices: number; online: number }>();
      for (const row of registry.rows()) {
        const count = counts.get(row.storeId) ?? { devices: 0, online: 0 };
        counts.set(row.storeId, { devices: count.devices + 1, online: count.online + (row.presence === 'online' ? 1 : 0) });
      }
      return registry.stores().map((shop) => ({ ...shop, ...(counts.get(shop.id) ?? { devices: 0, online: 0 }) }));
    },
    'fleet.saveStore'(input): StoreRecord {
      registry.saveStore(input);
      return input;
    },
    'fleet.removeStore'({ id, confirm }) {
      confirmed(confirm, id);
      registry.removeStore(id);
      return {};
    },
    'fleet.groups': () =>
      registry.groups().map((group) => {
        const found = registry.match(group.filter);
        return { ...group, devices: 'problem' in found ? 0 : found.rows.length };
      }),
    'fleet.saveGroup'(input) {
      registry.saveGroup(input);
      return input;
    },
    'fleet.removeGroup'({ id }) {
      registry.removeGroup(id);
      return {};
    },
    'fleet.claim': ({ validForMs, ...claim }) => live.enrolments().claim(claim, validForMs),
    'fleet.enrolments': () => requests(),
    'fleet.accept': ({ id }) => live.enrolments().accept(id),
    'fleet.refuse': ({ id }) => live.enrolments().refuse(id),
    'fleet.link': () => link(),
    async 'fleet.setLink'(input) {
      await live.setSettings(input);
      return link();
    },
  };
}
