/**
 * The board of a rollout with ten thousand devices, in the browser host with a real browser, while devices move: frames, and tasks of the page over 50 ms.
 * The rollout is real; its devices are multiplied and moved between the console and the page, so that only the page is measured. Prints one JSON object.
 * Needs the build and Chromium.
 *
 *     node bench/rollout-board.ts [--devices 10000] [--movesPerS 1000] [--seconds 10]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium, type Page } from '@playwright/test';
import { callRoute } from '../e2e/support/call-route.ts';
import { browserArguments, serve } from '../e2e/support/host.ts';
import { chromiumExecutable } from '../scripts/lib/chromium.mjs';
import type { DeviceRollout, FleetGate } from '../src/contract/records/rollout.ts';
import { spreadMs } from './page-timing.ts';

const { values: flags } = parseArgs({ options: { devices: { type: 'string', default: '10000' }, movesPerS: { type: 'string', default: '1000' }, seconds: { type: 'string', default: '10' } } });
const [DEVICES, MOVES_PER_S, SECONDS] = [Number(flags.devices), Number(flags.movesPerS), Number(flags.seconds)];
/** As often as the console tells of a rollout. */
const EVERY_MS = 250;
const LONG_TASK_MS = 50;
const STATES = ['queued', 'downloading', 'succeeded', 'waiting_window', 'failed'] as const;
const GATE: FleetGate = { metric: 'latencyP95Ms', compare: 'ratio', limit: 1.1, minSamples: 20, required: false };
const HOUR = 3_600_000;

async function createRollout(page: Page): Promise<string> {
  await callRoute(page, 'fleet.startDemo', { stores: 1, devicesPerStore: 1 });
  const model = await callRoute(page, 'models.import', { path: join(import.meta.dirname, '../resources/sample/shelf-products.onnx') });
  await callRoute(page, 'artifacts.publish', { modelId: model.id, artifact: 'flow', workload: 'customer-flow', deviceClasses: [], hardware: ['linux-x64'], validForDays: 9 });
  const { rollout } = await callRoute(page, 'rollouts.create', {
    name: 'board', artifact: 'flow', version: 1, filter: '',
    policy: {
      approval: 'none', startAtMs: null, canary: 0, waves: { kind: 'sizes', sizes: [] }, ramp: null, store: { minServing: 0, smallStores: 'one_at_a_time', maxAtOnce: 1 }, download: { kind: 'always' }, update: { kind: 'always' },
      success: { atLeastShare: 1, minExecuted: 1 }, failures: [], gates: [GATE], waveGates: { missedAtMostShare: 0, minDevices: 1 }, onGateFailure: 'pause', soakMs: 0, retries: { max: 1, baseMs: 1000, factor: 2, maxMs: 1000 },
      timeoutsMs: { downloading: HOUR, verifying: HOUR, benchmarking: HOUR, swapping: HOUR, confirming: HOUR, rolling_back: HOUR, wave: HOUR }, jitterMs: 0, lateJoiners: 'ignore', tailMs: HOUR,
    },
  });
  return rollout.id;
}

const folder = mkdtempSync(join(tmpdir(), 'edgewise-rollout-board-'));
const served = await serve(join(folder, 'data'), false);
const browser = await chromium.launch({ executablePath: chromiumExecutable() ?? '/usr/bin/chromium', args: browserArguments });
try {
  const page = await (await browser.newContext({ viewport: { width: 1920, height: 1080 }, locale: 'en-GB' })).newPage();
  await page.goto(served.url);
  await page.getByRole('heading', { level: 1 }).waitFor();
  const id = await createRollout(page);
  const summary = await callRoute(page, 'rollouts.get', { id });
  const [one] = await callRoute(page, 'rollouts.devices', { id });
  if (one === undefined) throw new Error('the rollout has no device');
  const deviceAt = (at: number, turn: number): DeviceRollout => ({ ...one, deviceId: `device-${at}`, order: at, state: STATES[(at + turn) % STATES.length] ?? 'queued', gates: [{ gate: GATE, verdict: 'met', measured: 1 + (at % 100) / 1000 }] });
  const devices = Array.from({ length: DEVICES }, (_, at) => deviceAt(at, 0));
  let tell: (text: string) => void = () => {};
  await page.routeWebSocket(/rpc/, (line) => {
    const console_ = line.connectToServer();
    const asked = new Map<number, string>();
    line.onMessage((text) => {
      const frame = JSON.parse(String(text)) as { id: number; route: string };
      asked.set(frame.id, frame.route);
      console_.send(text);
    });
    console_.onMessage((text) => {
      const frame = JSON.parse(String(text)) as { kind: string; id: number; answer: { data: unknown } };
      if (frame.kind === 'answer' && asked.get(frame.id) === 'rollouts.devices') frame.answer.data = devices;
      line.send(JSON.stringify(frame));
    });
    tell = (text) => line.send(text);
  });
  await page.reload();
  // The first page leads to another: only then is the address ours.
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.evaluate(`location.hash = '#/rollouts/${id}'`);
  await page.getByText(`${DEVICES.toLocaleString('en')} devices`, { exact: true }).waitFor({ timeout: 60_000 });
  await page.waitForTimeout(2000);
  await page.evaluate("window.tasks = []; new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ entryTypes: ['longtask'] })");
  await page.evaluate('window.frames = []; window.last = performance.now(); (function frame() { requestAnimationFrame((now) => { window.frames.push(now - window.last); window.last = now; frame(); }); })()');

  const measure = async (): Promise<{ readonly frame: ReturnType<typeof spreadMs>; readonly tasksOver50Ms: number; readonly longestTaskMs: number }> => {
    await page.evaluate('window.tasks.length = 0; window.frames.length = 0');
    const perTurn = Math.round((MOVES_PER_S * EVERY_MS) / 1000);
    for (let turn = 1; turn <= (SECONDS * 1000) / EVERY_MS; turn++) {
      const moved = Array.from({ length: perTurn }, (_, at) => deviceAt((turn * perTurn + at) % DEVICES, turn));
      tell(JSON.stringify({ kind: 'event', event: { type: 'rollout.updated', summary, devices: moved } }));
      await page.waitForTimeout(EVERY_MS);
    }
    const tasks = (await page.evaluate('window.tasks')) as readonly number[];
    return { frame: spreadMs((await page.evaluate('window.frames')) as readonly number[]), tasksOver50Ms: tasks.filter((ms) => ms > LONG_TASK_MS).length, longestTaskMs: Math.round(Math.max(0, ...tasks)) };
  };
  const plain = await measure();
  await page.getByRole('columnheader', { name: 'State' }).getByRole('button').click();
  const sorted = await measure();
  await page.locator('#board-filter').fill('device-99');
  const filtered = await measure();
  console.log(JSON.stringify({ devices: DEVICES, movesPerS: MOVES_PER_S, seconds: SECONDS, plain, sortedByState: sorted, sortedAndFiltered: filtered }, null, 2));
} finally {
  await browser.close();
  await served.close();
  rmSync(folder, { recursive: true, force: true });
}
