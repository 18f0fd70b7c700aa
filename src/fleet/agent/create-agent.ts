/**
 * The program on a device, put together from its ports. The model runs whatever becomes of the rest: without a console, without a network, with a full
 * disk; what cannot be said now is said later.
 */
import { EdgewiseError, toEdgewiseError } from '../../base/errors.ts';
import type { DeviceReport, FleetMeasurements } from '../../contract/records/rollout.ts';
import type { CommandMessage, DesiredValues, Inventory, RunningArtifact } from '../../contract/wire/messages.ts';
import type { DeviceFacts } from '../artifact/verify.ts';
import { DOWNLOADS, type Fetch } from './install/download.ts';
import type { InstallRecord } from './install/install-record.ts';
import { createInstaller, type Benchmark, type Installer } from './install/installer.ts';
import { measureCandidate } from './model/benchmark.ts';
import { createModelService } from './model/model-service.ts';
import { createOrders, type Orders } from './orders/orders.ts';
import { DEFAULT_AGENT, type AgentArtifacts, type AgentIdentity, type AgentOptions, type AgentPorts, type ModelAnswer } from './ports.ts';
import { createSession, type Session } from './session.ts';
import type { AgentState } from './state/agent-state.ts';
import { withReport } from './state/outbox.ts';
import { openSpool, type Spool } from './state/spool.ts';
import { openState, type StateStore } from './state/state-store.ts';
import { openTrust } from './state/trust-store.ts';
import { createSoak } from './soak.ts';
import { createTelemetry } from './telemetry.ts';

export interface Agent {
  /** Starts the model that is installed, goes on with what was under way, and connects. @throws when the device's folder cannot be read or written at all */
  start(): Promise<void>;
  /** Ends everything; what is on the disk is what the next start goes on with. */
  stop(): Promise<void>;
  /** One inference from outside. @throws CONFLICT while no model is in service, and what the model throws */
  answer(body: Uint8Array): Promise<ModelAnswer>;
  status(): AgentStatus;
}

export interface AgentStatus {
  readonly connected: boolean;
  readonly install: InstallRecord['state'];
  readonly running: RunningArtifact | null;
  readonly waitingReports: number;
}

interface Parts {
  readonly store: StateStore;
  readonly spool: Spool;
  readonly installer: Installer;
  readonly orders: Orders;
  readonly session: Session;
}

const STUCK_RETRY_MS = 30_000;
const ASK_AGAIN_MS = 2000;
/** A server that sheds is told of once in so long. */
const SHED_EVERY_MS = 30_000;

