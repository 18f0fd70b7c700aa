/**
 * The table of devices with ten thousand rows, in the browser host with a real browser: from a letter in the filter field, or a click on a column's head,
 * until the rows that follow from it are painted. The filter's answer over the WebSocket is in it. Prints one JSON object. Needs the build and Chromium.
 *
 *     node bench/fleet-table.ts [--devices 10000] [--rounds 7]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium, type Page } from '@playwright/test';
import { callRoute } from '../e2e/support/call-route.ts';
import { browserArguments, serve } from '../e2e/support/host.ts';
import { chromiumExecutable } from '../scripts/lib/chromium.mjs';
import { spreadMs, timed } from './page-timing.ts';

const { values: flags } = parseArgs({ options: { devices: { type: 'string', default: '10000' }, rounds: { type: 'string', default: '7' } } });
const DEVICES = Number(flags.devices);
const ROUNDS = Number(flags.rounds);
const PER_STORE = 10;
const LIMIT_MS = 100;
const REGIONS = ['East', 'North', 'South', 'Southwest', 'Central'];
const CLASSES = ['edge-box', 'smart-camera', 'gateway'];
const WORKLOADS = ['customer-flow', 'face-recognition', 'shelf-check'];

async function register(page: Page): Promise<void> {
  const shops = Math.ceil(DEVICES / PER_STORE);
  const of = (values: readonly string[], at: number): string => values[at % values.length] ?? '';
  const stores = ['id,name,region,time_zone,latitude,longitude', ...Array.from({ length: shops }, (_, at) => `s${at},Store ${at},${of(REGIONS, at)},Asia/Shanghai,${20 + ((at * 7) % 200) / 10},${100 + ((at * 13) % 220) / 10}`)];
  const devices = ['id,store,class,workload,tags', ...Array.from({ length: DEVICES }, (_, at) => `device-${(at * 7919) % DEVICES}-${at},s${at % shops},${of(CLASSES, at)},${of(WORKLOADS, at >> 1)},${at % 9 === 0 ? 'pilot' : ''}`)];
  for (const [kind, lines] of [['stores', stores], ['devices', devices]] as const) {
    const { token } = await callRoute(page, 'fleet.importPreview', { kind, text: lines.join('\n') });
    await callRoute(page, 'fleet.importApply', { token });
  }
}

const type = (text: string, found: string): string =>
  timed(`const field = document.getElementById('fleet-filter'); field.value = ${JSON.stringify(text)}; field.dispatchEvent(new Event('input', { bubbles: true }))`, `[...document.querySelectorAll('label')].some((label) => label.textContent.trim() === ${JSON.stringify(found)})`);
const sort = (column: string, order: string): string =>
  timed(
    `window.headOf = () => [...document.querySelectorAll('[role=columnheader]')].find((head) => head.textContent.trim() === ${JSON.stringify(column)}); headOf().querySelector('button').click()`,
    `headOf().getAttribute('aria-sort') === ${JSON.stringify(order)} && document.querySelector('[role=row][aria-rowindex="2"]') !== null`,
  );

const folder = mkdtempSync(join(tmpdir(), 'edgewise-fleet-table-'));
const served = await serve(join(folder, 'data'), false);
const browser = await chromium.launch({ executablePath: chromiumExecutable() ?? '/usr/bin/chromium', args: browserArguments });
try {
  const page = await (await browser.newContext({ viewport: { width: 1920, height: 1080 }, locale: 'en-GB' })).newPage();
  await page.goto(served.url);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await register(page);
  await page.getByRole('link', { name: 'Fleet' }).click();
  await page.getByText(`${DEVICES.toLocaleString('en')} devices`, { exact: true }).waitFor({ timeout: 60_000 });
  await page.waitForTimeout(1500);
  const count = (share: readonly unknown[]): string => `${share.length.toLocaleString('en')} devices`;
  const filters = await Promise.all(['region = East', 'store 12', 'class in (edge-box, gateway) and not tag = pilot', ''].map(async (filter) => [filter, filter === 'store 12' ? [] : (await callRoute(page, 'fleet.match', { filter })).ids] as const));
  const filtering: number[] = [];
  const sorting: number[] = [];
  const sorted = [['Device', 'ascending'], ['Device', 'descending'], ['Store', 'ascending'], ['Store', 'descending'], ['Workload', 'ascending'], ['Presence', 'ascending'], ['Region', 'ascending']] as const;
  const measure = async (text: string): Promise<number> => ((await page.evaluate(text)) as readonly number[])[0] ?? Number.NaN;
  for (let turn = 0; turn < ROUNDS; turn++) {
    for (const [filter, ids] of filters) {
      if (ids.length === 0) continue;
      filtering.push(await measure(type(filter, count(ids))));
      await page.waitForTimeout(150);
    }
    for (const [column, order] of sorted) {
      sorting.push(await measure(sort(column, order)));
      await page.waitForTimeout(150);
    }
    // Back to no order for the next turn.
    await page.getByRole('columnheader', { name: 'Region' }).getByRole('button').click();
    await page.getByRole('columnheader', { name: 'Region' }).getByRole('button').click();
    await page.waitForTimeout(150);
  }
  const result = { devices: DEVICES, rounds: ROUNDS, limitMs: LIMIT_MS, filter: spreadMs(filtering), sort: spreadMs(sorting) };
  console.log(JSON.stringify(result, null, 2));
  if (result.filter.p95Ms > LIMIT_MS || result.sort.p95Ms > LIMIT_MS) process.exitCode = 1;
} finally {
  await browser.close();
  await served.close();
  rmSync(folder, { recursive: true, force: true });
}
