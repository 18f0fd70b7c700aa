/** The graph view: search, choosing, before and after, chart and steps tied to the graph, keys alone, and a model of thousands of nodes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { largeGraph } from '../test/support/large-graph.ts';
import { expectAccessible } from './support/accessibility.ts';
import { expect, test } from './support/host.ts';
import { chooseData, openModel, sample } from './support/steps.ts';

/** A goal that int8 alone does not reach, so that layers are ranked and some stay in float. */
const STRICT = { version: 1, name: 'strict', steps: [{ step: 'simplify' }, { step: 'quantize-static-int8', options: { keepFloat: { sqnrDb: 33 } } }] };

async function openResult(page: Page): Promise<void> {
  await openModel(page, sample.model);
  await chooseData(page, sample.pictures);
  await page.getByRole('button', { name: 'Edit as JSON' }).click();
  await page.getByRole('textbox', { name: 'Recipe as JSON' }).fill(JSON.stringify(STRICT));
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.getByRole('button', { name: 'See layers' }).click({ timeout: 90_000 });
  await expect(page.getByRole('application', { name: 'Graph after: shelf-products strict' })).toBeVisible();
}

const unit = (page: Page) => page.getByRole('region', { name: 'Unit', exact: true });
const fact = (page: Page, name: string) => unit(page).locator('dt', { hasText: name }).first().locator('+ dd');

test('a layer is found, its cost and error are told, and its counterpart is shown', async ({ host: { page } }) => {
  await openResult(page);
  await page.keyboard.press('/');
  await page.keyboard.type('block3');
  await expect(page.getByRole('listbox', { name: 'Found' }).getByRole('option')).toHaveCount(2);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(unit(page).getByText('block3/conv').first()).toBeVisible();
  await expect(fact(page, 'Mult-adds')).toContainText('15.9');
  await expect(fact(page, 'Mult-adds')).toContainText('12.5 % of all');
  await expect(fact(page, 'Signal to noise')).toContainText('dB');
  await expect(fact(page, 'Sensitivity')).toContainText('with this layer alone in int8');
  await expect(page).toHaveURL(/node=block3\/conv/);

  // The other side of it, and back by the address.
  await unit(page).getByRole('button', { name: /^Conv \+ BN \+ Relu block3\/conv/ }).click();
  await expect(unit(page).getByText('before', { exact: true })).toBeVisible();
  await page.reload();
  await expect(unit(page).getByText('block3/conv').first()).toBeVisible();
});

test('chart, steps, list and graph choose for one another', async ({ host: { page } }) => {
  await openResult(page);
  const chart = page.getByRole('img', { name: /^Signal to noise of 6 layers/ });
  const box = await chart.boundingBox();
  if (!box) throw new Error('the chart is not in the page');
  // The last column: the classifier, which stayed in float.
  await page.mouse.click(box.x + box.width - 30, box.y + box.height / 2);
  await expect(unit(page).getByText('classifier').first()).toBeVisible();
  await expect(unit(page).getByText('kept in float')).toBeVisible();

  // The table says the same, and chooses too.
  await page.getByRole('radio', { name: 'Table' }).check({ force: true });
  await page.getByRole('button', { name: 'block1/relu' }).click();
  await expect(unit(page).getByText('block1/conv').first()).toBeVisible();

  // A step is told with what it touched; from the unit one comes to its steps.
  await unit(page).getByRole('button', { name: 'fold-batch-norm' }).click();
  const step = page.getByRole('button', { name: /^fold-batch-norm/ });
  await expect(step).toHaveAttribute('aria-pressed', 'true');
  await expect(step).toContainText('4 removed, 4 changed');

  await page.getByRole('radio', { name: 'List' }).check({ force: true });
  await page.getByRole('region', { name: 'Units in order' }).getByRole('button', { name: 'MaxPool' }).click();
  await expect(page).toHaveURL(/node=pool/);

  // A click into the picture: the box in the middle of the way down is found by its neighbours, so some box answers.
  const canvas = page.getByRole('application', { name: /^Graph after/ });
  const area = await canvas.boundingBox();
  if (!area) throw new Error('the graph is not in the page');
  await page.getByRole('radio', { name: 'Unit', exact: true }).check({ force: true });
  await canvas.press('Escape');
  await expect(page.getByText('Choose a unit in the graph')).toBeVisible();
  let hit = false;
  for (let y = area.y + 20; y < area.y + area.height && !hit; y += 20) {
    await page.mouse.click(area.x + area.width / 2, y);
    hit = await unit(page).getByRole('heading', { level: 2 }).isVisible();
  }
  expect(hit).toBe(true);
});