export function createAgent(identity: AgentIdentity, ports: AgentPorts, given: Partial<AgentOptions> = {}): Agent {
  const options: AgentOptions = { ...DEFAULT_AGENT, ...given };
  const { clock, timers, disk } = ports;
  let parts: Parts | null = null;
  let stopped = false;
  let inventory: Inventory | null = null;
  let artifacts: { readonly url: string; readonly client: AgentArtifacts } = { url: ports.artifactsUrl, client: ports.artifacts(ports.artifactsUrl) };
  let letSwap: (() => void) | null = null;
  let shedAt = Number.NEGATIVE_INFINITY;
  let bytesTold = 0;
  const timersOff = new Map<string, () => void>();

  const service = createModelService(
    {
      models: ports.models,
      clock,
      timers,
      random: ports.random,
      log: ports.log,
      mayRestart: () => parts?.installer.record().state !== 'confirming',
      expectedMs: (digest) => {
        const task = parts?.store.current().task;
        return task?.digest === digest ? (task.measuring.measured?.candidate.latencyP95Ms?.value ?? null) : null;
      },
    },
    options,
  );
  const soak = createSoak(service, ports.sensors, ports.energy, ports.log);
  const telemetry = createTelemetry({ service, sensors: ports.sensors, energy: ports.energy, clock });

  function known(): Parts {
    if (parts === null) throw new EdgewiseError('INTERNAL', 'The agent was used before it was started.');
    return parts;
  }

  function later(name: string, ms: number, action: () => void): void {
    timersOff.get(name)?.();
    if (!stopped) timersOff.set(name, timers.after(ms, action));
  }

  async function report(about: { readonly rolloutId: string; readonly attempt: number }, message: DeviceReport, change: (state: AgentState) => AgentState = (state) => state): Promise<void> {
    const { store, session } = known();
    try {
      await store.update((state) => change(withReport(state, about, message, clock.now())));
    } catch (error) {
      // It is kept in memory, said all the same, and written with the next change.
      ports.log(`a report could not be kept: ${toEdgewiseError(error).message}`);
    }
    session.flush();
  }

  const fetch: Fetch = async (url, init) => {
    const response = await artifacts.client.fetch(url, init);
    const task = parts?.store.current().task ?? null;
    if ((response.status === 503 || response.status === 429) && task !== null && clock.elapsed() - shedAt > SHED_EVERY_MS) {
      shedAt = clock.elapsed();
      const seconds = Number(response.headers.get('retry-after'));
      void report(task, { kind: 'shed', retryAfterMs: Number.isFinite(seconds) ? Math.max(0, Math.round(seconds * 1000)) : 0 });
    }
    return response;
  };

  const benchmark: Benchmark = async (candidate, active, signal) => {
    const { store } = known();
    const own = (): NonNullable<AgentState['task']> => {
      const { task } = store.current();
      if (task?.digest !== candidate.record.manifestSha256) throw new EdgewiseError('INTERRUPTED', 'Nobody waits for this benchmark any more.');
      return task;
    };
    const note = (change: Partial<NonNullable<AgentState['task']>['measuring']>) => (state: AgentState): AgentState =>
      state.task === null ? state : { ...state, task: { ...state.task, measuring: { ...state.task.measuring, ...change } } };
    if (own().measuring.measured === null) {
      const { starts } = own().measuring;
      if (starts >= options.maxStarts) throw new EdgewiseError('INTERRUPTED', `The benchmark was begun ${starts} times and not ended once.`, { hint: 'The new model ended the device or its program each time. Look at the log of the device.', details: { starts } });
      await store.update(note({ starts: starts + 1 }));
      const measured = await measureCandidate({ models: ports.models, service, sensors: ports.sensors, energy: ports.energy, clock, timers }, options.benchmark, candidate, active, signal);
      if (signal.aborted) return;
      await report(own(), { kind: 'benchmarked', ...measured }, note({ measured }));
    }
    if (own().measuring.swap) return;
    await new Promise<void>((resolve, reject) => {
      letSwap = resolve;
      signal.addEventListener('abort', () => reject(new EdgewiseError('CANCELLED', 'Called off.')));
    });
  };

  function running(): RunningArtifact | null {
    const record = parts?.installer.record();
    const slot = record?.active ?? null;
    const held = record === undefined || slot === null || slot !== record.good ? null : record.slots[slot];
    const digest = service.digest();
    return held === null || digest !== held.manifestSha256 ? null : { artifact: held.artifact, version: held.version, digest };
  }

  async function facts(): Promise<DeviceFacts> {
    inventory = await ports.inventory();
    return { hardware: inventory.hardware, deviceClass: identity.class, workload: identity.workload, runtimes: inventory.runtimes };
  }

  function onInstall(record: InstallRecord): void {
    if (record.state === 'downloading') bytesTold = 0;
    if (record.state === 'succeeded') beginSoak(record);
    parts?.orders.onInstall(record);
  }

  function beginSoak({ active, slots }: InstallRecord): void {
    const held = active === null ? null : slots[active];
    const task = parts?.store.current().task;
    if (active !== null && held !== null && task?.order === 'swap' && task.digest === held.manifestSha256 && soak.digest !== held.manifestSha256) soak.begin({ slot: active, folder: disk.absolute(`slots/${active}`), record: held });
  }

  function configure(version: number, values: DesiredValues): void {
    const { store, session } = known();
    if (version <= store.current().desired.version) return;
    const kept = store.update((state) => ({ ...state, desired: { version, values: { ...state.desired.values, ...values } } }));
    applyDesired();
    // Told once it is kept: what a device says that it has taken over survives its restart.
    kept.then(
      () => session.announce(),
      (error: unknown) => ports.log(`desired values could not be kept: ${toEdgewiseError(error).message}`),
    );
  }

  const desired = (): { readonly telemetryEveryMs: number; readonly framesPerS: number } => {
    const values = parts?.store.current().desired.values ?? {};
    return { telemetryEveryMs: values.telemetryEveryMs ?? options.telemetryEveryMs, framesPerS: options.framesPerS === 0 ? 0 : (values.framesPerS ?? options.framesPerS) };
  };

  function applyDesired(): void {
    service.setPace(desired().framesPerS);
    later('telemetry', desired().telemetryEveryMs, tellTelemetry);
  }

  function tellTelemetry(): void {
    const { store, spool, session } = known();
    const rows = telemetry.take(soak.takeAccuracy());
    void (async () => {
      for (const row of rows) {
        const dropped = await spool.add(row).catch(() => 1);
        if (dropped > 0) await store.update((state) => ({ ...state, droppedRows: state.droppedRows + dropped })).catch(() => {});
      }
      await tellService();
      session.flush();
    })();
    later('telemetry', desired().telemetryEveryMs, tellTelemetry);
  }

  async function tellService(): Promise<void> {
    const { store, installer } = known();
    const { task } = store.current();
    if (task?.order !== 'swap' || task.digest !== soak.digest || installer.record().state !== 'succeeded') return;
    const measurements: FleetMeasurements | null = soak.figures();
    if (measurements !== null) await report(task, { kind: 'measured', measurements });
  }

  async function tellProgress(): Promise<void> {
    const { store, installer } = known();
    const { task } = store.current();
    const record = installer.record();
    if (task !== null && record.state === 'downloading' && record.candidate?.manifestSha256 === task.digest) {
      const sizes = await Promise.all((await disk.list(DOWNLOADS)).map((name) => disk.size(`${DOWNLOADS}/${name}`)));
      const bytesDone = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
      if (bytesDone > bytesTold) {
        bytesTold = bytesDone;
        await report(task, { kind: 'downloading', bytesDone });
      }
    }
    later('progress', options.progressEveryMs, () => void tellProgress().catch(() => {}));
  }

  function onCommand(command: CommandMessage): void {
    if (command.kind === 'rollout') known().orders.take(command);
    else if (command.kind === 'configure') configure(command.version, command.values);
  }

  return {
    async start() {
      const store = await openState(disk, clock.now());
      const spool = await openSpool(disk, store.current().counters.batches, options.spool);
      const trust = await openTrust(disk, ports.firstRoot);
      inventory = await ports.inventory();
      const installer = createInstaller(
        {
          disk,
          fetch,
          host: service.host,
          benchmark,
          random: ports.random,
          now: () => clock.now(),
          onChange: onInstall,
          onTrouble: (error) => ports.log(`the good model does not start: ${error.message}`),
          onStuck(error) {
            ports.log(`the work on an update waits: ${error.message}`);
            later('stuck', STUCK_RETRY_MS, () => installer.resume());
          },
        },
        { download: options.download, maxStarts: options.maxStarts },
      );
      const session = createSession({
        connect: ports.connect,
        clock,
        timers,
        store,
        spool,
        simulated: identity.simulated,
        birth: () => ({
          class: identity.class,
          workload: identity.workload,
          simulated: identity.simulated,
          inventory: inventory as Inventory,
          running: running(),
          install: installer.record().state,
          reported: { version: store.current().desired.version, values: { ...desired(), droppedRows: store.current().droppedRows } },
        }),
        onWelcome(message) {
          if (message.artifactsUrl !== artifacts.url) {
            artifacts.client.close();
            artifacts = { url: message.artifactsUrl, client: ports.artifacts(message.artifactsUrl) };
          }
          configure(message.desired.version, message.desired.values);
          known().orders.onWelcome();
        },
        onCommand,
        log: ports.log,
      });
      const orders = createOrders({
        store,
        installer,
        update: () => ({ artifacts: artifacts.client, trust, clock, nonce: ports.nonce, facts, random: ports.random, retry: options.download }),
        timers,
        consoleNow: session.consoleNow,
        running: () => running()?.digest ?? null,
        report,
        letSwap: () => letSwap?.(),
        // A birth brings a welcome, and with it whatever the console still wants.
        askAgain: () => later('ask again', ASK_AGAIN_MS, () => session.announce()),
        log: ports.log,
      });
      parts = { store, spool, installer, orders, session };
      await installer.boot();
      onInstall(installer.record());
      applyDesired();
      later('progress', options.progressEveryMs, () => void tellProgress().catch(() => {}));
      if (!stopped) session.open();
    },
    async stop() {
      stopped = true;
      for (const off of timersOff.values()) off();
      if (parts !== null) {
        const { session, orders, installer } = parts;
        await session.close();
        await orders.stop();
        await installer.close();
      }
      await service.stop();
      artifacts.client.close();
    },
    answer: (body) => service.answer(body),
    status: () => ({
      connected: parts?.session.welcomed() ?? false,
      install: parts?.installer.record().state ?? 'idle',
      running: running(),
      waitingReports: parts?.store.current().outbox.length ?? 0,
    }),
  };
}
