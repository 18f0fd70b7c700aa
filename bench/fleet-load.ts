/**
 * A fleet of simulated devices on one broker, and two rollouts in waves over all of them: the first brings a model, the second a faster one through a latency
 * gate that each device measures.
 *
 *     node bench/fleet-load.ts [--devices 2000] [--broker embedded|mosquitto] [--start-per-s 100] [--telemetry-s 60] [--rollouts 1|2] [--ramp-per-minute N]
 *
 * Prints one JSON object. This process is the console (and the embedded broker, where it is that); the devices are in processes of their own, each with its own
 * TLS connection and the agent's own code. Memory, processor time and the delay of the event loop are the console's. `lost`: devices that do not run what their
 * rollout says they run, by what the devices themselves say; `twice`: devices that installed a version more than once.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import type { RolloutPolicy } from '../src/contract/records/rollout.ts';
import type { RouteInput, RouteName, RouteOutput } from '../src/contract/rpc/routes.ts';
import { createConsole } from '../src/console/create-console.ts';
import { createNodeProcessHost } from '../src/console/jobs/node-process-host.ts';
import { findEntries } from '../src/console/processes/entries.ts';
import { writeLargerModel, writeSmallModel } from '../src/console/testing/small-model.ts';
import { startMosquitto } from '../src/fleet/link/testing/brokers.ts';

const { values: flags } = parseArgs({
  options: { devices: { type: 'string', default: '2000' }, broker: { type: 'string', default: 'embedded' }, 'start-per-s': { type: 'string', default: '100' }, 'telemetry-s': { type: 'string', default: '60' }, rollouts: { type: 'string', default: '2' }, 'ramp-per-minute': { type: 'string' } },
});
const DEVICES = Number(flags.devices);
const RAMP = flags['ramp-per-minute'] === undefined ? null : Number(flags['ramp-per-minute']);
const HOUR = 3_600_000;
const WAIT_MS = 45 * 60_000;
const POLICY: RolloutPolicy = {
  approval: 'none', startAtMs: null, canary: 10, waves: { kind: 'growing', first: Math.ceil(DEVICES / 20), factor: 4 }, ramp: RAMP === null ? null : { basePerMinute: RAMP / 4, factor: 2, every: 100, maxPerMinute: RAMP }, store: { minServing: 0, smallStores: 'one_at_a_time', maxAtOnce: 10 },
  download: { kind: 'always' }, update: { kind: 'always' }, success: { atLeastShare: 0.95, minExecuted: 1 }, failures: [], gates: [], waveGates: { missedAtMostShare: 0.1, minDevices: 1 }, onGateFailure: 'pause', soakMs: 20_000,
  retries: { max: 3, baseMs: 1000, factor: 2, maxMs: 10_000 }, timeoutsMs: { downloading: HOUR, verifying: HOUR, benchmarking: HOUR, swapping: HOUR, confirming: HOUR, rolling_back: HOUR, wave: HOUR }, jitterMs: 2000, lateJoiners: 'ignore', tailMs: HOUR,
};
const GATES: RolloutPolicy['gates'] = [{ metric: 'latencyP95Ms', compare: 'ratio', limit: 1.2, minSamples: 20, required: false }];

const root = mkdtempSync(join(tmpdir(), 'fleet-load-'));
const console_ = await createConsole({ dataFolder: join(root, 'home'), processHost: createNodeProcessHost(), entries: findEntries(), host: 'browser', version: 'bench', log: (line) => (process.env['EW_LOG'] === undefined ? undefined : process.stderr.write(`${line}\n`)) });
let mosquitto: Awaited<ReturnType<typeof startMosquitto>> | undefined;

async function call<N extends RouteName>(route: N, input: RouteInput<N>): Promise<RouteOutput<N>> {
  const answer = await console_.router.call({ id: 1, route, input }, { trusted: true });
  if (!answer.ok) throw new Error(`${route}: ${answer.error.code} ${answer.error.message}`);
  return answer.data as RouteOutput<N>;
}
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
async function until(what: string, holds: () => Promise<boolean>, everyMs = 500): Promise<number> {
  const begun = performance.now();
  while (!(await holds())) {
    if (performance.now() - begun > WAIT_MS) throw new Error(`waited in vain for ${what}`);
    await sleep(everyMs);
  }
  return (performance.now() - begun) / 1000;
}
const note = (text: string): void => void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);

/** What the console is at while something goes on: sampled once a second, and the delay of its loop all the time. */
function watch(): { end(): { seconds: number; peakRssMb: number; cpuSeconds: number; messagesPerS: { mean: number; peak: number }; loopDelayMs: { p50: number; p99: number; max: number } } } {
  const begun = performance.now();
  const cpu = process.cpuUsage();
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  let peak = 0;
  const rates: number[] = [];
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
    void call('fleet.link', {}).then(({ status }) => rates.push(status.messagesPerS)).catch(() => {});
  }, 1000);
  return {
    end() {
      clearInterval(timer);
      delay.disable();
      const { user, system } = process.cpuUsage(cpu);
      const ms = (ns: number): number => Math.round(ns / 1e5) / 10;
      return {
        seconds: Math.round((performance.now() - begun) / 100) / 10, peakRssMb: Math.round(peak / 2 ** 20), cpuSeconds: Math.round((user + system) / 1e5) / 10,
        messagesPerS: { mean: Math.round(rates.reduce((sum, rate) => sum + rate, 0) / Math.max(1, rates.length)), peak: Math.round(Math.max(0, ...rates)) },
        loopDelayMs: { p50: ms(delay.percentile(50) - 1e7), p99: ms(delay.percentile(99) - 1e7), max: ms(delay.max - 1e7) },
      };
    },
  };
}

