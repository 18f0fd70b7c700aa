/** For tests: what a person does to have a fleet, by the console's own routes. The console may be in this process or in another. */
import { join } from 'node:path';
import type { RolloutPolicy } from '../../contract/records/rollout.ts';
import type { ArtifactRecord, RolloutSummary } from '../../contract/rpc/rollout-routes.ts';
import type { RouteInput, RouteName, RouteOutput } from '../../contract/rpc/routes.ts';
import { parseClaimCode } from '../../contract/wire/enrolment.ts';
import { enrol, type AcceptedEnrolment } from '../../fleet/link/http/enrol.ts';
import { createDeviceRequest } from '../../fleet/link/pki/authority.ts';
import type { Console } from '../create-console.ts';
import { writeLargerModel, writeSmallModel } from './small-model.ts';

export type Call = <N extends RouteName>(route: N, input: RouteInput<N>) => Promise<RouteOutput<N>>;

const HOUR = 3_600_000;
/** Nothing in it waits for a clock. */
export const QUICK_POLICY: RolloutPolicy = {
  approval: 'none', startAtMs: null, canary: 0, waves: { kind: 'sizes', sizes: [] }, ramp: null, store: { minServing: 0, smallStores: 'one_at_a_time', maxAtOnce: 100 }, download: { kind: 'always' }, update: { kind: 'always' },
  success: { atLeastShare: 1, minExecuted: 1 }, failures: [], gates: [], waveGates: { missedAtMostShare: 1, minDevices: 1 }, onGateFailure: 'pause', soakMs: 0, retries: { max: 10, baseMs: 100, factor: 1, maxMs: 200 },
  timeoutsMs: { downloading: HOUR, verifying: HOUR, benchmarking: HOUR, swapping: HOUR, confirming: HOUR, rolling_back: HOUR, wave: HOUR }, jitterMs: 0, lateJoiners: 'ignore', tailMs: HOUR,
};

export function callsOf(console: Pick<Console, 'router'>): Call {
  return async <N extends RouteName>(route: N, input: RouteInput<N>): Promise<RouteOutput<N>> => {
    const answer = await console.router.call({ id: 1, route, input }, { trusted: true });
    if (!answer.ok) throw Object.assign(new Error(`${route}: ${answer.error.code} ${answer.error.message}`), { code: answer.error.code });
    return answer.data as RouteOutput<N>;
  };
}

/** All of a rollout's audit, the oldest entry first, read in small pages. */
export async function auditOf(call: Call, id: string): Promise<RouteOutput<'rollouts.audit'>['entries']> {
  const entries: RouteOutput<'rollouts.audit'>['entries'] = [];
  for (let before: number | null = null, more = true; more; more = before !== null) {
    const page: RouteOutput<'rollouts.audit'> = await call('rollouts.audit', { id, before, limit: 100 });
    entries.push(...page.entries);
    before = page.older;
  }
  return entries.reverse();
}

