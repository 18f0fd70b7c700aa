/** From a published model to a rollout that has ended, on simulated devices that speak the real protocol; then one that a person stops. */
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { expectAccessible } from './support/accessibility.ts';
import { callRoute } from './support/call-route.ts';
import { expect, test } from './support/host.ts';
import { openModel, optimizeSample, sample } from './support/steps.ts';

/** Six devices in three stores, each with the sample as their work. */
async function startFleet(page: Page): Promise<void> {
  await callRoute(page, 'fleet.startDemo', { stores: 3, devicesPerStore: 2 });
  await expect.poll(async () => (await callRoute(page, 'fleet.overview', {})).online, { timeout: 40_000 }).toBe(6);
}

async function go(page: Page, path: string): Promise<void> {
  await page.evaluate(`location.hash = '#${path}'`);
}

/** Through the dialog, for devices of any class that watch the flow of customers. */
async function publish(page: Page, name: string): Promise<void> {
  await go(page, '/rollouts/artifacts');
  await page.getByRole('button', { name: 'Publish a model' }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name of the artifact').fill(name);
  await dialog.getByRole('button', { name: 'Sign and publish' }).click();
  await expect(dialog).toBeHidden({ timeout: 30_000 });
  await expect(page.getByRole('region', { name: `${name} 1` })).toBeVisible();
}

/** All steps of the wizard; devices may change over at any time, and what has no baseline is not asked for one. */
async function fillWizard(page: Page, name: string, filter: string): Promise<void> {
  await go(page, '/rollouts/new');
  await expect(page.getByRole('combobox', { name: 'Artifact' })).toHaveValue('flow');
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('textbox', { name: 'Filter' }).fill(filter);
}

test('published, previewed, rolled out over a canary, and audited', async ({ host: { page } }, info) => {
  test.setTimeout(240_000);
  await openModel(page, sample.model);
  await startFleet(page);
  await go(page, '/rollouts');
  await expect(page.getByText(/No rollout yet\. Publish a model first/)).toBeVisible();
  await publish(page, 'flow');
  await expect(page.getByRole('region', { name: 'flow 1' }).getByText('customer-flow')).toBeVisible();

  await fillWizard(page, 'first flow', 'workload =');
  await expect(page.getByText(/^Wrong at character 11/)).toBeVisible();
  await expect(page.getByRole('button', { name: 'Next' })).toBeDisabled();
  await page.getByRole('textbox', { name: 'Filter' }).fill('workload = customer-flow');
  await expect(page.getByRole('status').getByText('3 devices in 3 stores')).toBeVisible();
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByText('Filled in for this number of devices.')).toBeVisible();
  await page.getByRole('group', { name: 'Change over' }).getByText('At any time').click();
  await page.getByRole('spinbutton', { name: 'Soak (min)' }).fill('0');
  await page.getByRole('button', { name: 'Next' }).click();
  const preview = page.getByRole('region', { name: 'What it would do' });
  await expect(preview.getByRole('row', { name: /^Canary/ })).toContainText('1 store');
  const check = page.getByRole('region', { name: 'Check' });
  await expect(check.getByText('flow 1 goes to 3 devices in 3 stores.')).toBeVisible();
  await expect(check.getByText(/3 devices run nothing yet/)).toBeVisible();
  await expect(check.getByText('Devices change over at any time.')).toBeVisible();
  await check.getByLabel('Your name').fill('Ann Lee');
  await page.getByRole('button', { name: 'Create and start' }).click();

  await expect(page.getByRole('heading', { level: 1, name: 'first flow' })).toBeVisible();
  await expect(page.getByText('Finished', { exact: true })).toBeVisible({ timeout: 120_000 });
  await expect(page.getByText('3 of 3 devices')).toBeVisible();
  const waves = page.getByRole('region', { name: 'Waves' });
  await expect(waves.getByRole('button', { name: /Canary Passed/ })).toBeVisible();
  await waves.getByRole('button', { name: /Canary/ }).click();
  await expect(page.getByText('1 device', { exact: true })).toBeVisible();
  await page.getByRole('table', { name: 'Devices of the rollout' }).getByRole('button', { name: /^demo-/ }).click();
  await expect(page.getByRole('region', { name: /^demo-/ }).getByText('Benchmark before the swap')).toBeVisible();

  await page.getByText('Audit', { exact: true }).click();
  await page.locator('#board-filter').fill('ann lee');
  await expect(page.getByRole('row', { name: /Ann Lee Rollout submit/ })).toBeVisible();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save all as CSV' }).click()]);
  const csv = info.outputPath('audit.csv');
  await download.saveAs(csv);
  const lines = readFileSync(csv, 'utf8').trimEnd().split('\r\n');
  expect(lines[0]).toBe('\uFEFFat,actor_kind,actor,subject_kind,subject,event,from,to,note');
  expect(lines.filter((line) => line.includes(',runs_target,')).length).toBe(3);

  await page.getByRole('link', { name: 'Rollouts', exact: true }).first().click();
  await expect(page.getByText('No rollout running, none needs you.')).toBeVisible();
});

