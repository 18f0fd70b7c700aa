/** A device without hardware: the agent's own code, the real protocol, a model runtime of arithmetic. All that it says is labelled as simulated. */
import { randomBytes } from 'node:crypto';
import type { AcceptedEnrolment } from '../../link/http/enrol.ts';
import { createArtifactClient } from '../../link/http/client.ts';
import { connectDeviceLink, type DeviceLinkOptions } from '../../link/mqtt/device-link.ts';
import { createAgent, type Agent } from '../create-agent.ts';
import type { AgentOptions, ModelRuntime } from '../ports.ts';
import { memoryDisk } from './memory-disk.ts';
import { simulatedModels } from './simulated-models.ts';

export interface SimulatedDeviceOptions {
  /** Who it is, as the console has accepted it. */
  readonly joined: AcceptedEnrolment;
  readonly keyPem: string;
  readonly seed: number;
  readonly options?: Partial<AgentOptions>;
  readonly models?: ModelRuntime;
  readonly retry?: DeviceLinkOptions['retry'];
  readonly log?: (line: string) => void;
}

const DISK_BYTES = 2 ** 31;

export function createSimulatedDevice({ joined, keyPem, seed, options = {}, models, retry, log = () => {} }: SimulatedDeviceOptions): Agent {
  const identity = { certPem: joined.certificatePem, keyPem };
  return createAgent(
    { deviceId: joined.deviceId, class: joined.class, workload: joined.workload, simulated: true },
    {
      clock: { now: Date.now, elapsed: () => performance.now() },
      timers: {
        after(ms, action) {
          const timer = setTimeout(action, ms);
          return () => clearTimeout(timer);
        },
      },
      random: Math.random,
      nonce: () => randomBytes(16).toString('hex'),
      disk: memoryDisk(DISK_BYTES),
      connect: (handlers) =>
        connectDeviceLink({
          url: joined.brokerUrl,
          tls: { authorityPem: joined.brokerAuthorityPem ?? joined.authorityPem, identity },
          deviceId: joined.deviceId,
          ...handlers,
          birth: () => handlers.birth(),
          onBad: log,
          random: Math.random,
          ...(retry ? { retry } : {}),
        }),
      artifacts: (url) => createArtifactClient({ url, tls: { authority: { pem: joined.authorityPem }, identity } }),
      artifactsUrl: joined.artifactsUrl,
      firstRoot: async () => Buffer.from(joined.rootBase64, 'base64'),
      models: models ?? simulatedModels({ seed, now: Date.now }),
      sensors: { temperatureC: () => null, cpuShare: () => null },
      energy: null,
      inventory: async () => ({
        agentVersion: 'simulated', hardware: 'linux-x64', cpu: 'simulated', cores: 2, memoryBytes: 2 ** 31, freeDiskBytes: DISK_BYTES, os: 'simulated', accelerators: [],
        runtimes: [{ name: 'onnxruntime', version: '1.30.0', providers: ['cpu'] }], energy: null,
      }),
      log,
    },
    options,
  );
}
