/**
 * A fleet to look at: a chain of shops that nobody owns, with simulated devices in processes of their own. They join like real devices but for the claim: the
 * console makes their certificates itself, since both are on this machine and nobody could compare a fingerprint. Keys are never written to a disk.
 */
import { setImmediate as breath } from 'node:timers/promises';
import { EdgewiseError } from '../../../base/errors.ts';
import { NO_FAULTS, type Faults } from '../../../fleet/agent/simulate/faults.ts';
import type { ProcessHost } from '../../jobs/process-host.ts';
import type { Store } from '../../store/open-store.ts';
import type { LiveService } from '../live/live-service.ts';
import type { FleetRegistry } from '../registry/registry.ts';
import { DEMO_PREFIX, demoChain } from './demo-chain.ts';
import { demoHistory } from './demo-history.ts';
import type { SimulatorStatus } from './messages.ts';
import { createSimulators } from './simulators.ts';

export interface DemoRequest {
  readonly stores: number;
  readonly devicesPerStore: number;
  readonly faults?: Faults;
  readonly seed?: number;
  /** Devices that start in a second. */
  readonly startPerS?: number;
  readonly telemetryEveryMs?: number;
  /** What they would have measured in the days before; none where it is left out. */
  readonly historyDays?: number;
}

export interface DemoService {
  state(): 'none' | 'running' | 'stopped';
  /** Turns the line on where it is off. @throws CONFLICT while simulated devices run, or where the line cannot be had */
  start(request: DemoRequest): Promise<void>;
  /** @param forget takes the demo's stores and devices away as well */
  stop(forget: boolean): Promise<void>;
  /** Of the processes together; null while there is none or none has said anything yet. */
  status(): SimulatorStatus | null;
  close(): Promise<void>;
}

export interface DemoOptions {
  readonly store: Store;
  readonly registry: FleetRegistry;
  readonly live: LiveService;
  readonly processHost: ProcessHost;
  /** File of the process. */
  readonly entry: string;
  /** A device goes: what rollouts have to know. */
  readonly onRemove: (deviceId: string) => void;
  readonly log: (line: string) => void;
}

const START_PER_S = 40;
const TELEMETRY_MS = 10_000;
const LINE_MS = 20_000;
/** Devices between two breaths, so that the page keeps moving. */
const AT_ONCE = 25;
/** Since 1970: all there can be. */
const MONTHS = { first: 0, last: 100_000 };

export function createDemoService(options: DemoOptions): DemoService {
  const { store, registry, live } = options;
  const simulators = createSimulators(options);
  let starting = false;

  const ofDemo = <T extends { readonly id: string }>(all: readonly T[]): T[] => all.filter(({ id }) => id.startsWith(DEMO_PREFIX));

  const lineUp = async (): Promise<void> => {
    if (!live.settings().enabled) await live.setSettings({ ...live.settings(), enabled: true });
    for (const until = Date.now() + LINE_MS; live.status().state !== 'on'; ) {
      const { state, error } = live.status();
      if (error !== null) throw new EdgewiseError('CONFLICT', `Simulated devices need the line to the devices, and it is down: ${error.message}`, { hint: error.hint ?? 'Look under Fleet, Connection.' });
      if (Date.now() > until) throw new EdgewiseError('CONFLICT', `The line to the devices does not come up (${state}).`, { hint: 'Look under Fleet, Connection.' });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };

  const register = async ({ stores, devicesPerStore }: DemoRequest): Promise<ReturnType<typeof demoChain>> => {
    const chain = demoChain(stores, devicesPerStore);
    for (let begin = 0; begin < chain.stores.length; begin += AT_ONCE) {
      store.transaction(() => {
        for (const shop of chain.stores.slice(begin, begin + AT_ONCE)) registry.saveStore(shop);
      });
      await breath();
    }
    for (const { id } of chain.devices) {
      if (registry.row(id)?.simulated === false) throw new EdgewiseError('CONFLICT', `There is a real device called ${id}.`, { hint: 'Give that device another name.' });
    }
    for (let begin = 0; begin < chain.devices.length; begin += AT_ONCE) {
      store.transaction(() => {
        for (const device of chain.devices.slice(begin, begin + AT_ONCE)) registry.saveDevice({ ...device, simulated: true });
      });
      await breath();
    }
    return chain;
  };

  /** Once: a device of which anything is known has a past. */
  const remember = async ({ stores, devices }: ReturnType<typeof demoChain>, days: number, seed: number): Promise<void> => {
    const shops = new Map(stores.map((shop) => [shop.id, shop]));
    const nowMs = Date.now();
    const begun = new Set(store.telemetry.rollups.buckets('month', MONTHS.first, MONTHS.last).map(({ device }) => device));
    for (let begin = 0; begin < devices.length; begin += AT_ONCE) {
      store.transaction(() => {
        for (const device of devices.slice(begin, begin + AT_ONCE)) {
          const shop = shops.get(device.storeId);
          const number = registry.number(device.id);
          if (shop && number !== undefined && !begun.has(number)) store.telemetry.rollups.add(number, shop.timeZone, true, demoHistory(device, shop, nowMs, days, seed));
        }
      });
      await breath();
    }
  };

  return {
    state: () => (simulators.running() || starting ? 'running' : ofDemo(registry.stores()).length > 0 ? 'stopped' : 'none'),
    async start(request) {
      if (simulators.running() || starting) throw new EdgewiseError('CONFLICT', 'Simulated devices run already.', { hint: 'Stop them first.' });
      starting = true;
      try {
        await lineUp();
        const chain = await register(request);
        const { stores, devices } = chain;
        if (request.historyDays) await remember(chain, request.historyDays, request.seed ?? 1);
        const enrolments = live.enrolments();
        const admitted = new Map((await enrolments.admit(devices.map(({ id }) => id))).map((one) => [one.deviceId, one]));
        const { brokerUrl, brokerAuthorityPem, artifactsUrl, authorityPem, rootBase64 } = await enrolments.wayIn();
        const longitudes = new Map(stores.map(({ id, longitude }) => [id, longitude ?? 0]));
        simulators.start({
          seed: request.seed ?? 1, faults: request.faults ?? NO_FAULTS, startPerS: request.startPerS ?? START_PER_S, telemetryEveryMs: request.telemetryEveryMs ?? TELEMETRY_MS,
          brokerUrl, brokerAuthorityPem, artifactsUrl, authorityPem, rootBase64,
          devices: devices.flatMap(({ id, storeId, class: deviceClass, workload }) => {
            const one = admitted.get(id);
            return one === undefined ? [] : [{ deviceId: id, storeId, class: deviceClass, workload, longitude: longitudes.get(storeId) ?? 0, keyPem: one.keyPem, certificatePem: one.certificatePem }];
          }),
        });
      } finally {
        starting = false;
      }
    },
    async stop(forget) {
      await simulators.stop();
      if (!forget) return;
      let since = 0;
      for (const { id } of ofDemo(registry.rows()).filter(({ simulated }) => simulated)) {
        live.revoke(id);
        options.onRemove(id);
        registry.removeDevice(id);
        if (++since % AT_ONCE === 0) await breath();
      }
      const inUse = new Set(registry.rows().map(({ storeId }) => storeId));
      for (const { id } of ofDemo(registry.stores())) if (!inUse.has(id)) registry.removeStore(id);
    },
    status: () => simulators.status(),
    close: () => simulators.stop(),
  };
}
