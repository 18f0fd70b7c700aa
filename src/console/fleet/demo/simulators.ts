/**
 * The processes of the simulated devices: one for so many devices. All in one, and marking a heap of ten thousand devices at each of their downloads took
 * more than the devices themselves.
 */
import type { SimulationTask } from '../../../fleet/agent/simulate/simulate-fleet.ts';
import type { ChildHandle, ProcessHost } from '../../jobs/process-host.ts';
import { fromSimulator, type SimulatorStatus, type ToSimulator } from './messages.ts';

export interface SimulatorsOptions {
  readonly processHost: ProcessHost;
  /** File of a process. */
  readonly entry: string;
  readonly devicesPerProcess?: number;
  readonly log: (line: string) => void;
}

export interface Simulators {
  running(): boolean;
  /** Of all together; null while none has said anything. */
  status(): SimulatorStatus | null;
  start(task: SimulationTask): void;
  stop(): Promise<void>;
}

interface Simulator {
  readonly child: ChildHandle;
  readonly gone: Promise<void>;
  status: SimulatorStatus | null;
}

const DEVICES_PER_PROCESS = 1250;
const STOP_MS = 15_000;
/**
 * glibc's malloc, for thousands of TLS lines and downloads in one process: large blocks go back to the system at once, and threads share one arena.
 * After a rollout to 400 devices the process held 339 MB, with the defaults 1,104 to 1,370 MB, of which `malloc_trim` gave 955 back.
 */
const ALLOCATOR = { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: '32768' };

export function createSimulators(options: SimulatorsOptions): Simulators {
  const { log, devicesPerProcess = DEVICES_PER_PROCESS } = options;
  let simulators: readonly Simulator[] = [];

  function launch(task: SimulationTask): Simulator {
    const child = options.processHost.fork(options.entry, [], ALLOCATOR);
    child.onMessage((raw) => {
      const message = fromSimulator.safeParse(raw);
      if (!message.success) return;
      if (message.data.type === 'status') simulator.status = message.data.status;
      else log(`simulated ${message.data.line}`);
    });
    child.onOutput((text) => log(`simulated devices: ${text.trim().slice(0, 2000)}`));
    const gone = new Promise<void>((resolve) => {
      child.onExit(({ code, signal }) => {
        if (simulators.includes(simulator)) {
          log(`The simulated devices ended (${signal ?? code ?? 'not started'}).`);
          // A fleet of which a part is missing is none that anybody asked for.
          const rest = simulators;
          simulators = [];
          for (const other of rest) other.child.kill();
        }
        resolve();
      });
    });
    const simulator: Simulator = { child, gone, status: null };
    child.send({ type: 'start', task } satisfies ToSimulator);
    return simulator;
  }

  return {
    running: () => simulators.length > 0,
    status: () => simulators.reduce<SimulatorStatus | null>((sum, { status }) => (status === null ? sum : sum === null ? status : added(sum, status)), null),
    start(task) {
      const count = Math.max(1, Math.ceil(task.devices.length / devicesPerProcess));
      const size = Math.ceil(task.devices.length / count);
      simulators = Array.from({ length: count }, (_, index) => launch({ ...task, startPerS: Math.max(0.1, task.startPerS / count), devices: task.devices.slice(index * size, (index + 1) * size) }));
    },
    async stop() {
      const ended = simulators;
      simulators = [];
      for (const { child } of ended) child.send({ type: 'stop' } satisfies ToSimulator);
      const late = setTimeout(() => {
        for (const { child } of ended) child.kill();
      }, STOP_MS);
      await Promise.all(ended.map(({ gone }) => gone));
      clearTimeout(late);
    },
  };
}

function added(a: SimulatorStatus, b: SimulatorStatus): SimulatorStatus {
  const running = { ...a.running };
  for (const [name, count] of Object.entries(b.running)) running[name] = (running[name] ?? 0) + count;
  return {
    devices: a.devices + b.devices, started: a.started + b.started, connected: a.connected + b.connected, running,
    waitingReports: a.waitingReports + b.waitingReports, rssBytes: a.rssBytes + b.rssBytes, cpuMs: a.cpuMs + b.cpuMs,
  };
}
