/**
 * A rollout with nothing in place of anything but the devices' hardware, over the console's own broker and over a real Mosquitto: devices that join with
 * claims, signed artifacts, canary, second wave, and a slower version that its own gate sends back.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RolloutPolicy } from '../../contract/records/rollout.ts';
import type { ArtifactRecord, RolloutSummary } from '../../contract/rpc/rollout-routes.ts';
import type { RouteInput, RouteName, RouteOutput } from '../../contract/rpc/routes.ts';
import { parseClaimCode } from '../../contract/wire/enrolment.ts';
import type { Agent } from '../../fleet/agent/create-agent.ts';
import { createSimulatedDevice } from '../../fleet/agent/simulate/simulated-device.ts';
import { enrol } from '../../fleet/link/http/enrol.ts';
import { createDeviceRequest } from '../../fleet/link/pki/authority.ts';
import { MOSQUITTO, startMosquitto } from '../../fleet/link/testing/brokers.ts';
import { createConsole, type Console } from '../create-console.ts';
import { createNodeProcessHost } from '../jobs/node-process-host.ts';
import { findEntries } from '../processes/entries.ts';
import { auditOf } from '../testing/fleet-calls.ts';
import { writeLargerModel, writeSmallModel } from '../testing/small-model.ts';

const QUICK = { telemetryEveryMs: 1000, framesPerS: 50, frameBatchMs: 200, confirmInferences: 3, progressEveryMs: 50, benchmark: { runs: 40, maxMs: 2000, stretchMs: 0 } };
const HOUR = 3_600_000;
const POLICY: RolloutPolicy = {
  approval: 'other_person', startAtMs: null, canary: 1, waves: { kind: 'sizes', sizes: [] }, ramp: null, store: { minServing: 0, smallStores: 'one_at_a_time', maxAtOnce: 10 },
  download: { kind: 'always' }, update: { kind: 'always' }, success: { atLeastShare: 1, minExecuted: 1 }, failures: [],
  gates: [{ metric: 'latencyP95Ms', compare: 'ratio', limit: 1.2, minSamples: 20, required: true }], waveGates: { missedAtMostShare: 0, minDevices: 1 }, onGateFailure: 'roll_back', soakMs: 4000,
  retries: { max: 2, baseMs: 200, factor: 2, maxMs: 1000 }, timeoutsMs: { downloading: HOUR, verifying: HOUR, benchmarking: HOUR, swapping: HOUR, confirming: HOUR, rolling_back: HOUR, wave: HOUR },
  jitterMs: 0, lateJoiners: 'ignore', tailMs: HOUR,
};

let root: string;
let mosquitto: Awaited<ReturnType<typeof startMosquitto>> | undefined;
let console: Console;
const agents: Agent[] = [];
const published: ArtifactRecord[] = [];

async function call<N extends RouteName>(route: N, input: RouteInput<N>): Promise<RouteOutput<N>> {
  const answer = await console.router.call({ id: 1, route, input }, { trusted: true });
  if (!answer.ok) throw Object.assign(new Error(`${answer.error.code} ${answer.error.message}`), answer.error);
  return answer.data as RouteOutput<N>;
}

async function until<T>(what: string, read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  let value = await read();
  for (let tries = 0; tries < 300 && !holds(value); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    value = await read();
  }
  if (!holds(value)) throw new Error(`waited in vain for ${what}: ${JSON.stringify(value).slice(0, 2000)}`);
  return value;
}

async function join_(deviceId: string): Promise<Agent> {
  const { code } = await call('fleet.claim', { deviceId, storeId: 's1', class: 'edge-box', workload: 'customer-flow', validForMs: 600_000 });
  const claim = parseClaimCode(code);
  if (claim === null) throw new Error('no claim');
  const { keyPem, csrPem, fingerprint } = await createDeviceRequest();
  const inventory = { agentVersion: '1', hardware: 'linux-x64', cpu: 'test', cores: 1, memoryBytes: 1, freeDiskBytes: 1, os: 'test', accelerators: [], runtimes: [], energy: null };
  const joining = enrol({ claim, request: { csrPem, fingerprint, deviceId: null, inventory }, signal: new AbortController().signal });
  const [waiting] = await until('the request', () => call('fleet.enrolments', {}), (list) => list[0]?.state === 'waiting');
  expect(waiting?.fingerprint).toBe(fingerprint);
  await call('fleet.accept', { id: waiting?.id ?? '' });
  const agent = createSimulatedDevice({ joined: await joining, keyPem, seed: 1, options: QUICK, log: (line) => process.env['EW_LOG'] && process.stderr.write(`${deviceId} ${line}\n`), retry: { firstMs: 50, mostMs: 200 } });
  agents.push(agent);
  await agent.start();
  await until('the birth', () => call('fleet.device', { id: deviceId }), ({ row }) => row.presence === 'online');
  return agent;
}

const act = (id: string, action: RouteInput<'rollouts.act'>['action'], by = 'ann', confirm: string | null = null): Promise<RolloutSummary> => call('rollouts.act', { id, action, by, note: '', confirm });

async function rollOut(artifact: ArtifactRecord, name: string, policy: RolloutPolicy = POLICY): Promise<string> {
  const { rollout } = await call('rollouts.create', { name, artifact: artifact.artifact, version: artifact.version, filter: 'store = s1', policy });
  await act(rollout.id, 'submit');
  await act(rollout.id, 'approve', 'bob');
  return rollout.id;
}

async function ended(id: string, state: string): Promise<RolloutSummary> {
  try {
    return await until(state, () => call('rollouts.get', { id }), ({ rollout }) => rollout.state === state);
  } catch {
    const { rollout, waves, states, tail } = await call('rollouts.get', { id });
    throw new Error(JSON.stringify({ state: rollout.state, pause: rollout.pause, waves: waves.map((wave) => [wave.state, wave.reason]), states, tail, audit: (await auditOf(call, id)).map(({ subject, event, to, note }) => `${subject.id} ${event} ${to} ${note}`) }, null, 1));
  }
}

async function begin(broker: 'embedded' | 'mosquitto'): Promise<void> {
  root = mkdtempSync(join(tmpdir(), 'edgewise-story-'));
  console = await createConsole({ dataFolder: join(root, 'home'), processHost: createNodeProcessHost(), entries: findEntries(), host: 'browser', version: 'test', checkOutputs: true });
  writeSmallModel(join(root, 'small.onnx'));
  writeLargerModel(join(root, 'larger.onnx'));
  for (const file of ['larger.onnx', 'small.onnx', 'larger.onnx']) {
    const model = await call('models.import', { path: join(root, file) });
    published.push(await call('artifacts.publish', { modelId: model.id, artifact: 'flow', workload: 'customer-flow', deviceClasses: [], hardware: ['linux-x64'], validForDays: 30 }));
  }
  await call('fleet.saveStore', { id: 's1', name: 'One', region: 'East', timeZone: 'Asia/Shanghai', openingHours: [], tariffCnyPerKwh: null, linkKbitPerS: null, latitude: null, longitude: null });
  const { settings } = await call('fleet.link', {});
  expect(settings.enabled).toBe(false);
  await call('fleet.setLink', { ...settings, enabled: true, brokerPort: 0, artifactsPort: 0 });
  await until('the line', () => call('fleet.link', {}), ({ status }) => status.state === 'on');
  if (broker === 'embedded') return;
  // A broker that the operator runs: with the console's authority, which vouches for the devices.
  const kept = (name: string): { certPem: string; keyPem: string } => JSON.parse(readFileSync(join(root, 'home', 'link', name), 'utf8')) as { certPem: string; keyPem: string };
  const [authority, server, own] = [kept('authority.json'), kept('server.json'), kept('console.json')];
  mosquitto = await startMosquitto({ ...server, authorityPem: authority.certPem });
  const file = (name: string, text: string): string => {
    writeFileSync(join(root, name), text, { mode: 0o600 });
    return join(root, name);
  };
  const external = { url: mosquitto.url, authorityPath: file('authority.pem', authority.certPem), certificatePath: file('console.pem', own.certPem), keyPath: file('console-key.pem', own.keyPem) };
  await call('fleet.setLink', { ...settings, enabled: true, artifactsPort: 0, external });
  await until('the line over Mosquitto', () => call('fleet.link', {}), ({ status }) => status.state === 'on' && status.broker === 'external');
}

async function end(): Promise<void> {
  await Promise.all(agents.splice(0).map((agent) => agent.stop()));
  published.length = 0;
  await console.close();
  await mosquitto?.close();
  mosquitto = undefined;
  rmSync(root, { recursive: true, force: true });
}

describe.each(['embedded', 'mosquitto'] as const)('a rollout over the real line, %s broker', (broker) => {
  const skip = broker === 'mosquitto' && MOSQUITTO === undefined;
  beforeAll(async () => {
    if (!skip) await begin(broker);
  }, 60_000);
  afterAll(async () => {
    if (!skip) await end();
  });

  it.skipIf(skip)('devices join, install the first version, and say so themselves', { timeout: 60_000 }, async () => {
    await join_('d1');
    await join_('d2');
    const [first] = published;
    const id = await rollOut(first as ArtifactRecord, 'first', { ...POLICY, gates: [] });
    const done = await ended(id, 'finished');
    expect(done.states).toEqual({ succeeded: 2 });
    expect(done.waves.map(({ state }) => state)).toEqual(['passed', 'passed']);
    for (const row of await call('fleet.devices', {})) expect(row).toMatchObject({ digest: first?.digest, version: 1, simulated: true });
  });

  it.skipIf(skip)('a faster version passes its gate on each device; its telemetry arrives', { timeout: 60_000 }, async () => {
    const [, second] = published;
    const id = await rollOut(second as ArtifactRecord, 'second');
    const done = await ended(id, 'finished');
    expect(done.states).toEqual({ succeeded: 2 });
    const devices = await call('rollouts.devices', { id });
    for (const device of devices) expect(device.gates[0]).toMatchObject({ verdict: 'met' });
    const { rows, simulated } = await until('telemetry of it', () => call('fleet.telemetry', { id: 'd1', fromMs: 0, toMs: Date.now() + HOUR }), (found) => found.rows.at(-1)?.digest === second?.digest);
    expect(simulated).toBe(true);
    expect(rows.at(-1)?.inferences).toBeGreaterThan(0);
    const audit = await auditOf(call, id);
    expect(audit.find(({ event }) => event === 'approve_by_other')).toMatchObject({ actor: { kind: 'person', id: 'bob' } });
    expect((await call('rollouts.auditCsv', { id, after: null })).text.split('\r\n').length).toBe(audit.length + 2);
  });

  it.skipIf(skip)('a slower version is refused by the gate of the canary, and nobody keeps it', { timeout: 60_000 }, async () => {
    const [, second, third] = published;
    const id = await rollOut(third as ArtifactRecord, 'third');
    const done = await ended(id, 'rolled_back');
    expect(done.states['succeeded']).toBeUndefined();
    expect(done.states['rejected']).toBe(1);
    for (const row of await call('fleet.devices', {})) expect(row.digest).toBe(second?.digest);
  });

  it.skipIf(skip)('nobody approves his own rollout, and what does harm wants the name typed', async () => {
    const [, second] = published;
    const { rollout } = await call('rollouts.create', { name: 'own', artifact: 'flow', version: second?.version ?? 0, filter: '', policy: POLICY });
    await act(rollout.id, 'submit', rollout.author);
    await expect(act(rollout.id, 'approve', rollout.author)).rejects.toThrow();
    await expect(act(rollout.id, 'stop', 'bob', 'something else')).rejects.toMatchObject({ code: 'CONFLICT' });
    expect((await call('rollouts.preview', { name: 'x', artifact: 'flow', version: 2, filter: 'regio = x', policy: POLICY })).filterError).toMatchObject({ at: 0 });
    const { risks, waves } = await call('rollouts.preview', { name: 'x', artifact: 'flow', version: 2, filter: '', policy: POLICY });
    // A canary of devices that run it already would prove nothing: all come in one wave.
    expect(waves.map(({ kind, deviceIds }) => [kind, deviceIds.length])).toEqual([['wave', 2]]);
    expect(risks.map(({ code }) => code)).toContain('already_installed');
    await act(rollout.id, 'withdraw');
  });

  it.skipIf(skip)('a device that comes while a rollout runs joins its last wave', { timeout: 60_000 }, async () => {
    const [, , third] = published;
    // Its window is three days away, so that it stays open.
    const days = [((new Date().getUTCDay() + 2) % 7) + 1];
    const policy: RolloutPolicy = { ...POLICY, approval: 'none', gates: [], lateJoiners: 'last_wave', update: { kind: 'weekly', spans: [{ days, from: '03:00', to: '03:01' }] } };
    const { rollout } = await call('rollouts.create', { name: 'open', artifact: 'flow', version: third?.version ?? 0, filter: 'store = s1', policy });
    await act(rollout.id, 'submit');
    await until('its begin', () => call('rollouts.get', { id: rollout.id }), ({ rollout: { state } }) => state === 'running');
    await join_('d3');
    await until('it to join', () => call('rollouts.devices', { id: rollout.id }), (devices) => devices.some(({ deviceId }) => deviceId === 'd3'));
    await act(rollout.id, 'stop', 'bob', 'open');
  });

  it.skipIf(skip || broker === 'embedded')('a broker that is killed again and again in the middle loses no order and has none carried out twice', { timeout: 90_000 }, async () => {
    const [, , third] = published;
    const id = await rollOut(third as ArtifactRecord, 'through crashes', { ...POLICY, canary: 0, gates: [], soakMs: 0 });
    const seen = new Set<string>();
    for (let tries = 0; tries < 300 && seen.size < 3; tries++) {
      const { states, rollout } = await call('rollouts.get', { id });
      if (rollout.state === 'finished') break;
      const now = JSON.stringify(states);
      if (!seen.has(now)) await mosquitto?.crash();
      seen.add(now);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(seen.size).toBeGreaterThanOrEqual(2);
    expect((await ended(id, 'finished')).states).toEqual({ succeeded: 3 });
    for (const row of await call('fleet.devices', {})) expect(row.digest).toBe(third?.digest);
    for (const deviceId of ['d1', 'd2', 'd3']) {
      const { events } = await call('fleet.device', { id: deviceId });
      expect(events.filter(({ rolloutId, text }) => rolloutId === id && text === 'confirming')).toHaveLength(1);
    }
  });

  // An external broker asks no registry: there the revocation list is the operator's.
  it.skipIf(skip || broker === 'mosquitto')('a device that is shut out loses its session and its way to artifacts at once', { timeout: 30_000 }, async () => {
    await call('fleet.revokeDevice', { id: 'd2', confirm: 'd2' });
    await until('its absence', () => call('fleet.device', { id: 'd2' }), ({ row }) => row.presence === 'offline');
    expect((await call('fleet.device', { id: 'd2' })).row.credential).toBe('revoked');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((await call('fleet.device', { id: 'd2' })).row.presence).toBe('offline');
  });
});
