/** The library: lineage, comparing, deleting with a typed confirmation. */
import { expect, test } from './support/host.ts';
import { optimizeSample } from './support/steps.ts';

test('what was made from what is shown; deleting asks for the name', async ({ host: { page } }) => {
  await optimizeSample(page);
  await page.getByRole('link', { name: 'Models' }).click();
  await expect(page.getByText(/^2 models/)).toBeVisible();

  await page.getByRole('checkbox', { name: 'Compare shelf-products', exact: true }).check();
  await page.getByRole('checkbox', { name: 'Compare shelf-products int8', exact: true }).check();
  await page.getByRole('button', { name: 'Compare', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByRole('heading', { name: 'Two models side by side' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();

  await page.getByRole('row', { name: /shelf-products int8/ }).getByText('shelf-products int8').click();
  await expect(page.getByText('Lineage')).toBeVisible();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  const confirm = page.getByRole('dialog');
  const sure = confirm.getByRole('button', { name: 'Delete' });
  await expect(sure).toBeDisabled();
  await confirm.getByLabel('Type its name to confirm:').fill('shelf-products');
  await expect(sure).toBeDisabled();
  await confirm.getByLabel('Type its name to confirm:').fill('shelf-products int8');
  await sure.click();
  await expect(page.getByText(/^1 model,/)).toBeVisible();
});

test('an empty library says what to do', async ({ host: { page } }) => {
  await page.getByRole('link', { name: 'Models' }).click();
  await expect(page.getByRole('button', { name: 'Open a model' })).toBeVisible();
});
