/**
 * The whole story on real measurements: a console with its own broker, two `edgewise agent` processes on this machine, the sample network in float for some
 * minutes, its int8 form rolled out, some minutes more; then what Savings says, and the same by hand from the rows (docs/savings-by-hand.mjs).
 *
 *     node bench/savings-story.ts [--minutes 4] [--fps 60]
 *
 * Prints one JSON object. This machine has no meter, so energy is the model (4 W idle, 12 W busy): the tier is `modelled`, and what is measured is for how
 * long an inference kept the device busy.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { csvText } from '../src/base/csv.ts';
import type { RolloutPolicy } from '../src/contract/records/rollout.ts';
import type { RouteInput, RouteName, RouteOutput } from '../src/contract/rpc/routes.ts';
import { createConsole } from '../src/console/create-console.ts';
import { createNodeProcessHost } from '../src/console/jobs/node-process-host.ts';
import { findEntries } from '../src/console/processes/entries.ts';
import { saving } from '../docs/savings-by-hand.mjs';

const ROOT = join(import.meta.dirname, '..');
const MODEL = join(ROOT, 'resources/sample/shelf-products.onnx');
const PICTURES = join(ROOT, 'resources/sample/pictures');
const HOUR = 3_600_000;
const { values: flags } = parseArgs({ options: { minutes: { type: 'string', default: '4' }, fps: { type: 'string', default: '60' } } });
const MINUTES = Number(flags.minutes);
const POLICY: RolloutPolicy = {
  approval: 'none', startAtMs: null, canary: 1, waves: { kind: 'sizes', sizes: [] }, ramp: null, store: { minServing: 1, smallStores: 'one_at_a_time', maxAtOnce: 1 }, download: { kind: 'always' }, update: { kind: 'always' },
  success: { atLeastShare: 1, minExecuted: 1 }, failures: [], gates: [], waveGates: { missedAtMostShare: 0, minDevices: 1 }, onGateFailure: 'roll_back', soakMs: 3000, retries: { max: 2, baseMs: 500, factor: 2, maxMs: 2000 },
  timeoutsMs: { downloading: HOUR, verifying: HOUR, benchmarking: HOUR, swapping: HOUR, confirming: HOUR, rolling_back: HOUR, wave: HOUR }, jitterMs: 0, lateJoiners: 'ignore', tailMs: HOUR,
};

const root = mkdtempSync(join(tmpdir(), 'savings-story-'));
const console_ = await createConsole({ dataFolder: join(root, 'home'), processHost: createNodeProcessHost(), entries: findEntries(), host: 'browser', version: 'bench' });
const children: ChildProcess[] = [];

async function call<N extends RouteName>(route: N, input: RouteInput<N>): Promise<RouteOutput<N>> {
  const answer = await console_.router.call({ id: 1, route, input }, { trusted: true });
  if (!answer.ok) throw new Error(`${route}: ${answer.error.code} ${answer.error.message}`);
  return answer.data as RouteOutput<N>;
}
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
async function until<T>(what: string, read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (let tries = 0; tries < 1200; tries++) {
    const value = await read();
    if (holds(value)) return value;
    await sleep(100);
  }
  throw new Error(`waited in vain for ${what}`);
}

async function join_(id: string): Promise<void> {
  const { code } = await call('fleet.claim', { deviceId: id, storeId: 's1', class: 'edge-box', workload: 'shelf-products', validForMs: HOUR });
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(ROOT, 'src/cli/index.ts'), 'agent', '--dir', join(root, id), '--input', `folder:${PICTURES}`, '--telemetry', '5', '--fps', flags.fps, '--idle-w', '4', '--busy-w', '12', '--claim', code], { stdio: 'ignore' });
  children.push(child);
  const [request] = await until('the request', () => call('fleet.enrolments', {}), (list) => list[0]?.state === 'waiting' && list[0].deviceId === id);
  await call('fleet.accept', { id: request?.id ?? '' });
  await until('the birth', () => call('fleet.device', { id }), ({ row }) => row.presence === 'online');
}

async function rollOut(version: number, name: string): Promise<void> {
  const { rollout } = await call('rollouts.create', { name, artifact: 'shelf', version, filter: 'workload = shelf-products', policy: POLICY });
  await call('rollouts.act', { id: rollout.id, action: 'submit', by: 'bench', note: '', confirm: null });
  await until(name, () => call('rollouts.get', { id: rollout.id }), ({ rollout: { state } }) => state === 'finished');
}

try {
  const model = await call('models.import', { path: MODEL });
  const made = new Promise<string>((resolve, reject) => {
    console_.events.subscribe((event) => {
      if (event.type !== 'job.updated' || event.job.endedAt === null) return;
      if (event.job.result === null) reject(new Error(event.job.error?.message));
      else resolve(event.job.result.modelId);
    });
  });
  await call('optimize.start', { modelId: model.id, recipe: 'int8', dataPath: PICTURES, samples: 32 });
  const wish = { artifact: 'shelf', workload: 'shelf-products', deviceClasses: [], hardware: ['linux-x64' as const, 'linux-arm64' as const], validForDays: 30 };
  const float = await call('artifacts.publish', { ...wish, modelId: model.id });
  const int8 = await call('artifacts.publish', { ...wish, modelId: await made });
  await call('fleet.saveStore', { id: 's1', name: 'One', region: 'East', timeZone: 'Asia/Shanghai', openingHours: [], tariffCnyPerKwh: 0.8, linkKbitPerS: null, latitude: null, longitude: null });
  const { settings } = await call('fleet.link', {});
  await call('fleet.setLink', { ...settings, enabled: true, brokerPort: 0, artifactsPort: 0 });
  await until('the line', () => call('fleet.link', {}), ({ status }) => status.state === 'on');
  for (const id of ['d1', 'd2']) await join_(id);
  await rollOut(float.version, 'float');
  await sleep(MINUTES * 60_000);
  await rollOut(int8.version, 'int8');
  await sleep(MINUTES * 60_000);

  const { assumptions } = await call('savings.assumptions', {});
  await call('savings.saveAssumptions', { ...assumptions, minHours: { value: 0.5 / 60, source: 'A story of minutes.' } });
  const { view } = await call('savings.extent', {});
  const ask = { ...view, baselineDays: 1 };
  const page = await call('savings.overview', ask);
  const files: string[] = [];
  for (const deviceId of ['d1', 'd2']) {
    const { rows } = await call('savings.evidence', { view: ask, deviceId });
    const csv = csvText([['side', 'from', 'duration_ms', 'inferences', 'energy_j', 'above_idle_j'], ...rows.map((row) => [row.side, new Date(row.fromMs).toISOString(), row.durationMs, row.inferences, row.energyJ, row.aboveIdleJ])]);
    writeFileSync(join(root, `${deviceId}.csv`), csv);
    files.push(csv);
  }
  const hand = saving(files);
  const { share, verdict, evidence, latencyP95Ratio, busyBefore, busyAfter, accuracyDrop, baselineJ, optimizedJ } = page.result.energy;
  console.log(JSON.stringify({
    minutes: MINUTES, fps: Number(flags.fps), page: { share, verdict, tier: evidence.tier, simulated: evidence.simulated, baselineJ, optimizedJ, rows: [evidence.rowsBefore, evidence.rowsAfter], latencyP95Ratio, busyBefore, busyAfter, accuracyDrop },
    byHand: hand, differenceOfShares: share === null ? null : share.value - hand.share,
  }, null, 2));
} finally {
  await Promise.all(children.map((child) => new Promise((resolve) => (child.exitCode === null && child.signalCode === null ? child.once('exit', resolve).kill('SIGTERM') : resolve(null)))));
  await console_.close();
  rmSync(root, { recursive: true, force: true });
}
