/** Where a model should run: asked from the model's panel, answered with estimates that look like estimates. */
import { join } from 'node:path';
import { expectAccessible } from './support/accessibility.ts';
import { callRoute } from './support/call-route.ts';
import { expect, test } from './support/host.ts';
import { sample } from './support/steps.ts';

const SIZES = [
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
];

test('from a model to the cheapest machine, and why', async ({ host: { page } }) => {
  const { id } = await callRoute(page, 'models.import', { path: sample.model });
  await page.evaluate(`location.hash = '#/models/${id}'`);
  await page.getByRole('button', { name: 'Where should it run?' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Where should it run?' })).toBeVisible();

  const table = page.getByRole('table', { name: 'Ways to run it' });
  await expect(table.getByRole('row')).not.toHaveCount(1);
  await expect(page.getByText('Nothing in this table was measured on the machine itself.', { exact: false })).toBeVisible();
  const first = table.getByRole('row').nth(1);
  await expect(first.getByRole('button')).toHaveAttribute('aria-pressed', 'true');

  const panel = page.getByRole('region', { name: 'Chosen way' });
  await expect(panel.getByText('Which part on which unit')).toBeVisible();
  await panel.getByText('Where the figures come from').click();
  await expect(panel.getByText('data sheet', { exact: false }).or(panel.getByText('estimate 20', { exact: false })).first()).toBeVisible();

  // More frames: other machines, and where one device is not enough a second unit helps.
  const before = await first.getByRole('button').textContent();
  await page.getByLabel('Frames/s per store').fill('20000');
  await expect(first.getByRole('button')).not.toHaveText(before ?? '');
  await page.getByLabel('Show every way').check();
  await expect(table.getByRole('row')).not.toHaveCount(0);

  // A field that makes no sense is marked, and the last answer stays.
  await page.getByLabel('Frames/s per store').fill('0');
  await expect(page.getByLabel('Frames/s per store')).toHaveAttribute('aria-invalid', 'true');
  await expect(first).toBeVisible();

  await page.getByLabel('Frames/s per store').fill('10');
  await page.getByLabel('Answer within ms').fill('0.5');
  await expect(page.getByText('No way to run it answers within', { exact: false }).first()).toBeVisible();
});

test('an empty library says what to do', async ({ host: { page } }) => {
  await page.keyboard.press('Control+K');
  await page.keyboard.type('where should it run');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: 'Go to Models' })).toBeVisible();
});

test('by keyboard: a machine is chosen, the panel is closed', async ({ host: { page } }) => {
  await callRoute(page, 'models.import', { path: sample.model });
  await page.evaluate("location.hash = '#/savings/advisor'");
  const second = page.getByRole('table', { name: 'Ways to run it' }).getByRole('row').nth(2).getByRole('button');
  await second.focus();
  await page.keyboard.press('Enter');
  await expect(second).toHaveAttribute('aria-pressed', 'true');
  const panel = page.getByRole('region', { name: 'Chosen way' });
  await expect(panel.getByRole('heading', { level: 2 })).toHaveText((await second.textContent()) ?? '');
  await panel.getByRole('button', { name: 'Close' }).press('Enter');
  await expect(panel).toBeHidden();
});

test('in both themes and languages', async ({ host: { page } }, info) => {
  await callRoute(page, 'models.import', { path: sample.model });
  for (const [locale, word] of [['en', 'Where should it run?'], ['zh-CN', '在哪里运行？']] as const) {
    for (const theme of ['light', 'dark'] as const) {
      await page.evaluate("location.hash = '#/settings'");
      await page.locator(`input[type=radio][value="${theme}"]`).check({ force: true });
      await page.locator(`input[type=radio][value="${locale}"]`).check({ force: true });
      await page.evaluate("location.hash = '#/savings/advisor'");
      await expect(page.getByRole('heading', { level: 1, name: word })).toBeVisible();
      await expect(page.getByRole('row').nth(1)).toBeVisible();
      for (const size of SIZES) {
        await page.setViewportSize(size);
        await page.waitForTimeout(300);
        await page.screenshot({ path: join(info.project.outputDir, 'screens', `advisor-${theme}-${locale}-${size.width}.png`) });
      }
      await expectAccessible(page, `advisor, ${theme}, ${locale}`);
    }
  }
});
