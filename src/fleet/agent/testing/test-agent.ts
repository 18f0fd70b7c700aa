/** For tests: an agent with real files, real downloads and real signatures, told models and an in-memory link. */
import { randomBytes } from 'node:crypto';
import type { Inventory } from '../../../contract/wire/messages.ts';
import { createAgent, type Agent } from '../create-agent.ts';
import type { InstallDisk } from '../install/disk.ts';
import { DEFAULT_DOWNLOAD } from '../install/download.ts';
import type { AgentLink, AgentLinkHandlers, AgentOptions, AgentPorts } from '../ports.ts';
import { plainArtifacts } from './publisher-server.ts';
import { toldModels, type ToldModels } from './told-models.ts';

export const INVENTORY: Inventory = {
  agentVersion: 'test', hardware: 'linux-x64', cpu: 'test', cores: 2, memoryBytes: 2 ** 30, freeDiskBytes: 2 ** 30, os: 'test', accelerators: [],
  runtimes: [{ name: 'onnxruntime', version: '1.30.0', providers: ['cpu'] }], energy: null,
};

/** Quick, so that a whole story takes moments. */
export const QUICK: Partial<AgentOptions> = {
  download: { ...DEFAULT_DOWNLOAD, attempts: 4, delayMs: 5 },
  telemetryEveryMs: 60, framesPerS: 200, confirmInferences: 5, progressEveryMs: 20, benchmark: { runs: 40, maxMs: 2000, stretchMs: 0 }, spool: { maxBatches: 5, rowsPerBatch: 3 },
};

export interface TestAgent {
  readonly agent: Agent;
  readonly models: ToldModels;
  readonly lines: string[];
}

export function testAgent(disk: InstallDisk, url: string, root: Uint8Array, connect: (handlers: AgentLinkHandlers) => AgentLink, more: { readonly ports?: Partial<AgentPorts>; readonly models?: ToldModels; readonly options?: Partial<AgentOptions>; readonly clockOffMs?: number } = {}): TestAgent {
  const models = more.models ?? toldModels(disk);
  const lines: string[] = [];
  const agent = createAgent(
    { deviceId: 'd1', class: 'gateway', workload: 'customer-flow', simulated: false },
    {
      clock: { now: () => Date.now() + (more.clockOffMs ?? 0), elapsed: () => performance.now() },
      timers: {
        after(ms, action) {
          const timer = setTimeout(action, ms);
          return () => clearTimeout(timer);
        },
      },
      random: Math.random,
      nonce: () => randomBytes(16).toString('hex'),
      disk,
      connect,
      artifacts: plainArtifacts,
      artifactsUrl: url,
      firstRoot: async () => root,
      models,
      sensors: { temperatureC: () => null, cpuShare: () => null },
      energy: null,
      inventory: async () => INVENTORY,
      log: (line) => lines.push(line),
      ...more.ports,
    },
    { ...QUICK, ...more.options },
  );
  return { agent, models, lines };
}
