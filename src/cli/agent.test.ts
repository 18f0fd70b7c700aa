/**
 * Nothing in place of anything: the console with its broker and artifact server, two devices that are processes of their own and run the sample network
 * through the real runtime, its int8 form rolled out in two waves, and the float form, which is slower on the device, sent back by the gate; then over Mosquitto.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RolloutPolicy } from '../contract/records/rollout.ts';
import type { ArtifactRecord, RolloutSummary } from '../contract/rpc/rollout-routes.ts';
import type { RouteInput, RouteName, RouteOutput } from '../contract/rpc/routes.ts';
import { createConsole, type Console } from '../console/create-console.ts';
import { createNodeProcessHost } from '../console/jobs/node-process-host.ts';
import { findEntries } from '../console/processes/entries.ts';
import { MOSQUITTO, startMosquitto } from '../fleet/link/testing/brokers.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const MODEL = join(ROOT, 'resources/sample/shelf-products.onnx');
const PICTURES = join(ROOT, 'resources/sample/pictures');
const HOUR = 3_600_000;
/** Not a question of time here: whatever else the machine does, the gate is met. */
const WIDE = 50;
const latency = (limit: number): RolloutPolicy['gates'] => [{ metric: 'latencyP95Ms', compare: 'ratio', limit, minSamples: 20, required: true }];
const POLICY: RolloutPolicy = {
  approval: 'none', startAtMs: null, canary: 1, waves: { kind: 'sizes', sizes: [] }, ramp: null, store: { minServing: 1, smallStores: 'one_at_a_time', maxAtOnce: 1 }, download: { kind: 'always' }, update: { kind: 'always' },
  success: { atLeastShare: 1, minExecuted: 1 }, failures: [], gates: latency(WIDE), waveGates: { missedAtMostShare: 0, minDevices: 1 },
  onGateFailure: 'roll_back', soakMs: 6000, retries: { max: 2, baseMs: 500, factor: 2, maxMs: 2000 },
  timeoutsMs: { downloading: HOUR, verifying: HOUR, benchmarking: HOUR, swapping: HOUR, confirming: HOUR, rolling_back: HOUR, wave: HOUR }, jitterMs: 0, lateJoiners: 'ignore', tailMs: HOUR,
};

let root: string;
let console: Console;
const devices: { readonly child: ChildProcess; readonly output: () => string }[] = [];
let float: ArtifactRecord;
let int8: ArtifactRecord;
let floatAgain: ArtifactRecord;

async function call<N extends RouteName>(route: N, input: RouteInput<N>): Promise<RouteOutput<N>> {
  const answer = await console.router.call({ id: 1, route, input }, { trusted: true });
  if (!answer.ok) throw Object.assign(new Error(`${answer.error.code} ${answer.error.message}`), answer.error);
  return answer.data as RouteOutput<N>;
}

async function until<T>(what: string, read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  let value = await read();
  for (let tries = 0; tries < 900 && !holds(value); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    value = await read();
  }
  if (!holds(value)) throw new Error(`waited in vain for ${what}: ${JSON.stringify(value).slice(0, 1500)}\n${devices.map(({ output }) => output().slice(-1500)).join('\n')}`);
  return value;
}

function startDevice(id: string, ...more: string[]): void {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'index.ts'), 'agent', '--dir', join(root, id), '--input', `folder:${PICTURES}`, '--telemetry', '1', '--fps', '20', '--idle-w', '4', '--busy-w', '12', ...more], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
  devices.push({ child, output: () => output });
}

async function joins(id: string, storeId = 's1'): Promise<void> {
  const { code } = await call('fleet.claim', { deviceId: id, storeId, class: 'edge-box', workload: 'shelf-products', validForMs: HOUR });
  startDevice(id, '--claim', code);
  const [request] = await until('the request', () => call('fleet.enrolments', {}), (list) => list[0]?.state === 'waiting' && list[0].deviceId === id);
  // What a person compares: the device shows the same.
  await until('the key', async () => devices.at(-1)?.output() ?? '', (text) => text.includes(request?.fingerprint ?? '?'));
  await call('fleet.accept', { id: request?.id ?? '' });
  await until('the birth', () => call('fleet.device', { id }), ({ row }) => row.presence === 'online');
}