test('a draft is edited with its own values; of two who change it the second is told', async ({ host: { page } }) => {
  test.setTimeout(120_000);
  await openModel(page, sample.model);
  await startFleet(page);
  await publish(page, 'flow');
  await fillWizard(page, 'plan of ann', 'workload = customer-flow');
  await page.getByRole('link', { name: /How/ }).click();
  await page.getByRole('spinbutton', { name: 'Soak (min)' }).fill('7');
  await page.getByRole('spinbutton', { name: 'Soak (min)' }).blur();
  await page.getByRole('link', { name: /Check/ }).click();
  await page.getByLabel('Your name').fill('Ann Lee');
  await page.getByRole('button', { name: 'Keep as draft' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'plan of ann' })).toBeVisible();

  await page.getByRole('button', { name: 'Edit', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Edit plan of ann' })).toBeVisible();
  await expect(page.getByRole('textbox', { name: 'Name' })).toHaveValue('plan of ann');
  await page.getByRole('textbox', { name: 'Name' }).fill('plan of both');
  await page.getByRole('link', { name: /Whom/ }).click();
  await expect(page.getByRole('textbox', { name: 'Filter' })).toHaveValue('workload = customer-flow');
  await page.getByRole('link', { name: /How/ }).click();
  await expect(page.getByRole('spinbutton', { name: 'Soak (min)' })).toHaveValue('7');

  // Somebody else is quicker.
  const [summary] = await callRoute(page, 'rollouts.list', {});
  if (summary === undefined) throw new Error('there is no rollout');
  const { id, effects: revision, name, artifact, version, filter, policy } = summary.rollout;
  await callRoute(page, 'rollouts.edit', { id, revision, draft: { name: `${name} again`, artifact, version, filter, policy } });
  await page.getByRole('link', { name: /Check/ }).click();
  await page.getByRole('button', { name: 'Save the draft' }).click();
  await expect(page.getByText('Rollout plan of ann again was changed meanwhile.')).toBeVisible();
  await page.getByRole('button', { name: 'Read the draft again' }).click();
  await page.getByRole('link', { name: /What/ }).first().click();
  await expect(page.getByRole('textbox', { name: 'Name' })).toHaveValue('plan of ann again');
  await page.getByRole('textbox', { name: 'Name' }).fill('plan of both');
  await page.getByRole('link', { name: /Check/ }).click();
  await page.getByRole('button', { name: 'Save the draft' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'plan of both' })).toBeVisible();
  await page.getByText('Audit', { exact: true }).click();
  await expect(page.getByRole('row', { name: /Ann Lee Rollout edited Draft changed: name/ })).toHaveCount(2);

  // A new rollout begins empty, not with what the draft had.
  await go(page, '/rollouts/new');
  await expect(page.getByRole('textbox', { name: 'Name' })).toHaveValue('flow 1');
});

