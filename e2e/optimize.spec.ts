/** From opening a model to a saved, smaller one, as a person does it. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from './support/host.ts';
import { chooseData, openModel, sample } from './support/steps.ts';

test.describe('the first start', () => {
  test.use({ firstRun: true });

  test('opens on the sample, made smaller and measured', async ({ host: { page } }) => {
    const result = page.getByRole('region', { name: /result/i });
    await expect(result.getByText('Done', { exact: true }).first()).toBeVisible({ timeout: 90_000 });
    await expect(result.getByText(/× smaller/)).toBeVisible();
    await expect(result.getByText(/faster|no proven speed-up|slower/).first()).toBeVisible();
    await expect(result.getByText('Agreement with the original')).toBeVisible();
  });
});

test('a model is opened, quantized on the sample pictures, looked at and saved', async ({ host: { page } }, info) => {
  await openModel(page, sample.model);
  await expect(page.getByText('18', { exact: true }).first()).toBeVisible();
  await expect(page.getByRole('row', { name: /block2\/conv/ })).toContainText('95.6 M');

  await page.getByRole('radio', { name: /^int8 needs data/ }).check();
  await chooseData(page, sample.pictures);
  await expect(page.getByText('8 classes')).toBeVisible();
  await expect(page.getByText('Preprocessing').first()).toBeVisible();
  await page.getByRole('button', { name: 'Run', exact: true }).click();

  const result = page.getByRole('region', { name: /result/i });
  await expect(result.getByRole('progressbar').first()).toBeVisible();
  await expect(result.getByText(/left|estimating/).first()).toBeVisible();
  await expect(result.getByText('Done', { exact: true }).first()).toBeVisible({ timeout: 90_000 });
  await expect(result.getByText(/3\.\d+× smaller/)).toBeVisible();
  await expect(result.getByText('quantize-static-int8').first()).toBeVisible();

  test.skip(info.project.name === 'desktop host', 'saving goes through a native dialog there');
  const [download] = await Promise.all([page.waitForEvent('download'), result.getByRole('button', { name: 'Save model' }).click()]);
  const saved = info.outputPath('saved.onnx');
  await download.saveAs(saved);
  const bytes = readFileSync(saved);
  expect(bytes.length).toBeLessThan(readFileSync(sample.model).length / 3);
  expect(bytes.includes('QuantizeLinear')).toBe(true);
});

test('cancel ends a run within a second and leaves nothing behind', async ({ host: { page, dataFolder } }) => {
  await openModel(page, sample.model);
  await page.getByRole('radio', { name: /^int8 needs data/ }).check();
  await chooseData(page, sample.pictures);
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  const result = page.getByRole('region', { name: /result/i });
  await expect(result.getByRole('progressbar').first()).toBeVisible();
  await page.waitForTimeout(300);
  await result.getByRole('button', { name: /cancel/i }).click();
  await expect(page.getByText('Cancelled. Nothing was left behind.')).toBeVisible({ timeout: 3_000 });
  expect(readdirSync(join(dataFolder, 'jobs'))).toEqual([]);
  await page.getByRole('link', { name: 'Models' }).click();
  await expect(page.getByText(/^1 model/)).toBeVisible();
});

test('a file that is no model is refused with its code, the next step and Copy', async ({ host: { page } }, info) => {
  const { writeFileSync } = await import('node:fs');
  const path = info.outputPath('page.onnx');
  writeFileSync(path, '<!doctype html><html><body>404</body></html>');
  await page.locator('input[type=file]').first().setInputFiles(path);
  const alert = page.getByRole('alert').filter({ hasText: 'NOT_ONNX' });
  await expect(alert).toBeVisible();
  await expect(alert.getByText('Next step:')).toBeVisible();
  await expect(alert.getByRole('button', { name: 'Copy' })).toBeVisible();
});
