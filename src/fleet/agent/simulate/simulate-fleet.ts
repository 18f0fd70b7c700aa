/** Many simulated devices in one process: started one after the other, stopped together. */
import { z } from 'zod';
import { fleetId } from '../../../contract/records/fleet.ts';
import { plainName } from '../../../contract/records/artifact.ts';
import type { Agent } from '../create-agent.ts';
import type { AgentOptions } from '../ports.ts';
import { faultsFile } from './faults.ts';
import { createSharedBytes } from './memory-disk.ts';
import { createSimulatedDevice } from './simulated-device.ts';

/** What a process needs to be a whole fleet. */
export const simulationTask = z.strictObject({
  seed: z.number().int(),
  faults: faultsFile,
  /** Devices that start in a second. */
  startPerS: z.number().min(0.1).max(1000),
  telemetryEveryMs: z.number().int().min(100),
  authorityPem: z.string(),
  brokerUrl: z.string(),
  brokerAuthorityPem: z.string().nullable(),
  artifactsUrl: z.string(),
  rootBase64: z.string(),
  devices: z.array(z.strictObject({ deviceId: fleetId, storeId: fleetId, class: plainName, workload: plainName, longitude: z.number(), keyPem: z.string(), certificatePem: z.string() })).max(20_000),
});

export type SimulationTask = z.infer<typeof simulationTask>;

export interface SimulationStatus {
  readonly devices: number;
  readonly started: number;
  readonly connected: number;
  /** Devices by the version that they run, `none` included. */
  readonly running: Readonly<Record<string, number>>;
  /** Reports that wait for the console's answer. */
  readonly waitingReports: number;
}

export interface Simulation {
  status(): SimulationStatus;
  stop(): Promise<void>;
}

/** Frames are fed together now and then: thousands of devices have no timer to spare for each. */
const OPTIONS: Partial<AgentOptions> = { frameBatchMs: 5000, benchmark: { runs: 100, maxMs: 60_000, stretchMs: 1000 } };

export function startSimulation(task: SimulationTask, options: Partial<AgentOptions> = {}, log: (line: string) => void = () => {}): Simulation {
  const { devices, seed, faults, startPerS, telemetryEveryMs, ...common } = task;
  const shared = createSharedBytes();
  const agents: Agent[] = [];
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const begun = performance.now();
  const startNext = (): void => {
    if (stopped) return;
    const due = Math.min(devices.length, Math.ceil(((performance.now() - begun) / 1000) * startPerS));
    for (const { keyPem, longitude, ...who } of devices.slice(agents.length, due)) {
      const agent = createSimulatedDevice({ joined: { ...common, ...who }, keyPem, longitude, seed, faults, shared, options: { ...OPTIONS, telemetryEveryMs, ...options }, log: (line) => (line === 'connected' || line === 'disconnected' ? undefined : log(`${who.deviceId}: ${line}`)) });
      agents.push(agent);
      agent.start().catch((error: unknown) => log(`${who.deviceId} does not start: ${error instanceof Error ? error.message : String(error)}`));
    }
    if (agents.length < devices.length) timer = setTimeout(startNext, 100);
  };
  timer = setTimeout(startNext, 1);

  return {
    status() {
      const running: Record<string, number> = {};
      let connected = 0;
      let waitingReports = 0;
      for (const agent of agents) {
        const now = agent.status();
        if (now.connected) connected++;
        waitingReports += now.waitingReports;
        const name = now.running === null ? 'none' : `${now.running.artifact} ${now.running.version}`;
        running[name] = (running[name] ?? 0) + 1;
      }
      return { devices: devices.length, started: agents.length, connected, running, waitingReports };
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await Promise.all(agents.map((agent) => agent.stop()));
    },
  };
}
