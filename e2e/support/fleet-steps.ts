/** What the specs of the fleet do without the page: a fleet whose devices run something. */
import { expect, type Page } from '@playwright/test';
import { callRoute } from './call-route.ts';
import { openModel, sample } from './steps.ts';

const HOUR = 3_600_000;

/** The line takes whatever ports are free, so that specs do not need one another's. */
export async function freePorts(page: Page): Promise<void> {
  const { settings } = await callRoute(page, 'fleet.link', {});
  await callRoute(page, 'fleet.setLink', { ...settings, brokerPort: 0, artifactsPort: 0 });
}

/** Simulated devices; those for the flow of customers run the sample, so that they have something to tell. */
export async function runningFleet(page: Page, stores: number, devicesPerStore: number): Promise<void> {
  await openModel(page, sample.model);
  await freePorts(page);
  await callRoute(page, 'fleet.startDemo', { stores, devicesPerStore, historyDays: 3 });
  await expect.poll(async () => (await callRoute(page, 'fleet.overview', {})).online, { timeout: 40_000 }).toBe(stores * devicesPerStore);
  const [model] = await callRoute(page, 'models.list', {});
  await callRoute(page, 'artifacts.publish', { modelId: model?.id ?? '', artifact: 'flow', workload: 'customer-flow', deviceClasses: [], hardware: ['linux-x64'], validForDays: 30 });
  const { rollout } = await callRoute(page, 'rollouts.create', {
    name: 'first flow', artifact: 'flow', version: 1, filter: 'workload = customer-flow',
    policy: {
      approval: 'none', startAtMs: null, canary: 0, waves: { kind: 'sizes', sizes: [] }, ramp: null, store: { minServing: 0, smallStores: 'one_at_a_time', maxAtOnce: 10 }, download: { kind: 'always' }, update: { kind: 'always' },
      success: { atLeastShare: 0.5, minExecuted: 1 }, failures: [], gates: [], waveGates: { missedAtMostShare: 1, minDevices: 1 }, onGateFailure: 'pause', soakMs: 0, retries: { max: 1, baseMs: 1, factor: 1, maxMs: 1 },
      timeoutsMs: { downloading: HOUR, verifying: HOUR, benchmarking: HOUR, swapping: HOUR, confirming: HOUR, rolling_back: HOUR, wave: HOUR }, jitterMs: 0, lateJoiners: 'ignore', tailMs: HOUR,
    },
  });
  await callRoute(page, 'rollouts.act', { id: rollout.id, action: 'submit', by: 'Ann Lee', note: '', confirm: null });
  await expect.poll(async () => (await callRoute(page, 'fleet.devices', {})).filter(({ version }) => version === 1).length, { timeout: 60_000 }).toBe(stores);
}