test('by keys alone: into the graph, along its edges, out again', async ({ host: { page } }) => {
  await openModel(page, sample.model);
  await page.getByRole('link', { name: 'Models' }).click();
  await page.getByText('shelf-products', { exact: true }).first().click();
  await page.getByRole('button', { name: 'Open graph' }).press('Enter');
  const canvas = page.getByRole('application', { name: 'Graph of shelf-products' });
  await expect(canvas).toBeVisible();
  await page.getByRole('button', { name: 'Fit all' }).focus();
  await page.keyboard.press('Tab');
  await expect(canvas).toBeFocused();
  await page.keyboard.press('0');
  await page.keyboard.press('+');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/node=/);
  const first = page.url();
  await page.keyboard.press('Shift+ArrowDown');
  await expect.poll(() => page.url()).not.toBe(first);
  await page.keyboard.press('Escape');
  await expect(page).not.toHaveURL(/node=/);
  // Nothing was measured for a model as it came, and the page says how to get there.
  await expect(page.getByText(/Errors are measured while a model is quantized/)).toBeVisible();
  await page.getByRole('button', { name: 'Optimize this model' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Optimize' })).toBeVisible();
});

test('a model of 5,000 nodes opens, is searched and is walked through', async ({ host: { page } }) => {
  const folder = mkdtempSync(join(tmpdir(), 'edgewise-large-'));
  try {
    const path = join(folder, 'large.onnx');
    writeFileSync(path, largeGraph(5000));
    await openModel(page, path);
    await page.getByRole('link', { name: 'Models' }).click();
    await page.getByText('large', { exact: true }).first().click();
    await page.getByRole('button', { name: 'Open graph' }).click();
    await expect(page.getByRole('application', { name: 'Graph of large' })).toBeVisible();
    await page.getByText('All nodes').click();
    await page.keyboard.press('Control+F');
    await page.keyboard.type('block249/branch3/conv2');
    await expect(page.getByRole('listbox', { name: 'Found' }).getByRole('option')).toHaveCount(1);
    await page.keyboard.press('Enter');
    await expect(unit(page).getByText('stage9/block249/branch3/conv2').first()).toBeVisible();
    await page.getByRole('application').press('0');
    await page.getByRole('radio', { name: 'List' }).check({ force: true });
    // The list is of what was searched for, and of everything again without.
    const table = page.getByRole('region', { name: 'Units in order' }).getByRole('table');
    await expect(table).toHaveAttribute('aria-rowcount', '2');
    await page.getByRole('combobox', { name: 'Search operator or name' }).fill('');
    await expect(table).toHaveAttribute('aria-rowcount', /^5\d{3}$/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a model that is not there is said so', async ({ host: { page } }) => {
  // The first page leads on to another: only then does an address stay.
  await expect(page.getByRole('heading', { level: 1, name: 'Optimize' })).toBeVisible();
  await page.evaluate("location.hash = '#/models/nobody/graph'");
  await expect(page.getByText(/no model with the id/)).toBeVisible();
});

test('in both themes and languages', async ({ host: { page } }, info) => {
  await openResult(page);
  const address = new URL(page.url()).hash;
  for (const locale of ['en', 'zh-CN'] as const) {
    for (const theme of ['light', 'dark'] as const) {
      await page.evaluate("location.hash = '#/settings'");
      await page.locator(`input[type=radio][value="${theme}"]`).check({ force: true });
      await page.locator(`input[type=radio][value="${locale}"]`).check({ force: true });
      await page.evaluate(`location.hash = '${address}&node=block3/conv'`);
      await expect(page.getByRole('application')).toHaveCount(2);
      for (const tab of ['unit', 'steps', 'list']) {
        await page.locator(`input[type=radio][value="${tab}"]`).check({ force: true });
        for (const size of tab === 'unit' ? [{ width: 1280, height: 800 }, { width: 1920, height: 1080 }] : [{ width: 1280, height: 800 }]) {
          await page.setViewportSize(size);
          await page.waitForTimeout(400);
          await page.screenshot({ path: join(info.project.outputDir, 'screens', `graph-${tab}-${theme}-${locale}-${size.width}.png`) });
        }
        await expectAccessible(page, `graph, ${tab}, ${theme}, ${locale}`);
      }
    }
  }
});