async function rollOut(version: number, gates: RolloutPolicy['gates']): Promise<{ id: string; figures: ReturnType<ReturnType<typeof watch>['end']>; waves: number; states: Record<string, number>; reasons: Record<string, number> }> {
  const watching = watch();
  const { rollout } = await call('rollouts.create', { name: `flow ${version}`, artifact: 'flow', version, filter: 'workload = customer-flow', policy: { ...POLICY, gates } });
  await call('rollouts.act', { id: rollout.id, action: 'submit', by: 'bench', note: '', confirm: null });
  let told = 0;
  await until(`rollout ${version}`, async () => {
    const { rollout: now, states } = await call('rollouts.get', { id: rollout.id });
    if (++told % 10 === 0) note(`${now.state} ${JSON.stringify(states)}`);
    if (now.state === 'paused' || now.state === 'stopped') throw new Error(`rollout ${version} ${now.state}: ${JSON.stringify([now.pause, states])}`);
    return now.state === 'finished';
  }, 1000);
  const { waves, states } = await call('rollouts.get', { id: rollout.id });
  const reasons: Record<string, number> = {};
  for (const { reason } of await call('rollouts.devices', { id: rollout.id })) if (reason !== null) reasons[reason] = (reasons[reason] ?? 0) + 1;
  return { id: rollout.id, figures: watching.end(), waves: waves.length, states: states as Record<string, number>, reasons };
}

/** Devices that said more than once that they took the new slot over. */
async function twice(rolloutId: string, sample: readonly string[]): Promise<number> {
  let count = 0;
  for (const id of sample) {
    const { events } = await call('fleet.device', { id });
    if (events.filter((event) => event.rolloutId === rolloutId && event.text.startsWith('confirming')).length > 1) count++;
  }
  return count;
}

