/**
 * Rollouts over the real line while something goes wrong: what is injected is counted, and afterwards each device runs what it should, swapped once at most, took
 * no command twice, and the console knows. Devices are simulated; broker, artifact server, signatures, installer and agent are the real ones.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EdgewiseError } from '../../base/errors.ts';
import { seededRandom } from '../../base/random.ts';
import type { RolloutPolicy } from '../../contract/records/rollout.ts';
import { faultsFile } from '../../fleet/agent/simulate/faults.ts';
import { createSimulatedDevice } from '../../fleet/agent/simulate/simulated-device.ts';
import { deviceLedger } from '../../fleet/agent/testing/device-ledger.ts';
import type { AgentPorts } from '../../fleet/agent/ports.ts';
import { createConsole } from '../create-console.ts';
import { createNodeProcessHost } from '../jobs/node-process-host.ts';
import { findEntries } from '../processes/entries.ts';
import { callsOf, comesTo, enrolDevice, importModels, openLine, submit, until, type Call } from './fleet-calls.ts';
import { freePort } from './free-port.ts';

export interface FaultRow {
  readonly name: string;
  /** What the devices run afterwards: the new version, or still the one before. */
  readonly ends: 'new' | 'before';
  readonly faults?: unknown;
  readonly policy?: Partial<RolloutPolicy>;
  /** Around each device, from the second version on. @param hit counts one more injection */
  readonly around?: (ports: AgentPorts, hit: () => void, random: () => number) => AgentPorts;
  /** While the second version is rolled out, again and again until it has ended. */
  readonly meanwhile?: (world: FaultWorld) => Promise<void>;
  /** Chance that a piece on its way ends its connection. */
  readonly resets?: number;
}

interface FaultWorld {
  readonly call: Call;
  readonly line: Line;
  readonly hit: () => void;
}

export interface FaultResult {
  readonly name: string;
  /** How often something was injected; for what holds all the time, the devices that had it. */
  readonly injected: number;
  readonly installs: number;
  readonly wrong: readonly string[];
}

type Body = (pieces: AsyncIterable<Uint8Array>, hit: () => void) => AsyncIterable<Uint8Array>;
const MOST_HARMED = 3;

/** The first downloads of each device are harmed. */
const downloads = (harm: Body): NonNullable<FaultRow['around']> => (ports, hit) => {
  let left = MOST_HARMED;
  return {
    ...ports,
    artifacts(url) {
      const client = ports.artifacts(url);
      return {
        ...client,
        async fetch(address, init) {
          const response = await client.fetch(address, init);
          return response.body === null || left-- <= 0 ? response : { ...response, body: harm(response.body, hit) };
        },
      };
    },
  };
};

async function* flipped(pieces: AsyncIterable<Uint8Array>, hit: () => void): AsyncGenerator<Uint8Array> {
  hit();
  let first = true;
  for await (const piece of pieces) {
    const bytes = Uint8Array.from(piece);
    if (first) bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    first = false;
    yield bytes;
  }
}
async function* truncated(pieces: AsyncIterable<Uint8Array>, hit: () => void): AsyncGenerator<Uint8Array> {
  hit();
  for await (const piece of pieces) {
    yield piece.subarray(0, piece.length >> 1);
    return;
  }
}
async function* swapped(pieces: AsyncIterable<Uint8Array>, hit: () => void): AsyncGenerator<Uint8Array> {
  hit();
  for await (const piece of pieces) yield new Uint8Array(piece.length).fill(7);
}
async function* extended(pieces: AsyncIterable<Uint8Array>, hit: () => void): AsyncGenerator<Uint8Array> {
  hit();
  yield* pieces;
  yield new Uint8Array(100_000);
}

