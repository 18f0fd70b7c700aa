/** What several specs do: opening a model, choosing data, waiting for a run. */
import { join } from 'node:path';
import { expect, type Page } from '@playwright/test';

const resources = join(import.meta.dirname, '../../resources/sample');

export const sample = { model: join(resources, 'shelf-products.onnx'), pictures: join(resources, 'pictures') };

export async function openModel(page: Page, path: string): Promise<void> {
  await page.locator('input[type=file]').first().setInputFiles(path);
  await expect(page.getByRole('table').first()).toBeVisible();
}

/** Through the folder browser, by typing the path. */
export async function chooseData(page: Page, path: string): Promise<void> {
  await page.getByRole('button', { name: 'Browse', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox').first().fill(path);
  await dialog.getByRole('button', { name: 'Go', exact: true }).click();
  await dialog.getByRole('button', { name: 'Use this folder' }).click();
  await expect(dialog).toBeHidden();
}

/** Starts int8 on the sample and waits until it is done. */
export async function optimizeSample(page: Page): Promise<void> {
  await openModel(page, sample.model);
  await page.getByRole('radio', { name: /^int8 needs data/ }).check();
  await chooseData(page, sample.pictures);
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(page.getByRole('region', { name: /result/i }).getByText('Done', { exact: true }).first()).toBeVisible({ timeout: 90_000 });
}