try {
  writeLargerModel(join(root, 'larger.onnx'));
  writeSmallModel(join(root, 'small.onnx'));
  const digests: string[] = [];
  for (const file of ['larger.onnx', 'small.onnx']) {
    const model = await call('models.import', { path: join(root, file) });
    digests.push((await call('artifacts.publish', { modelId: model.id, artifact: 'flow', workload: 'customer-flow', deviceClasses: [], hardware: ['linux-x64'], validForDays: 30 })).digest);
  }
  const { settings } = await call('fleet.link', {});
  const own = { ...settings, enabled: true, brokerPort: 0, artifactsPort: 0 };
  await call('fleet.setLink', own);
  await until('the line', async () => (await call('fleet.link', {})).status.state === 'on');
  if (flags.broker === 'mosquitto') {
    // A broker that the operator runs: with the console's authority, which vouches for the devices.
    const kept = (name: string): { certPem: string; keyPem: string } => JSON.parse(readFileSync(join(root, 'home', 'link', name), 'utf8')) as { certPem: string; keyPem: string };
    const [authority, server, mine] = [kept('authority.json'), kept('server.json'), kept('console.json')];
    mosquitto = await startMosquitto({ ...server, authorityPem: authority.certPem });
    const file = (name: string, text: string): string => {
      writeFileSync(join(root, name), text, { mode: 0o600 });
      return join(root, name);
    };
    await call('fleet.setLink', { ...own, external: { url: mosquitto.url, authorityPath: file('authority.pem', authority.certPem), certificatePath: file('console.pem', mine.certPem), keyPath: file('console-key.pem', mine.keyPem) } });
    await until('the line over Mosquitto', async () => (await call('fleet.link', {})).status.state === 'on');
  }
  note('registering and certifying');
  const registering = watch();
  await console_.demo.start({ stores: DEVICES, devicesPerStore: 1, startPerS: Number(flags['start-per-s']), telemetryEveryMs: Number(flags['telemetry-s']) * 1000 });
  const registered = registering.end();
  note(`registered in ${registered.seconds} s; connecting`);
  const connecting = watch();
  await until('all to connect', async () => {
    const { online } = await call('fleet.overview', {});
    if (Math.random() < 0.1) note(`${online} online`);
    return online === DEVICES;
  });
  const connected = connecting.end();
  note('first rollout');
  const first = await rollOut(1, []);
  note('second rollout');
  const second = flags.rollouts === '1' ? null : await rollOut(2, GATES);
  const last = second ?? first;
  const wanted = second === null ? 1 : 2;
  await sleep(5000);
  const rows = await call('fleet.devices', {});
  const said = console_.demo.status();
  const succeeded = new Set((await call('rollouts.devices', { id: last.id })).filter(({ state }) => state === 'succeeded' || state === 'already_installed').map(({ deviceId }) => deviceId));
  // What the console believes against what each device last said of itself, and the count that the process of the devices gives.
  const lost = rows.filter(({ id, digest }) => succeeded.has(id) !== (digest === digests[wanted - 1])).length + Math.abs((said?.running[`flow ${wanted}`] ?? 0) - succeeded.size);
  console.log(JSON.stringify({
    devices: DEVICES, broker: flags.broker, telemetryEverySeconds: Number(flags['telemetry-s']),
    registered, connected: { ...connected, perS: Math.round(DEVICES / connected.seconds) },
    first: { ...first.figures, waves: first.waves, states: first.states, reasons: first.reasons }, second: second === null ? null : { ...second.figures, waves: second.waves, states: second.states, reasons: second.reasons },
    devicesProcess: { rssMb: Math.round((said?.rssBytes ?? 0) / 2 ** 20), cpuSeconds: Math.round((said?.cpuMs ?? 0) / 1000), connected: said?.connected, running: said?.running, waitingReports: said?.waitingReports },
    lost, twice: (await twice(first.id, rows.map(({ id }) => id))) + (second === null ? 0 : await twice(second.id, rows.map(({ id }) => id))),
  }, null, 2));
} finally {
  await console_.demo.stop(false);
  await console_.close();
  await mosquitto?.close();
  rmSync(root, { recursive: true, force: true });
}
