/**
 * A device without hardware: the agent's own code, the real protocol, a model runtime of arithmetic. All that it says is labelled as simulated. What goes
 * wrong with it is asked for in a faults file.
 */
import { createHash, randomBytes } from 'node:crypto';
import { EdgewiseError } from '../../../base/errors.ts';
import { seededRandom } from '../../../base/random.ts';
import type { AcceptedEnrolment } from '../../link/http/enrol.ts';
import { createArtifactClient } from '../../link/http/client.ts';
import { connectDeviceLink, type DeviceLink, type DeviceLinkOptions } from '../../link/mqtt/device-link.ts';
import { createAgent, type Agent } from '../create-agent.ts';
import type { Fetch } from '../install/download.ts';
import type { AgentArtifacts, AgentLink, AgentLinkHandlers, AgentOptions, AgentPorts } from '../ports.ts';
import { faultsOf, NO_FAULTS, type Faults } from './faults.ts';
import { simulatedFigures } from './figures.ts';
import { createSharedBytes, memoryDisk, type SharedBytes } from './memory-disk.ts';
import { simulatedRuntime } from './simulated-runtime.ts';

export interface SimulatedDeviceOptions {
  /** Who it is, as the console has accepted it. */
  readonly joined: Omit<AcceptedEnrolment, 'state'>;
  readonly keyPem: string;
  readonly seed: number;
  readonly options?: Partial<AgentOptions>;
  readonly faults?: Faults;
  /** Of its store, degrees: for when its afternoon is. */
  readonly longitude?: number;
  /** Of all devices of this process. */
  readonly shared?: SharedBytes;
  readonly retry?: DeviceLinkOptions['retry'];
  /** Puts something around what the agent is made of, at each of its starts: for tests of what may go wrong. */
  readonly around?: (ports: AgentPorts) => AgentPorts;
  readonly log?: (line: string) => void;
}

const DISK_BYTES = 2 ** 31;
const FULL_DISK_BYTES = 2 ** 16;
const HOUR_MS = 3_600_000;
const RUNTIME_VERSION = '1.30.0';

