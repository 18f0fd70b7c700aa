/** Every page in both themes and both languages: axe clean, and a screenshot to look at (test-results/screens). */
import { join } from 'node:path';
import { expectAccessible } from './support/accessibility.ts';
import { expect, test } from './support/host.ts';
import { optimizeSample } from './support/steps.ts';

const SIZES = [
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
];

test('pages in both themes and languages', async ({ host: { page } }, info) => {
  await optimizeSample(page);
  for (const [locale, word] of [['en', 'Optimize'], ['zh-CN', '优化']] as const) {
    for (const theme of ['light', 'dark'] as const) {
      await page.evaluate("location.hash = '#/settings'");
      await page.locator(`input[type=radio][value="${theme}"]`).check({ force: true });
      await page.locator(`input[type=radio][value="${locale}"]`).check({ force: true });
      await expect(page.getByRole('link', { name: word })).toBeVisible();
      for (const name of ['optimize', 'models', 'settings']) {
        await page.evaluate(`location.hash = '#/${name}'`);
        await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
        for (const size of SIZES) {
          await page.setViewportSize(size);
          await page.waitForTimeout(400);
          await page.screenshot({ path: join(info.project.outputDir, 'screens', `${name}-${theme}-${locale}-${size.width}.png`) });
        }
        await expectAccessible(page, `${name}, ${theme}, ${locale}`);
      }
    }
  }
});

test('everything is reached from the keyboard', async ({ host: { page } }) => {
  await page.keyboard.press('Control+K');
  const palette = page.getByRole('dialog');
  await expect(palette).toBeVisible();
  await page.keyboard.type('settings');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Settings' })).toBeVisible();
  await page.keyboard.press('Control+K');
  await expectAccessible(page, 'the palette');
});
