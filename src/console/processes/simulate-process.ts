/** A process that is a whole fleet of simulated devices; it knows the console through the same ports as real ones do. */
import { startSimulation, type Simulation } from '../../fleet/agent/simulate/simulate-fleet.ts';
import { toSimulator, type FromSimulator } from '../fleet/demo/messages.ts';
import { openParentChannel } from './parent-channel.ts';

const STATUS_MS = 2000;

const channel = openParentChannel();
const send = (message: FromSimulator): void => channel.send(message);
let simulation: Simulation | undefined;

channel.onClose(() => process.exit(0));
channel.onMessage((raw) => {
  const message = toSimulator.parse(raw);
  if (message.type === 'start') {
    simulation ??= startSimulation(message.task, {}, (line) => send({ type: 'log', line }));
    setInterval(() => {
      if (simulation) send({ type: 'status', status: { ...simulation.status(), rssBytes: process.memoryUsage.rss(), cpuMs: cpuMs() } });
    }, STATUS_MS);
  } else {
    void (simulation?.stop() ?? Promise.resolve()).finally(() => process.exit(0));
  }
});

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
