/** The fleet as a person uses it: a demo, the filter, a device that tells what it measures, tables, and a real device that joins. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { expectAccessible } from './support/accessibility.ts';
import { callRoute } from './support/call-route.ts';
import { freePorts, runningFleet } from './support/fleet-steps.ts';
import { expect, test } from './support/host.ts';

const root = join(import.meta.dirname, '..');

async function go(page: Page, path: string): Promise<void> {
  await page.evaluate(`location.hash = '#${path}'`);
}
const devices = (page: Page) => page.getByRole('table', { name: 'Devices' });

test('from nothing to a demo: rows live, filtered, grouped, chosen, and forgotten again', async ({ host: { page } }) => {
  test.setTimeout(180_000);
  await page.getByRole('link', { name: 'Fleet' }).click();
  await expect(page.getByText(/No stores and no devices yet/)).toBeVisible();
  await expectAccessible(page, 'the empty fleet');

  await page.getByRole('button', { name: 'Devices cannot connect' }).click();
  const line = page.getByRole('dialog');
  await line.getByLabel('Port of the broker').fill('70000');
  await expect(line.getByRole('button', { name: 'Apply' })).toBeDisabled();
  await line.getByLabel('Port of the broker').fill('0');
  await line.getByLabel('Port for artifacts').fill('0');
  await expectAccessible(page, 'the dialog of the line');
  await line.getByRole('button', { name: 'Apply' }).click();
  await expect(line).toBeHidden();

  await page.getByRole('button', { name: 'Start a demo chain' }).click();
  await expect(page.getByText('40 of 40 online in 20 stores; none in trouble.')).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText('All simulated')).toBeVisible();
  await expect(devices(page).getByRole('row', { name: /demo-shanghai-1-1/ })).toContainText('online');
  await expect(devices(page).getByRole('row', { name: /demo-shanghai-1-1/ })).toContainText('sim');

  const filter = page.getByRole('searchbox', { name: 'Filter devices' });
  await filter.fill('region = East and clas = edge-box');
  await expect(page.getByRole('status').getByText(/"clas" is no field/)).toBeVisible();
  await expect(filter).toHaveAttribute('aria-invalid', 'true');
  await page.getByTitle('Go to the place').click();
  await expect.poll(() => page.evaluate("(() => { const field = document.getElementById('fleet-filter'); return field.value.slice(field.selectionStart, field.selectionEnd); })()")).toBe('clas');
  await filter.fill('ningbo');
  await expect(page.getByText('2 devices', { exact: true })).toBeVisible();
  await filter.fill('region = East');
  await expect(page.getByText('12 devices', { exact: true })).toBeVisible();

  await page.getByRole('button', { name: 'Save as a group' }).click();
  await page.getByLabel('Name of the group').fill('East coast');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  const chip = page.getByRole('button', { name: /^East coast/ });
  await expect(chip).toHaveAttribute('aria-pressed', 'true');
  await expect(filter).toHaveValue('');
  await page.getByRole('button', { name: 'Clear the filter' }).click();
  await expect(page.getByText('40 devices', { exact: true })).toBeVisible();
  await chip.click();
  await expect(page.getByText('12 devices', { exact: true })).toBeVisible();

  // The map by keyboard: a store is chosen, and becomes a part of the filter.
  await page.getByRole('group', { name: 'Map of the stores' }).getByRole('button').first().focus();
  await page.keyboard.press('Enter');
  await expect(page.getByTitle('Chosen on the map')).toHaveText(/store/);
  await page.getByTitle('Chosen on the map').click();

  await devices(page).getByRole('checkbox', { name: 'Select demo-shanghai-1-1' }).check();
  await devices(page).getByRole('checkbox', { name: 'Select demo-shanghai-1-2' }).check();
  await page.getByRole('button', { name: 'Roll out to these 2' }).click();
  await expect.poll(() => decodeURIComponent(page.url()).replaceAll('+', ' ')).toContain('/rollouts/new?filter=id in (demo-shanghai-1-1, demo-shanghai-1-2)');
  await page.goBack();

  await page.getByRole('button', { name: 'Delete the group East coast' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await expect(chip).toBeHidden();
  await expect(page.getByText('40 devices', { exact: true })).toBeVisible();

  await page.getByRole('button', { name: 'Stop the demo' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Stop and forget' }).click();
  await expect(page.getByText(/No stores and no devices yet/)).toBeVisible({ timeout: 60_000 });
});

test('a device tells what it measures, is told what to do, and is shut out and removed by typing its id', async ({ host: { page } }) => {
  test.setTimeout(180_000);
  await runningFleet(page, 5, 2);
  await page.getByRole('link', { name: 'Fleet' }).click();
  await devices(page).getByRole('link', { name: 'demo-beijing-1-1' }).click();
  await expect(page.getByRole('heading', { level: 1, name: /demo-beijing-1-1/ })).toBeVisible();
  await expect(page.getByText('flow v1', { exact: true })).toBeVisible();
  await expect(page.getByText(/^Simulated: these figures are made up/)).toBeVisible({ timeout: 30_000 });

  await page.getByRole('button', { name: 'Change', exact: true }).click();
  await page.getByLabel('Report every').fill('0');
  await expect(page.getByRole('button', { name: 'Send to the device' })).toBeDisabled();
  await page.getByLabel('Report every').fill('1');
  await page.getByRole('button', { name: 'Send to the device' }).click();
  await expect(page.getByRole('row', { name: 'Report every' })).toContainText('1 s1 s', { timeout: 20_000 });

  await page.getByText('15 min', { exact: true }).click();
  const latency = page.getByRole('region', { name: 'Latency' });
  await expect(latency).toBeVisible({ timeout: 30_000 });
  await latency.getByRole('button', { name: 'Show as a table' }).click();
  const told = latency.getByRole('row');
  const before = await told.count();
  await expect.poll(() => told.count(), { timeout: 30_000 }).toBeGreaterThan(before + 1);
  await page.getByText('7 days', { exact: true }).click();
  await expect(page.getByText(/Hour by hour/)).toBeVisible();
  await expect.poll(() => told.count()).toBeGreaterThan(40);
  await expect(page.getByRole('table', { name: 'History' }).getByRole('row', { name: /runs the new one/ })).toContainText('first flow');

  await page.getByRole('button', { name: 'Edit', exact: true }).click();
  const edit = page.getByRole('dialog');
  await edit.getByLabel('Name').fill('at the door');
  await edit.getByLabel('Tags').fill('pilot, door');
  await edit.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('at the door')).toBeVisible();
  await expect(page.getByText('pilot', { exact: true })).toBeVisible();

  await page.getByRole('button', { name: 'Shut it out' }).click();
  const sure = page.getByRole('dialog');
  await sure.getByLabel('Type its id to confirm:').fill('demo-beijing-1');
  await expect(sure.getByRole('button', { name: 'Shut it out' })).toBeDisabled();
  await sure.getByLabel('Type its id to confirm:').fill('demo-beijing-1-1');
  await sure.getByRole('button', { name: 'Shut it out' }).click();
  await expect(page.getByRole('definition').filter({ hasText: /^shut out/ })).toBeVisible();

  await page.getByRole('button', { name: 'Remove it' }).click();
  await page.getByRole('dialog').getByLabel('Type its id to confirm:').fill('demo-beijing-1-1');
  await page.getByRole('dialog').getByRole('button', { name: 'Remove it' }).click();
  await expect(page.getByText('9 devices', { exact: true })).toBeVisible();
  await go(page, '/fleet/device/demo-beijing-1-1');
  await expect(page.getByText('NOT_FOUND')).toBeVisible();
});

test('tables are shown before they are written; a real device joins once its fingerprint is compared', async ({ host: { page, dataFolder } }) => {
  test.setTimeout(180_000);
  await freePorts(page);
  await go(page, '/fleet/stores');
  await page.getByRole('button', { name: 'Import a table' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('The table as text').fill('id,name\n');
  await dialog.getByRole('button', { name: 'Preview' }).click();
  await expect(dialog.getByText(/has no column region, time_zone/)).toBeVisible();
  await dialog.locator('input[type=file]').setInputFiles({
    name: 'stores.csv', mimeType: 'text/csv',
    buffer: Buffer.from('id,name,region,time_zone,opening_hours,latitude,longitude\ns1,Store One,East,Asia/Shanghai,Mo-Fr 08:00-22:00,31.2,121.5\ns2,Store Two,East,Mars/Olympus,,,\ns3,Store Three,North,Asia/Shanghai,24/7,,\n'),
  });
  await expect(dialog.getByText('2 new, 0 changed, 0 the same, 1 refused')).toBeVisible();
  await expect(dialog.getByRole('row', { name: /s2/ })).toContainText('not a time zone');
  await expectAccessible(page, 'the preview of a table');
  await dialog.getByRole('button', { name: 'Write 2 rows' }).click();
  await expect(page.getByRole('row', { name: /Store One/ })).toContainText('Mon–Fri 08:00–22:00');
  await expect(page.getByRole('row', { name: /Store Three/ })).toContainText('round the clock');

  await page.getByRole('button', { name: 'Edit Store Three' }).click();
  await dialog.getByLabel('Time zone').fill('Nowhere');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog.getByText('Not a time zone, for example Asia/Shanghai')).toBeVisible();
  await dialog.getByLabel('Time zone').fill('Europe/Berlin');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('row', { name: /Store Three/ })).toContainText('Europe/Berlin');
  await page.getByRole('button', { name: 'Edit Store Three' }).click();
  await dialog.getByRole('button', { name: 'Remove the store' }).click();
  await page.getByLabel('Type its id to confirm:').fill('s3');
  await page.getByRole('dialog').last().getByRole('button', { name: 'Remove the store' }).click();
  await expect(page.getByRole('row', { name: /Store Three/ })).toBeHidden();

  await page.getByRole('link', { name: 'Joining' }).click();
  await page.getByRole('button', { name: 'Turn it on' }).click();
  await expect(page.getByRole('button', { name: /^On, no device/ })).toBeVisible({ timeout: 20_000 });
  await page.getByRole('button', { name: 'Add device' }).click();
  await dialog.getByLabel('Id of the device').fill('till 1');
  await dialog.getByLabel('Workload').fill('customer-flow');
  await expect(dialog.getByRole('button', { name: 'Make the code' })).toBeDisabled();
  await dialog.getByLabel('Id of the device').fill('till-1');
  await dialog.getByRole('button', { name: 'Make the code' }).click();
  const code = await dialog.getByRole('group', { name: 'Code', exact: true }).textContent();
  await expect(dialog.getByRole('group', { name: 'Run this on the device' })).toContainText(`--claim ${code}`);
  await dialog.getByRole('button', { name: 'Done' }).click();

  const agent = spawn(process.execPath, [join(root, 'bin/edgewise.mjs'), 'agent', '--dir', join(dataFolder, 'till-1'), '--claim', code ?? ''], { stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    let output = '';
    agent.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    agent.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const asks = page.getByRole('row', { name: /till-1/ });
    await expect(asks).toContainText('waiting', { timeout: 30_000 });
    await expect(page.getByRole('link', { name: 'Joining 1 waiting' })).toBeVisible();
    await asks.getByRole('button', { name: 'Accept' }).click();
    const accept = dialog.getByRole('button', { name: 'Accept' });
    await expect(accept).toBeDisabled();
    const shown = /(?:[0-9A-F]{2}:){31}[0-9A-F]{2}/.exec((await dialog.textContent()) ?? '')?.[0];
    expect(shown).toBeDefined();
    await expect.poll(() => output).toContain(shown);
    await expectAccessible(page, 'the question whether to accept');
    await dialog.getByLabel('The device shows the same fingerprint').check();
    await accept.click();
    await expect(asks).toContainText('accepted');
    await page.getByRole('link', { name: 'Devices', exact: true }).click();
    await expect(devices(page).getByRole('row', { name: /till-1/ })).toContainText('online', { timeout: 30_000 });
  } finally {
    agent.kill('SIGTERM');
    await new Promise((resolve) => (agent.exitCode === null && agent.signalCode === null ? agent.once('exit', resolve) : resolve(null)));
  }
});

test('every page of the fleet in both themes, and in Chinese', async ({ host: { page } }, info) => {
  test.setTimeout(240_000);
  await runningFleet(page, 5, 2);
  const pages = [['devices', '/fleet'], ['device', '/fleet/device/demo-beijing-1-1'], ['stores', '/fleet/stores'], ['joining', '/fleet/joining']] as const;
  for (const [theme, locale] of [['light', 'en'], ['dark', 'zh-CN'], ['dark', 'en']] as const) {
    await callRoute(page, 'settings.set', { theme, locale });
    for (const [name, path] of pages) {
      await go(page, path);
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
      await page.waitForTimeout(600);
      await page.screenshot({ path: join(info.project.outputDir, 'screens', `fleet-${name}-${theme}-${locale}.png`) });
      await expectAccessible(page, `${name}, ${theme}, ${locale}`);
    }
  }
  await callRoute(page, 'settings.set', { theme: 'dark', locale: 'zh-CN' });
  await go(page, '/fleet');
  await expect(page.getByText('全部为模拟')).toBeVisible();
  await page.getByRole('button', { name: '添加设备' }).click();
  await expectAccessible(page, 'adding a device, in Chinese');
});
