/** What was saved: from nothing measured to a report, over the demo's past. Everything of it is simulated, and says so. */
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { expectAccessible } from './support/accessibility.ts';
import { callRoute } from './support/call-route.ts';
import { expect, test } from './support/host.ts';

/** Shops with six weeks behind them; the line on any ports that are free. */
async function startDemo(page: Page): Promise<void> {
  await callRoute(page, 'fleet.setLink', { enabled: true, host: '127.0.0.1', brokerPort: 0, artifactsPort: 0, external: null, bytesPerS: null });
  await callRoute(page, 'fleet.startDemo', { stores: 30, devicesPerStore: 1 });
}

async function setTheme(page: Page, theme: 'light' | 'dark'): Promise<void> {
  await callRoute(page, 'settings.set', { theme });
  await expect(page.locator(`html[data-theme=${theme}]`)).toBeAttached();
}

test('nothing measured: one sentence, and where to go', async ({ host: { page } }) => {
  await page.getByRole('link', { name: 'Savings' }).click();
  await expect(page.getByText('No device has measured anything yet.')).toBeVisible();
  await expectAccessible(page, 'savings, empty');
  await page.getByRole('button', { name: 'Go to Fleet' }).click();
  await expect(page.getByRole('heading', { name: 'Fleet', level: 1 })).toBeVisible();
});

test('from the chain to one row of a measurement, and back onto paper', async ({ host: { page } }) => {
  test.setTimeout(150_000);
  await startDemo(page);
  await page.getByRole('link', { name: 'Savings' }).click();
  const headline = page.getByRole('region', { name: 'Saved energy at equal work' });
  await expect(headline.getByText('Proven saving')).toBeVisible({ timeout: 30_000 });
  await expect(headline.getByText(/^95 %: /).first()).toBeVisible();
  await expect(headline.getByText(/^sim: /)).toBeVisible();
  await expect(headline.getByText('model', { exact: true })).toBeVisible();
  await expect(headline.getByText('25 % less in all')).toBeVisible();
  const money = page.getByRole('region', { name: 'Money and more, apart' });
  const shown = await money.textContent();
  await expectAccessible(page, 'savings, chain, light');

  // Another period is another figure, and the address of the figure stays in sight.
  await page.getByText('7 days', { exact: true }).click();
  await expect(money).not.toHaveText(shown ?? '');
  await page.getByText('30 days', { exact: true }).click();
  await expect(money).toHaveText(shown ?? '');

  // Each chart is a table as well, and a file.
  const waterfall = page.getByRole('region', { name: 'From baseline to optimized' });
  await waterfall.getByRole('button', { name: 'Show as a table' }).click();
  await expect(waterfall.getByRole('cell', { name: 'Less per inference' })).toBeVisible();
  const [csv] = await Promise.all([page.waitForEvent('download'), waterfall.getByRole('button', { name: 'Save as CSV' }).click()]);
  expect(readFileSync(await csv.path(), 'utf8')).toContain('Less per inference,');
  await waterfall.getByRole('button', { name: 'Show as a chart' }).click();
  const [png] = await Promise.all([page.waitForEvent('download'), waterfall.getByRole('button', { name: 'Save as a picture' }).click()]);
  expect(readFileSync(await png.path()).subarray(1, 4).toString()).toBe('PNG');
  await page.getByRole('application', { name: /^From baseline/ }).focus();
  await page.keyboard.press('ArrowRight');
  await expect(waterfall.getByText(/^Cause: Baseline; CNY:/)).toBeAttached();

  // Down: a store, its device, its rows. The figure is the same on the way.
  await page.getByRole('searchbox', { name: 'Filter by name or region' }).fill('Hangzhou');
  await page.getByRole('table', { name: 'Stores' }).getByRole('link', { name: 'Hangzhou 1' }).click();
  await expect(page.getByRole('heading', { name: 'Hangzhou 1' })).toBeVisible();
  const ofStore = await headline.locator('.big .num').textContent();
  await expectAccessible(page, 'savings, store, light');
  await page.getByRole('table', { name: 'Devices' }).getByRole('link').first().click();
  await expect(page.getByRole('heading', { name: /^Measurements of/ })).toBeVisible();
  await expect(headline.locator('.big .num')).toHaveText(ofStore ?? '');
  await expect(page.getByRole('row').filter({ hasText: 'demo float model' }).first()).toBeVisible();
  await expectAccessible(page, 'savings, measurements, light');
  const [rows] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save as CSV' }).click()]);
  const lines = readFileSync(await rows.path(), 'utf8').trim().split('\r\n');
  expect(lines.filter((line) => line.startsWith('before,')).length).toBeGreaterThan(100);
  expect(lines.filter((line) => line.startsWith('after,')).length).toBeGreaterThan(100);

  await setTheme(page, 'dark');
  await page.getByRole('link', { name: 'All stores' }).click();
  await expect(headline.getByText('Proven saving')).toBeVisible();
  await expectAccessible(page, 'savings, chain, dark');
  const [report] = await Promise.all([page.waitForEvent('download', { timeout: 90_000 }), page.getByRole('button', { name: 'PDF report' }).click()]);
  expect(report.suggestedFilename()).toMatch(/^Edgewise savings .*\.pdf$/);
  expect(readFileSync(await report.path()).subarray(0, 5).toString()).toBe('%PDF-');
});

test('assumptions change the figures; a decision makes capacity money; what if asks on', async ({ host: { page } }) => {
  test.setTimeout(120_000);
  await startDemo(page);
  await page.getByRole('link', { name: 'Savings' }).click();
  const parts = page.getByRole('region', { name: 'Money and more, apart' });
  await expect(parts.getByText('no decision recorded')).toBeVisible({ timeout: 30_000 });

  await page.getByRole('link', { name: 'Assumptions' }).click();
  await expectAccessible(page, 'savings, assumptions');
  await page.getByRole('button', { name: 'Record a decision' }).click();
  await page.getByLabel('Decided by').fill('A. Person');
  await page.getByLabel('Since').fill('2026-01-01');
  await page.getByRole('region', { name: 'Decisions on hardware' }).getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Devices removed: 1')).toBeVisible();
  const pue = page.getByRole('spinbutton', { name: /^Cooling and lines of the store/ });
  await pue.fill('1.5');
  await pue.blur();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('The assumptions are kept.')).toBeVisible();

  await page.getByRole('link', { name: 'Overview' }).click();
  await expect(parts.getByText('no decision recorded')).toBeHidden();

  await page.getByRole('link', { name: 'What if' }).click();
  await expect(page.getByText('estimate', { exact: true })).toBeVisible();
  const needed = page.getByRole('row', { name: /Devices needed/ });
  await expect(needed).toBeVisible();
  const before = await needed.textContent();
  await page.getByRole('slider', { name: /Frames a second/ }).fill('8');
  await expect(needed).not.toHaveText(before ?? '');
  await expectAccessible(page, 'savings, what if');

  await callRoute(page, 'settings.set', { locale: 'zh-CN' });
  await expect(page.getByRole('heading', { name: '节省', level: 1 })).toBeVisible();
  await page.getByRole('link', { name: '总览' }).click();
  await expect(page.getByText('节省已证实').first()).toBeVisible();
  await expectAccessible(page, 'savings in Chinese');
});