/** Everything comes twice, late by chance and so out of order, and something old now and then. */
const messages: NonNullable<FaultRow['around']> = (ports, hit, random) => ({
  ...ports,
  connect(handlers) {
    const old: (() => void)[] = [];
    const play = (deliver: () => void): void => {
      hit();
      old.push(deliver);
      deliver();
      for (const again of [deliver, ...(random() < 0.3 ? [old[Math.floor(random() * old.length)] ?? deliver] : [])]) setTimeout(again, random() * 60);
    };
    const link = ports.connect({
      ...handlers,
      onWelcome: (message) => play(() => handlers.onWelcome(message)),
      onCommand: (message) => setTimeout(() => play(() => handlers.onCommand(message)), random() * 40),
      onAck: (message) => play(() => handlers.onAck(message)),
    });
    return {
      ...link,
      report: (message) => play(() => link.report(message)),
      telemetry: (message) => play(() => link.telemetry(message)),
    };
  },
});

/** Now and then the disk has no room for some time, whatever is written. */
const fullNowAndThen: NonNullable<FaultRow['around']> = (ports, hit, random) => {
  let until_ = 0;
  const room = (): void => {
    const now = performance.now();
    if (now > until_ + 800 && random() < 0.05) until_ = now + 300;
    if (now >= until_) return;
    hit();
    throw new EdgewiseError('DISK_FULL', 'No space left on the device.', { hint: 'Free some.' });
  };
  const { disk } = ports;
  return {
    ...ports,
    disk: {
      ...disk,
      async writeAtomically(path, text) {
        room();
        await disk.writeAtomically(path, text);
      },
      async writeAt(path, offset, bytes) {
        room();
        await disk.writeAt(path, offset, bytes);
      },
    },
  };
};

const TEN_YEARS_MS = 3653 * 86_400_000;
const all = { share: 1 };

export const FAULT_ROWS: readonly FaultRow[] = [
  {
    name: 'the broker and the artifact server go down and come up again', ends: 'new',
    async meanwhile({ call, hit }) {
      const { settings } = await call('fleet.link', {});
      await call('fleet.setLink', { ...settings, enabled: false });
      await delay(200);
      await call('fleet.setLink', { ...settings, enabled: true });
      hit();
      await delay(1500);
    },
  },
  {
    name: 'the network is cut: connections end, none can be made', ends: 'new',
    async meanwhile({ line, hit }) {
      line.mode('cut');
      hit();
      await delay(500);
      line.mode('pass');
      await delay(1200);
    },
  },
  {
    name: 'the network is silent: connections stand, nothing passes', ends: 'new',
    async meanwhile({ line, hit }) {
      line.mode('hold');
      hit();
      await delay(1500);
      line.mode('pass');
      await delay(800);
    },
  },
  { name: 'one in twenty pieces on the wire ends its connection', ends: 'new', resets: 0.05 },
  { name: 'downloads with a wrong byte', ends: 'new', around: downloads(flipped) },
  { name: 'downloads that end early', ends: 'new', around: downloads(truncated) },
  { name: 'downloads of something else', ends: 'new', around: downloads(swapped) },
  { name: 'downloads that go on after their end', ends: 'new', around: downloads(extended) },
  { name: 'messages that come twice, out of order, and again later', ends: 'new', around: messages },
  { name: 'clocks ten years ahead', ends: 'new', faults: { wrongClock: { ...all, offMs: TEN_YEARS_MS } } },
  { name: 'clocks ten years behind', ends: 'new', faults: { wrongClock: { ...all, offMs: -TEN_YEARS_MS } } },
  { name: 'disks that are full for moments', ends: 'new', around: fullNowAndThen },
  { name: 'disks without room for the new version', ends: 'before', faults: { fullDisk: all }, policy: { retries: { max: 1, baseMs: 100, factor: 1, maxMs: 100 } } },
  { name: 'simulate: lines that break', ends: 'new', faults: { offline: { perHour: 2400, forMs: 400 } } },
  { name: 'simulate: programs that end', ends: 'new', faults: { crash: { perHour: 1000, forMs: 100 } }, policy: { soakMs: 5000 } },
  { name: 'simulate: slow downloads', ends: 'new', faults: { slowDownload: { ...all, bytesPerS: 100_000 } } },
  { name: 'simulate: corrupt downloads', ends: 'new', faults: { corruptDownload: { ...all, chance: 0.3 } } },
  { name: 'simulate: benchmarks that fail', ends: 'before', faults: { failingBenchmark: all } },
  { name: 'simulate: new models that end the device', ends: 'before', faults: { rebootLoop: all } },
  {
    name: 'simulate: an artifact that is three times slower', ends: 'before', faults: { artifacts: [{ artifact: 'flow', version: 2, latencyFactor: 3 }] },
    policy: { gates: [{ metric: 'latencyP95Ms', compare: 'ratio', limit: 1.5, minSamples: 10, required: true }] },
  },
];