/** @throws what it was like in the end, where it does not hold in time */
export async function until<T>(what: string, read: () => Promise<T> | T, holds: (value: T) => boolean, forMs = 60_000): Promise<T> {
  const end = performance.now() + forMs;
  let value = await read();
  while (!holds(value)) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what}: ${JSON.stringify(value)?.slice(0, 3000)}`);
    await new Promise((resolve) => setTimeout(resolve, 40));
    value = await read();
  }
  return value;
}

export interface FleetPorts {
  readonly brokerPort?: number;
  readonly artifactsPort?: number;
}

/** A store `s1` and the line, up. */
export async function openLine(call: Call, { brokerPort = 0, artifactsPort = 0 }: FleetPorts = {}): Promise<void> {
  await call('fleet.saveStore', { id: 's1', name: 'One', region: 'East', timeZone: 'Asia/Shanghai', openingHours: [], tariffCnyPerKwh: null, linkKbitPerS: null, latitude: null, longitude: null });
  const { settings } = await call('fleet.link', {});
  await call('fleet.setLink', { ...settings, enabled: true, brokerPort, artifactsPort });
  await until('the line', () => call('fleet.link', {}), ({ status }) => status.state === 'on');
}

/** Imports the small model, and one that is two megabytes larger. @returns publishes the one or the other as the next version of `flow` */
export async function importModels(call: Call, folder: string): Promise<(size: 'small' | 'larger', seed?: number) => Promise<ArtifactRecord>> {
  const ids = new Map<string, string>();
  const idOf = async (size: 'small' | 'larger', seed: number): Promise<string> => {
    const name = `${size}-${seed}.onnx`;
    const known = ids.get(name);
    if (known !== undefined) return known;
    if (size === 'small') writeSmallModel(join(folder, name), seed);
    else writeLargerModel(join(folder, name), seed);
    const { id } = await call('models.import', { path: join(folder, name) });
    ids.set(name, id);
    return id;
  };
  return async (size, seed = 1) => call('artifacts.publish', { modelId: await idOf(size, seed), artifact: 'flow', workload: 'customer-flow', deviceClasses: [], hardware: ['linux-x64', 'linux-arm64'], validForDays: 30 });
}

/** A device that has asked to join and was let in. */
export interface EnrolledDevice {
  readonly joined: AcceptedEnrolment;
  readonly request: Awaited<ReturnType<typeof createDeviceRequest>>;
}

export async function enrolDevice(call: Call, deviceId: string, storeId = 's1'): Promise<EnrolledDevice> {
  const { code } = await call('fleet.claim', { deviceId, storeId, class: 'edge-box', workload: 'customer-flow', validForMs: 600_000 });
  const claim = parseClaimCode(code);
  if (claim === null) throw new Error('the console gave no claim code');
  const request = await createDeviceRequest();
  const inventory = { agentVersion: '1', hardware: 'linux-x64', cpu: 'test', cores: 1, memoryBytes: 1, freeDiskBytes: 1, os: 'test', accelerators: [], runtimes: [], energy: null };
  const joining = enrol({ claim, request: { csrPem: request.csrPem, fingerprint: request.fingerprint, deviceId: null, inventory }, signal: new AbortController().signal });
  const asked = await until('the request', () => call('fleet.enrolments', {}), (list) => list.some((each) => each.deviceId === deviceId && each.state === 'waiting'));
  await call('fleet.accept', { id: asked.find((each) => each.deviceId === deviceId)?.id ?? '' });
  return { joined: await joining, request };
}

export async function submit(call: Call, artifact: ArtifactRecord, name: string, policy: Partial<RolloutPolicy> = {}): Promise<string> {
  const { rollout } = await call('rollouts.create', { name, artifact: artifact.artifact, version: artifact.version, filter: 'store = s1', policy: { ...QUICK_POLICY, ...policy } });
  await call('rollouts.act', { id: rollout.id, action: 'submit', by: 'ann', note: '', confirm: null });
  return rollout.id;
}

const AT_REST = new Set(['finished', 'rolled_back', 'paused', 'stopped']);

/** Waits until the rollout has come to rest in one of these states. @throws all about it where it has not */
export async function comesTo(call: Call, id: string, states: readonly RolloutSummary['rollout']['state'][], forMs = 120_000): Promise<RolloutSummary> {
  let last: RolloutSummary | undefined;
  try {
    last = await until(states.join(' or '), () => call('rollouts.get', { id }), ({ rollout }) => states.includes(rollout.state) || AT_REST.has(rollout.state), forMs);
    if (states.includes(last.rollout.state)) return last;
  } catch {
    // What it was like is told below.
  }
  const { rollout, waves, states: count, tail } = await call('rollouts.get', { id });
  const audit = (await auditOf(call, id)).map(({ subject, event, to, note }) => `${subject.id} ${event} ${to} ${note}`);
  throw new Error(`the rollout did not come to ${states.join(' or ')}: ${JSON.stringify({ state: rollout.state, pause: rollout.pause, waves: waves.map((wave) => [wave.state, wave.reason]), count, tail, audit: audit.slice(-60) }, null, 1)}`);
}
