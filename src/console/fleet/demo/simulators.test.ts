import { beforeEach, expect, it } from 'vitest';
import { NO_FAULTS } from '../../../fleet/agent/simulate/faults.ts';
import type { SimulationTask } from '../../../fleet/agent/simulate/simulate-fleet.ts';
import type { ChildExit } from '../../jobs/process-host.ts';
import { toSimulator, type FromSimulator } from './messages.ts';
import { createSimulators, type Simulators } from './simulators.ts';

interface Started {
  readonly got: ReturnType<typeof toSimulator.parse>[];
  say(message: FromSimulator): void;
  exit(exit: ChildExit): void;
  killed: boolean;
}

const task = (devices: number): SimulationTask => ({
  seed: 1, faults: NO_FAULTS, startPerS: 30, telemetryEveryMs: 1000, authorityPem: 'a', brokerUrl: 'b', brokerAuthorityPem: null, artifactsUrl: 'c', rootBase64: 'd',
  devices: Array.from({ length: devices }, (_, index) => ({ deviceId: `d${index}`, storeId: 's', class: 'gateway', workload: 'w', longitude: 0, keyPem: 'k', certificatePem: 'p' })),
});
const status = (devices: number, running: Record<string, number>): FromSimulator => ({ type: 'status', status: { devices, started: devices, connected: 1, running, waitingReports: 2, rssBytes: 10, cpuMs: 5 } });

let started: Started[];
let lines: string[];
let simulators: Simulators;

beforeEach(() => {
  [started, lines] = [[], []];
  simulators = createSimulators({
    entry: 'simulate', devicesPerProcess: 2, log: (line) => lines.push(line),
    processHost: {
      fork() {
        let hear: (message: unknown) => void = () => {};
        let exited: (exit: ChildExit) => void = () => {};
        const one: Started = { got: [], say: (message) => hear(message), exit: (exit) => exited(exit), killed: false };
        started.push(one);
        return {
          pid: started.length,
          send: (message) => void one.got.push(toSimulator.parse(message)),
          onMessage: (listener) => void (hear = listener),
          onOutput: () => {},
          onExit: (listener) => void (exited = listener),
          kill() {
            one.killed = true;
            exited({ code: null, signal: 'SIGKILL' });
          },
        };
      },
    },
  });
});

it('every device is in one process, none has more than its share, and all start together as fast as was asked for', () => {
  simulators.start(task(5));
  const tasks = started.flatMap(({ got }) => got.flatMap((message) => (message.type === 'start' ? [message.task] : [])));
  expect(tasks.map(({ devices }) => devices.map(({ deviceId }) => deviceId))).toEqual([['d0', 'd1'], ['d2', 'd3'], ['d4']]);
  expect(tasks.reduce((sum, { startPerS }) => sum + startPerS, 0)).toBeCloseTo(30);
});

it('what they are at is the sum of what each says', () => {
  simulators.start(task(4));
  expect(simulators.status()).toBeNull();
  started[0]?.say(status(2, { none: 1, 'flow 1': 1 }));
  started[1]?.say(status(2, { 'flow 1': 2 }));
  expect(simulators.status()).toEqual({ devices: 4, started: 4, connected: 2, running: { none: 1, 'flow 1': 3 }, waitingReports: 4, rssBytes: 20, cpuMs: 10 });
});

it('one that ends by itself takes the others along, and it is told once', () => {
  simulators.start(task(5));
  started[1]?.exit({ code: 1, signal: null });
  expect(started.map(({ killed }) => killed)).toEqual([true, true, true]);
  expect(simulators.running()).toBe(false);
  expect(lines).toEqual(['The simulated devices ended (1).']);
});

it('a stop waits for all of them', async () => {
  simulators.start(task(4));
  let stopped = false;
  const stop = simulators.stop().then(() => (stopped = true));
  expect(started.map(({ got }) => got.at(-1)?.type)).toEqual(['stop', 'stop']);
  started[0]?.exit({ code: 0, signal: null });
  await new Promise((resolve) => setImmediate(resolve));
  expect(stopped).toBe(false);
  started[1]?.exit({ code: 0, signal: null });
  await stop;
  expect(lines).toEqual([]);
  expect(started.some(({ killed }) => killed)).toBe(false);
});