const QUICK = { telemetryEveryMs: 500, framesPerS: 50, frameBatchMs: 200, confirmInferences: 3, progressEveryMs: 100, benchmark: { runs: 20, maxMs: 2000, stretchMs: 0 } };

/** @param devices that take part */
export async function runFaultRow(row: FaultRow, devices: number, seed: number): Promise<FaultResult> {
  const folder = mkdtempSync(join(tmpdir(), 'edgewise-faults-'));
  const wrong: string[] = [];
  const console_ = await createConsole({ dataFolder: join(folder, 'home'), processHost: createNodeProcessHost(), entries: findEntries(), host: 'browser', version: 'test', log: (text) => text.startsWith('fault ') && wrong.push(text) });
  const call = callsOf(console_);
  const random = seededRandom(seed);
  const faults = faultsFile.parse(row.faults ?? {});
  const [brokerPort, artifactsPort] = [await freePort(), await freePort()];
  const line = await openProxies([brokerPort, artifactsPort], random);
  let harming = false;
  let injected = 0;
  const hit = (): void => void injected++;
  const agents: ReturnType<typeof createSimulatedDevice>[] = [];
  try {
    await openLine(call, { brokerPort, artifactsPort });
    const publish = await importModels(call, folder);
    const one = await publish('small', 1);
    const whom = await Promise.all(Array.from({ length: devices }, async (_, index) => ({ id: `f${index + 1}`, ledger: deviceLedger() })));
    const start = async (): Promise<void> => {
      for (const { id, ledger } of whom) {
        const { joined, request } = await enrolDevice(call, id);
        const through = (url: string): string => url.replace(String(brokerPort), String(line.ports[0])).replace(String(artifactsPort), String(line.ports[1]));
        const agent = createSimulatedDevice({
          joined: { ...joined, brokerUrl: through(joined.brokerUrl), artifactsUrl: through(joined.artifactsUrl) }, keyPem: request.keyPem, seed, faults, options: QUICK, retry: { firstMs: 50, mostMs: 300 },
          around(ports) {
            if (harming && faults.crash !== undefined) hit();
            const routed: AgentPorts = {
              ...ledger.around(ports),
              artifacts: (url) => ports.artifacts(through(url)),
              connect: (handlers) =>
                ports.connect({
                  ...handlers,
                  onState(state) {
                    if (harming && faults.offline !== undefined && state === 'disconnected') hit();
                    handlers.onState(state);
                  },
                }),
            };
            return switched(routed, row.around === undefined ? routed : row.around(routed, hit, random), () => harming);
          },
        });
        agents.push(agent);
        await agent.start();
      }
    };
    await start();
    await comesTo(call, await submit(call, one, 'one'), ['finished']);
    harming = true;
    line.chance(row.resets ?? 0, hit);
    injected = 0;
    const two = await publish('larger', 2);
    const id = await submit(call, two, 'two', row.policy);
    const over = new AbortController();
    const meanwhile = (async () => {
      while (!over.signal.aborted && row.meanwhile !== undefined) await row.meanwhile({ call, line, hit });
    })();
    const last = await comesTo(call, id, row.ends === 'new' ? ['finished'] : ['paused', 'finished'], 150_000).finally(() => over.abort());
    await meanwhile;
    harming = false;
    line.chance(0, hit);
    line.mode('pass');
    if (last.rollout.state === 'paused') {
      await call('rollouts.act', { id, action: 'stop', by: 'ann', note: '', confirm: 'two' });
      await comesTo(call, id, ['stopped']);
    }
    let installs = 0;
    for (const { id: deviceId, ledger } of whom) {
      const wanted = (row.ends === 'new' ? two : one).digest;
      await until(`${deviceId} to be on the ${row.ends} version`, async () => (await call('fleet.device', { id: deviceId })).row, ({ presence, digest }) => presence === 'online' && digest === wanted, 40_000).catch((error: unknown) => wrong.push(String(error).slice(0, 300)));
      if (ledger.runs() !== wanted) wrong.push(`${deviceId} has ${ledger.runs()?.slice(0, 8)} on its disk`);
      const swaps = ledger.steps.filter((step) => step.digest === two.digest && step.to === 'succeeded').length;
      if (swaps !== (row.ends === 'new' ? 1 : 0)) wrong.push(`${deviceId} confirmed the new version ${swaps} times`);
      if (new Set(ledger.taken).size !== ledger.taken.length) wrong.push(`${deviceId} took a command twice`);
      installs += swaps;
    }
    const always = row.faults !== undefined && faults.crash === undefined && faults.offline === undefined;
    return { name: row.name, injected: always ? devices : injected, installs, wrong };
  } finally {
    await Promise.all(agents.map((agent) => agent.stop()));
    await console_.close();
    line.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The ports as they are while `on` says no, else the harmed ones; the line, which is made once, is harmed from the beginning. */
function switched(plain: AgentPorts, harmed: AgentPorts, on: () => boolean): AgentPorts {
  const { disk } = plain;
  return {
    ...plain,
    connect: harmed.connect,
    artifacts(url) {
      const [a, b] = [plain.artifacts(url), harmed.artifacts(url)];
      return { ...a, fetch: (address, init) => (on() ? b : a).fetch(address, init) };
    },
    disk: {
      ...disk,
      writeAtomically: (path, text) => (on() ? harmed : plain).disk.writeAtomically(path, text),
      writeAt: (path, offset, bytes) => (on() ? harmed : plain).disk.writeAt(path, offset, bytes),
    },
  };
}

interface Line {
  readonly ports: readonly number[];
  mode(mode: 'pass' | 'cut' | 'hold'): void;
  chance(of: number, hit: () => void): void;
  close(): void;
}

/** A port in front of each of these, over which everything goes that devices say and hear. */
async function openProxies(targets: readonly number[], random: () => number): Promise<Line> {
  let mode: 'pass' | 'cut' | 'hold' = 'pass';
  let reset = { chance: 0, hit: (): void => {} };
  const sockets = new Set<Socket>();
  const servers = await Promise.all(
    targets.map(async (port) => {
      const server = createServer((near) => {
        if (mode === 'cut') return near.destroy();
        const far = connect(port, '127.0.0.1');
        const both = [near, far] as const;
        for (const [index, socket] of both.entries()) {
          const other = both[1 - index] as Socket;
          sockets.add(socket);
          if (mode === 'hold') socket.pause();
          socket.on('data', (data: Buffer) => {
            if (random() < reset.chance) {
              reset.hit();
              for (const each of both) each.destroy();
            } else other.write(data);
          });
          socket.on('error', () => {});
          socket.on('close', () => {
            sockets.delete(socket);
            other.destroy();
          });
        }
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  return {
    ports: servers.map((server) => (server.address() as { readonly port: number }).port),
    mode(next) {
      mode = next;
      for (const socket of sockets) {
        if (next === 'cut') socket.destroy();
        else if (next === 'hold') socket.pause();
        else socket.resume();
      }
    },
    chance(of, hit) {
      reset = { chance: of, hit };
    },
    close() {
      for (const socket of sockets) socket.destroy();
      for (const server of servers) server.close();
    },
  };
}