test('a person pauses, resumes, stops and rolls back; what does harm wants the name typed', async ({ host: { page } }) => {
  test.setTimeout(240_000);
  await openModel(page, sample.model);
  await startFleet(page);
  await publish(page, 'flow');
  await fillWizard(page, 'held flow', 'workload = customer-flow');
  await page.getByRole('link', { name: /How/ }).click();
  // A window that is shut now keeps every device waiting for as long as the test looks.
  await page.getByRole('group', { name: 'Change over' }).getByText('Windows').click();
  const from = new Date(Date.now() + 2 * 86_400_000);
  const days = page.getByRole('group', { name: 'Change over' }).getByRole('checkbox');
  for (let day = 1; day <= 7; day++) if (day !== (from.getUTCDay() + 6) % 7 + 1) await days.nth(day - 1).uncheck({ force: true });
  await page.getByRole('link', { name: /Check/ }).click();
  await page.getByLabel('Your name').fill('Ann Lee');
  await page.getByRole('button', { name: 'Create and start' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'held flow' })).toBeVisible();
  await expect(page.getByRole('button', { name: /^Update window shut/ })).toBeVisible({ timeout: 40_000 });

  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await page.getByRole('dialog').getByLabel(/^Note/).fill('the shop is being painted');
  await page.getByRole('dialog').getByRole('button', { name: 'Pause', exact: true }).click();
  await expect(page.getByText('Paused by a person. the shop is being painted')).toBeVisible();
  await page.getByRole('link', { name: 'Rollouts', exact: true }).first().click();
  await expect(page.getByText('No rollout running, 1 needs you.')).toBeVisible();
  await page.getByRole('link', { name: 'held flow' }).click();
  await page.getByRole('button', { name: 'Resume', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Resume', exact: true }).click();
  await expect(page.getByText('Running', { exact: true }).first()).toBeVisible();

  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  const dialog = page.getByRole('dialog');
  const sure = dialog.getByRole('button', { name: 'Stop', exact: true });
  await expect(sure).toBeDisabled();
  await dialog.getByLabel('Type its name to confirm:').fill('held');
  await expect(sure).toBeDisabled();
  await dialog.getByLabel('Type its name to confirm:').fill('held flow');
  await sure.click();
  await expect(page.getByText('Stopped', { exact: true })).toBeVisible({ timeout: 40_000 });

  // The palette reaches what the page can do.
  await page.keyboard.press('Control+K');
  await page.keyboard.type('roll this rollout back');
  await page.keyboard.press('Enter');
  await dialog.getByLabel('Type its name to confirm:').fill('held flow');
  await dialog.getByRole('button', { name: 'Roll back', exact: true }).click();
  await expect(page.getByText('Rolled back', { exact: true })).toBeVisible({ timeout: 40_000 });
});

test('a slower version is refused by the gate of its canary, and nobody approves his own rollout', async ({ host: { page } }) => {
  test.setTimeout(240_000);
  await optimizeSample(page);
  await callRoute(page, 'settings.set', { personName: 'Ann Lee' });
  await startFleet(page);
  const models = await callRoute(page, 'models.list', {});
  for (const of of [models.find(({ name }) => name.includes('int8')), models.find(({ name }) => !name.includes('int8'))]) {
    await callRoute(page, 'artifacts.publish', { modelId: of?.id ?? '', artifact: 'flow', workload: 'customer-flow', deviceClasses: [], hardware: ['linux-x64'], validForDays: 30 });
  }
  const { id } = await aRollout(page);
  await callRoute(page, 'rollouts.act', { id, action: 'submit', by: 'Ann Lee', note: '', confirm: null });
  await expect.poll(async () => (await callRoute(page, 'rollouts.get', { id })).rollout.state, { timeout: 60_000 }).toBe('finished');

  await go(page, '/rollouts/new?step=how&artifact=flow&filter=workload = customer-flow');
  // All of them run something by now: the gate on latency is required.
  await expect(page.getByRole('group', { name: 'p95 latency' }).getByRole('checkbox', { name: 'required' })).toBeChecked();
  await page.getByRole('group', { name: 'Change over' }).getByText('At any time').click();
  await page.getByRole('group', { name: 'Then' }).getByText('Pause', { exact: true }).first().click();
  await page.getByRole('switch', { name: 'Second person' }).click();
  await page.getByRole('link', { name: /Check/ }).click();
  await expect(page.getByText('p95 latency of a device rises by more than 10 % over its own before; from 100 samples, has to be measured.')).toBeVisible();
  await page.getByRole('button', { name: 'Create and submit for approval' }).click();
  await expect(page.getByText('Another person than its author has to approve it.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Approve' })).toBeDisabled();
  await callRoute(page, 'settings.set', { personName: 'Bo Chen' });
  await page.getByRole('button', { name: 'Approve' }).click();
  await expectAccessible(page, 'a dialog with a note');
  await page.getByRole('dialog').getByLabel(/^Note/).fill('looked at with Ann');
  await page.getByRole('dialog').getByRole('button', { name: 'Approve' }).click();

  await expect(page.getByText('Too many failures. 1 of 1 failed or timed out or refused, limit 10 %')).toBeVisible({ timeout: 90_000 });
  const gates = page.getByRole('region', { name: 'Gates' });
  await expect(gates.getByRole('row', { name: /p95 latency/ })).toContainText('1 miss it');
  await expect(gates.getByText('From the benchmark on 1 device.')).toBeVisible();
  await expect(gates.getByText('sim', { exact: false }).last()).toBeVisible();
  await expect(page.getByRole('row', { name: /Refused/ })).toContainText('Gate missed: p95 latency');
  await expect(page.getByRole('button', { name: 'Resume', exact: true })).toBeHidden();
  await page.getByText('Audit', { exact: true }).click();
  await expect(page.getByRole('row', { name: /Bo Chen Rollout approved .* looked at with Ann/ })).toBeVisible();
});

