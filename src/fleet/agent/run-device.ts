/** The program on a device: wires the agent to the device's folder, its network, its model processes and its sensors. */
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { toEdgewiseError } from '../../base/errors.ts';
import { createArtifactClient } from '../link/http/client.ts';
import { connectDeviceLink } from '../link/mqtt/device-link.ts';
import { createAgent, type Agent } from './create-agent.ts';
import { openDevice } from './device-folder.ts';
import { openDeviceEnergy } from './device-energy.ts';
import { readInventory, systemSensors } from './hardware.ts';
import { nodeDisk } from './install/disk.ts';
import { childModels } from './model/child-models.ts';
import type { WorkloadInput } from './model/child-messages.ts';
import type { AgentOptions, AgentPorts } from './ports.ts';

export interface DeviceOptions {
  readonly folder: string;
  readonly claim?: string;
  readonly version: string;
  readonly input: WorkloadInput;
  /** Frames come over HTTP on this port of this machine, beside the others; 0: any that is free. */
  readonly httpPort?: number;
  readonly threads: number;
  /** Watts, for a device that nothing measures. */
  readonly power?: { readonly idleW: number; readonly busyW: number };
  /** Address of a wall meter that the device is plugged into. */
  readonly wallMeter?: string;
  readonly agent?: Partial<AgentOptions>;
  /** Puts something around what the agent is made of: for tests of what may go wrong. */
  readonly around?: (ports: AgentPorts) => AgentPorts;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  readonly onFingerprint: (fingerprint: string) => void;
}

const MOST_FRAME_BYTES = 64 * 2 ** 20;

/** Runs until the signal. @throws as `openDevice`, and where the folder cannot be used */
export async function runDevice(options: DeviceOptions): Promise<void> {
  const { folder, signal, log } = options;
  let children: readonly number[] = [];
  const { meter: energy, close: closeMeter } = await openDeviceEnergy({ log, ...(options.power === undefined ? {} : { power: options.power }), ...(options.wallMeter === undefined ? {} : { wallMeter: options.wallMeter }) });
  const inventory = (): ReturnType<typeof readInventory> => readInventory(folder, options.version, energy === null ? null : { source: energy.source, tier: energy.tier });
  const { joined, keyPem } = await openDevice({
    folder, inventory: await readInventory('.', options.version, null), signal, onFingerprint: options.onFingerprint, ...(options.claim === undefined ? {} : { claim: options.claim }),
  });
  const identity = { certPem: joined.certificatePem, keyPem };
  const around = options.around ?? ((ports: AgentPorts) => ports);
  const agent = createAgent(
    { deviceId: joined.deviceId, class: joined.class, workload: joined.workload, simulated: false },
    around({
      clock: { now: Date.now, elapsed: () => performance.now() },
      timers: {
        after(ms, action) {
          const timer = setTimeout(action, ms);
          return () => clearTimeout(timer);
        },
      },
      random: Math.random,
      nonce: () => randomBytes(16).toString('hex'),
      disk: nodeDisk(join(folder, 'data')),
      connect: (handlers) =>
        connectDeviceLink({
          url: joined.brokerUrl, tls: { authorityPem: joined.brokerAuthorityPem ?? joined.authorityPem, identity }, deviceId: joined.deviceId, ...handlers, birth: () => handlers.birth(), onBad: log, random: Math.random,
        }),
      artifacts: (url) => createArtifactClient({ url, tls: { authority: { pem: joined.authorityPem }, identity } }),
      artifactsUrl: joined.artifactsUrl,
      firstRoot: async () => Buffer.from(joined.rootBase64, 'base64'),
      models: childModels({ input: options.input, threads: options.threads, onChildren: (pids) => (children = pids) }),
      sensors: systemSensors(() => children),
      energy,
      inventory,
      log,
    }),
    options.agent ?? {},
  );
  await agent.start();
  const frames = options.httpPort === undefined ? undefined : await answerFrames(agent, options.httpPort, log);
  log(`${joined.deviceId} of store ${joined.storeId} is at work`);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  frames?.close();
  await agent.stop();
  await closeMeter();
}

/** POST one picture or array to `/`: its scores come back. On this machine only. */
function answerFrames(agent: Agent, port: number, log: (line: string) => void): Promise<Server> {
  const server = createServer((request, response) => {
    const tell = (status: number, value: unknown): void => {
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(value));
    };
    if (request.method !== 'POST') return tell(405, { code: 'BAD_REQUEST', message: 'POST one picture or array.' });
    const pieces: Buffer[] = [];
    let length = 0;
    request.on('data', (piece: Buffer) => {
      length += piece.length;
      if (length > MOST_FRAME_BYTES) request.destroy();
      else pieces.push(piece);
    });
    request.on('error', () => {});
    request.on('end', () => {
      agent.answer(Buffer.concat(pieces)).then(
        (answer) => tell(200, answer),
        (error: unknown) => {
          const named = toEdgewiseError(error);
          tell(named.code === 'BAD_REQUEST' ? 400 : 503, named.toRecord());
        },
      );
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      log(`frames: http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : port}/`);
      resolve(server);
    });
  });
}