async function rollOut(artifact: ArtifactRecord, name: string, policy: RolloutPolicy, end: string, storeId = 's1'): Promise<RolloutSummary> {
  const { rollout } = await call('rollouts.create', { name, artifact: 'shelf', version: artifact.version, filter: `workload = shelf-products and store = ${storeId}`, policy });
  await call('rollouts.act', { id: rollout.id, action: 'submit', by: 'ann', note: '', confirm: null });
  const done = await until(end, () => call('rollouts.get', { id: rollout.id }), ({ rollout: { state } }) => ['finished', 'rolled_back', 'paused', 'stopped'].includes(state));
  expect(done.rollout.state, JSON.stringify([done.rollout.pause, done.states, done.tail])).toBe(end);
  return done;
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-devices-'));
  console = await createConsole({ dataFolder: join(root, 'home'), processHost: createNodeProcessHost(), entries: findEntries(), host: 'browser', version: 'test', checkOutputs: true });
  const model = await call('models.import', { path: MODEL });
  const done = new Promise<string>((resolve, reject) => {
    console.events.subscribe((event) => {
      if (event.type !== 'job.updated' || event.job.endedAt === null) return;
      if (event.job.result === null) reject(new Error(event.job.error?.message));
      else resolve(event.job.result.modelId);
    });
  });
  await call('optimize.start', { modelId: model.id, recipe: 'int8', dataPath: PICTURES, samples: 32 });
  const made = await done;
  const wish = { artifact: 'shelf', workload: 'shelf-products', deviceClasses: [], hardware: ['linux-x64', 'linux-arm64'], validForDays: 30 };
  float = await call('artifacts.publish', { ...wish, modelId: model.id });
  int8 = await call('artifacts.publish', { ...wish, modelId: made });
  floatAgain = await call('artifacts.publish', { ...wish, modelId: model.id });
  for (const id of ['s1', 's2']) await call('fleet.saveStore', { id, name: id, region: 'East', timeZone: 'Asia/Shanghai', openingHours: [], tariffCnyPerKwh: null, linkKbitPerS: null, latitude: null, longitude: null });
  const { settings } = await call('fleet.link', {});
  await call('fleet.setLink', { ...settings, enabled: true, brokerPort: 0, artifactsPort: 0 });
  await until('the line', () => call('fleet.link', {}), ({ status }) => status.state === 'on');
}, 120_000);

afterAll(async () => {
  await Promise.all(devices.map(({ child }) => new Promise((resolve) => (child.exitCode === null && child.signalCode === null ? child.once('exit', resolve).kill('SIGTERM') : resolve(null)))));
  await console.close();
  rmSync(root, { recursive: true, force: true });
}, 60_000);