test('every page in both themes, and once in Chinese, holds up to axe', async ({ host: { page } }) => {
  test.setTimeout(240_000);
  await openModel(page, sample.model);
  await startFleet(page);
  await publish(page, 'flow');
  const { id } = await aRollout(page);
  await callRoute(page, 'rollouts.act', { id, action: 'submit', by: 'Ann Lee', note: '', confirm: null });
  const pages = ['/rollouts', '/rollouts/artifacts?at=flow 1', '/rollouts/artifacts?keys', '/rollouts/new?step=what', '/rollouts/new?step=whom', '/rollouts/new?step=how', '/rollouts/new?step=check', `/rollouts/${id}`];
  for (const [theme, locale] of [['light', 'en'], ['dark', 'en'], ['light', 'zh-CN']] as const) {
    await callRoute(page, 'settings.set', { theme, locale });
    for (const path of pages) {
      await go(page, path);
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
      await page.waitForTimeout(300);
      await expectAccessible(page, `${path}, ${theme}, ${locale}`);
    }
  }
  await expect(page.getByRole('link', { name: '发布', exact: true }).first()).toBeVisible();
});

async function aRollout(page: Page): Promise<{ id: string }> {
  const hour = 3_600_000;
  const { rollout } = await callRoute(page, 'rollouts.create', {
    name: 'flow for everybody', artifact: 'flow', version: 1, filter: 'workload = customer-flow',
    policy: {
      approval: 'none', startAtMs: null, canary: 1, waves: { kind: 'sizes', sizes: [] }, ramp: null, store: { minServing: 0, smallStores: 'one_at_a_time', maxAtOnce: 1 }, download: { kind: 'always' }, update: { kind: 'always' },
      success: { atLeastShare: 1, minExecuted: 1 }, failures: [], gates: [{ metric: 'latencyP95Ms', compare: 'ratio', limit: 1.1, minSamples: 20, required: false }], waveGates: { missedAtMostShare: 0, minDevices: 1 },
      onGateFailure: 'pause', soakMs: 0, retries: { max: 1, baseMs: 1000, factor: 2, maxMs: 1000 },
      timeoutsMs: { downloading: hour, verifying: hour, benchmarking: hour, swapping: hour, confirming: hour, rolling_back: hour, wave: hour }, jitterMs: 0, lateJoiners: 'ignore', tailMs: hour,
    },
  });
  return rollout;
}