/** @returns the device as an agent that may end and start again in between, where its faults say so */
export function createSimulatedDevice(given: SimulatedDeviceOptions): Agent {
  const { joined, keyPem, seed, options = {}, faults = NO_FAULTS, longitude = 0, shared = createSharedBytes(), retry, around = (ports) => ports, log = () => {} } = given;
  const random = seededRandom(createHash('sha256').update(`${seed} ${joined.deviceId}`).digest().readUInt32LE(0));
  const own = faultsOf(faults, random);
  const figures = simulatedFigures(joined.class, longitude, random);
  const disk = memoryDisk(own.fullDisk ? FULL_DISK_BYTES : DISK_BYTES, shared);
  const identity = { certPem: joined.certificatePem, keyPem };
  const now = (): number => Date.now() + own.clockOffMs;
  const waiting = new Set<NodeJS.Timeout>();
  let link: { readonly handlers: AgentLinkHandlers; inner: DeviceLink | null } | null = null;
  let offline = false;
  let stopped = false;
  let agent = make();

  function later(ms: number, action: () => void): void {
    if (stopped) return;
    const timer = setTimeout(() => {
      waiting.delete(timer);
      action();
    }, Math.min(ms, 2 ** 31 - 1));
    waiting.add(timer);
  }

  function open(handlers: AgentLinkHandlers): DeviceLink {
    return connectDeviceLink({
      url: joined.brokerUrl,
      tls: { authorityPem: joined.brokerAuthorityPem ?? joined.authorityPem, identity },
      deviceId: joined.deviceId,
      ...handlers,
      birth: () => handlers.birth(),
      onBad: log,
      random,
      ...(retry ? { retry } : {}),
    });
  }

  function connect(handlers: AgentLinkHandlers): AgentLink {
    const mine: NonNullable<typeof link> = { handlers, inner: offline ? null : open(handlers) };
    link = mine;
    return {
      report: (message) => mine.inner?.report(message),
      telemetry: (message) => mine.inner?.telemetry(message),
      announce: () => mine.inner?.announce(),
      async close() {
        if (link === mine) link = null;
        await mine.inner?.close();
      },
    };
  }

  function artifacts(url: string): AgentArtifacts {
    const client = createArtifactClient({ url, tls: { authority: { pem: joined.authorityPem }, identity } });
    const fetch: Fetch = async (address, init) => {
      if (offline) throw new EdgewiseError('DOWNLOAD_FAILED', 'The simulated line is broken.');
      const response = await client.fetch(address, init);
      return own.slowBytesPerS === null && own.corruptChance === 0 ? response : { ...response, body: worse(response.body) };
    };
    return { ...client, fetch };
  }

  async function* worse(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of body) {
      if (own.slowBytesPerS !== null) await new Promise((resolve) => setTimeout(resolve, (piece.length / (own.slowBytesPerS ?? 1)) * 1000));
      if (piece.length === 0 || random() >= own.corruptChance) yield piece;
      else {
        const wrong = Uint8Array.from(piece);
        wrong[0] = (wrong[0] ?? 0) ^ 0xff;
        yield wrong;
      }
    }
  }

  function make(): Agent {
    const runtime = simulatedRuntime({ disk, shared, figures, faults: own, effects: faults.artifacts });
    /** Its share of busy time between two looks at the temperature. */
    let busy = { share: 0, ms: 0, atMs: performance.now() };
    const begun = performance.now();
    const ports: AgentPorts = {
      clock: { now, elapsed: () => performance.now() },
      timers: {
        after(ms, action) {
          const timer = setTimeout(action, ms);
          return () => clearTimeout(timer);
        },
      },
      random,
      nonce: () => randomBytes(16).toString('hex'),
      disk,
      connect,
      artifacts,
      artifactsUrl: joined.artifactsUrl,
      firstRoot: async () => Buffer.from(joined.rootBase64, 'base64'),
      models: runtime,
      sensors: { temperatureC: () => figures.temperatureC(now(), busy.share, runtime.effect()), cpuShare: () => null },
      energy: {
        source: 'simulated',
        tier: 'modelled',
        idleW: figures.idleW,
        read(busyMs) {
          const atMs = performance.now();
          if (atMs - busy.atMs > 1000) busy = { share: Math.max(0, busyMs - busy.ms) / (atMs - busy.atMs), ms: busyMs, atMs };
          return (figures.idleW * (atMs - begun) + figures.busyW(runtime.effect()) * busyMs) / 1000;
        },
      },
      inventory: async () => figures.inventory(await disk.freeBytes(), RUNTIME_VERSION),
      log,
    };
    return createAgent({ deviceId: joined.deviceId, class: joined.class, workload: joined.workload, simulated: true }, around(ports), options);
  }

  /** Milliseconds until the next one of something that comes so often, by chance alone. */
  const untilNext = (perHour: number): number => (perHour <= 0 ? Number.POSITIVE_INFINITY : (-Math.log(1 - random()) * HOUR_MS) / perHour);

  function planOffline(): void {
    const fault = faults.offline;
    const ms = fault === undefined ? Number.POSITIVE_INFINITY : untilNext(fault.perHour);
    if (fault === undefined || ms === Number.POSITIVE_INFINITY) return;
    later(ms, () => {
      offline = true;
      link?.inner?.lose();
      if (link) link.inner = null;
      link?.handlers.onState('disconnected');
      later(fault.forMs, () => {
        offline = false;
        if (link) link.inner = open(link.handlers);
        planOffline();
      });
    });
  }

  function planCrash(): void {
    const fault = faults.crash;
    const ms = fault === undefined ? Number.POSITIVE_INFINITY : untilNext(fault.perHour);
    if (fault === undefined || ms === Number.POSITIVE_INFINITY) return;
    later(ms, () => {
      link?.inner?.lose();
      void agent.stop().then(() => {
        later(fault.forMs, () => {
          agent = make();
          void start().then(planCrash);
        });
      });
    });
  }

  async function start(): Promise<void> {
    try {
      await agent.start();
    } catch (error) {
      log(`does not start: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  return {
    async start() {
      // A disk that forgot everything: what counts up begins at the moment, above all that this device has ever said.
      await disk.writeAtomically('agent.json', '{}');
      await agent.start();
      planOffline();
      planCrash();
    },
    async stop() {
      stopped = true;
      for (const timer of waiting) clearTimeout(timer);
      await agent.stop();
    },
    answer: (body) => agent.answer(body),
    status: () => agent.status(),
  };
}