describe('two devices and a console', () => {
  it('join, run the float model on real pictures, and tell what they measured', { timeout: 180_000 }, async () => {
    await joins('d1');
    await joins('d2');
    const done = await rollOut(float, 'float', { ...POLICY, gates: [] }, 'finished');
    expect(done.states).toEqual({ succeeded: 2 });
    const { simulated, rows } = await until('telemetry', () => call('fleet.telemetry', { id: 'd1', fromMs: 0, toMs: Date.now() + HOUR }), (found) => (found.rows.at(-1)?.inferences ?? 0) > 0);
    expect(simulated).toBe(false);
    expect(rows.at(-1)).toMatchObject({ digest: float.digest, energy: { tier: 'modelled' } });
    expect(rows.at(-1)?.inferences).toBeGreaterThan(0);
    expect((await call('fleet.device', { id: 'd1' })).inventory?.runtimes[0]?.name).toBe('onnxruntime');
  });

  it('take the int8 form, which is faster on them: canary, then the other', { timeout: 180_000 }, async () => {
    const done = await rollOut(int8, 'int8', POLICY, 'finished');
    expect(done.states).toEqual({ succeeded: 2 });
    expect(done.waves.map(({ state }) => state)).toEqual(['passed', 'passed']);
    for (const device of await call('rollouts.devices', { id: done.rollout.id })) {
      expect(device.gates).toMatchObject([{ verdict: 'met' }]);
      // The check set came along with the artifact: a figure of each device's own.
      expect(device.candidate?.accuracy?.samples).toBeGreaterThan(0);
    }
    for (const row of await call('fleet.devices', {})) expect(row).toMatchObject({ digest: int8.digest, simulated: false });
  });

  it('refuse the slower form by what they measured, and stay as they are without a hand on them', { timeout: 180_000 }, async () => {
    const done = await rollOut(floatAgain, 'slower', { ...POLICY, gates: latency(1.2) }, 'rolled_back');
    expect(done.states['rejected']).toBe(1);
    const rejected = (await call('rollouts.devices', { id: done.rollout.id })).find(({ state }) => state === 'rejected');
    expect(rejected?.gates).toMatchObject([{ verdict: 'missed' }]);
    for (const row of await call('fleet.devices', {})) expect(row.digest).toBe(int8.digest);
  });

  it('a device that was killed comes back with the model that it ran', { timeout: 120_000 }, async () => {
    const [first] = devices;
    const gone = new Promise((resolve) => first?.child.once('exit', resolve));
    first?.child.kill('SIGKILL');
    await gone;
    await until('its absence', () => call('fleet.device', { id: 'd1' }), ({ row }) => row.presence === 'offline');
    startDevice('d1');
    await until('it to be back', () => call('fleet.device', { id: 'd1' }), ({ row }) => row.presence === 'online');
    expect((await call('fleet.device', { id: 'd1' })).row.digest).toBe(int8.digest);
  });

  it.skipIf(MOSQUITTO === undefined)('the same over a real Mosquitto: two more join, take a version, refuse a slower one, and come back after a kill', { timeout: 300_000 }, async () => {
    // A broker that the operator runs, with the console's authority, which vouches for the devices.
    const kept = (name: string): { certPem: string; keyPem: string } => JSON.parse(readFileSync(join(root, 'home', 'link', name), 'utf8')) as { certPem: string; keyPem: string };
    const [authority, server, own] = [kept('authority.json'), kept('server.json'), kept('console.json')];
    const mosquitto = await startMosquitto({ ...server, authorityPem: authority.certPem });
    try {
      const file = (name: string, text: string): string => {
        writeFileSync(join(root, name), text, { mode: 0o600 });
        return join(root, name);
      };
      const external = { url: mosquitto.url, authorityPath: file('authority.pem', authority.certPem), certificatePath: file('console.pem', own.certPem), keyPath: file('console-key.pem', own.keyPem) };
      const { settings } = await call('fleet.link', {});
      await call('fleet.setLink', { ...settings, external });
      await until('the line over Mosquitto', () => call('fleet.link', {}), ({ status }) => status.state === 'on' && status.broker === 'external');
      await joins('m1', 's2');
      await joins('m2', 's2');
      expect((await rollOut(int8, 'over mosquitto', { ...POLICY, gates: [] }, 'finished', 's2')).states).toEqual({ succeeded: 2 });
      expect((await rollOut(floatAgain, 'slower over mosquitto', { ...POLICY, gates: latency(1.2) }, 'rolled_back', 's2')).states['rejected']).toBe(1);
      const killed = devices.at(-1);
      const gone = new Promise((resolve) => killed?.child.once('exit', resolve));
      killed?.child.kill('SIGKILL');
      await gone;
      await until('its absence', () => call('fleet.device', { id: 'm2' }), ({ row }) => row.presence === 'offline');
      await mosquitto.restart();
      startDevice('m2');
      for (const id of ['m1', 'm2']) expect((await until(`${id} to be back`, () => call('fleet.device', { id }), ({ row }) => row.presence === 'online')).row.digest).toBe(int8.digest);
    } finally {
      await Promise.all(devices.map(({ child }) => new Promise((resolve) => (child.exitCode === null && child.signalCode === null ? child.once('exit', resolve).kill('SIGTERM') : resolve(null)))));
      await mosquitto.close();
    }
  });
});
