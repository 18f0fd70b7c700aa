/**
 * The chain under Savings with 1,000 stores, 3,000 devices, a year of days and thirty days of hours, in the browser host with a real browser. Prints one JSON
 * object, ms: from the click on Savings until the chain's figure is painted (the page's code and the console's database cold, then warm), from a choice of the
 * filter or a letter in it until its rows are painted, and from another period until its figure is. Needs the build and Chromium.
 *
 *     node bench/savings-page.ts [--stores 1000] [--rounds 7]
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from '@playwright/test';
import { openDataFolder } from '../src/console/data-folder.ts';
import { createEventHub } from '../src/console/events.ts';
import { demoChain } from '../src/console/fleet/demo/demo-chain.ts';
import { createFleetRegistry } from '../src/console/fleet/registry/registry.ts';
import { openStore } from '../src/console/store/open-store.ts';
import { browserArguments, serve } from '../e2e/support/host.ts';
import { chromiumExecutable } from '../scripts/lib/chromium.mjs';
import { spreadMs, timed } from './page-timing.ts';

const { values: flags } = parseArgs({ options: { stores: { type: 'string', default: '1000' }, rounds: { type: 'string', default: '7' } } });
const STORES = Number(flags.stores);
const ROUNDS = Number(flags.rounds);
const DAYS = 365;
const HOUR_DAYS = 30;
const CHANGED_DAYS_AGO = 14;

function fill(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const data = openDataFolder(folder, new Date().toISOString());
  const store = openStore(data.database, 'bench');
  const registry = createFleetRegistry({ store, events: createEventHub(() => {}) });
  const chain = demoChain(STORES, 3);
  store.transaction(() => {
    for (const shop of chain.stores) registry.saveStore(shop);
    for (const device of chain.devices) registry.saveDevice({ ...device, simulated: true });
  });
  registry.close();
  store.close();
  const database = new DatabaseSync(data.database);
  const today = Math.floor(Date.now() / 86_400_000);
  database.exec(`INSERT INTO telemetry_words (id, word) VALUES (1, '${'a'.repeat(64)}'), (2, '${'b'.repeat(64)}'), (3, '{"tier":"modelled","source":"simulated","simulated":true}')`);
  // Seven stores of ten changed models; a day of noise from the numbers of device and day.
  const noise = `(((device * 7919 + bucket * 104729) % 1000) / 1000.0)`;
  const rows = (bucketsSql: string, hours: number, changed: number): string => `
    SELECT bucket, device, CASE WHEN (device / 3) % 10 < 7 AND bucket >= ${changed} THEN 2 ELSE 1 END AS digest, 3,
      ${hours}, ${hours * 3_600_000}.0, CAST(${hours} * (30000 + 4000 * ${noise}) AS INTEGER), 0, ${hours} * 500000.0,
      ${hours * 3_600_000}.0, ${hours} * (28800.0 + (CASE WHEN (device / 3) % 10 < 7 AND bucket >= ${changed} THEN 4000.0 ELSE 7000.0 END) * (0.9 + 0.2 * ${noise})), CAST(${hours} * (30000 + 4000 * ${noise}) AS INTEGER),
      ${hours * 3_600_000}.0, ${hours} * ((CASE WHEN (device / 3) % 10 < 7 AND bucket >= ${changed} THEN 4000.0 ELSE 7000.0 END) * (0.9 + 0.2 * ${noise})), CAST(${hours} * (30000 + 4000 * ${noise}) AS INTEGER),
      ${hours} * 150000.0, ${hours} * 240000.0, ${hours} * 30000, 12.5, ${hours} * 162000000.0, ${hours * 3_600_000}.0, 61.5, 0.0, 0.0, ${hours} * 27.0, ${hours} * 30
    FROM (SELECT number AS device FROM devices) CROSS JOIN (${bucketsSql}) ORDER BY bucket, device`;
  const range = (from: number, to: number): string => `WITH RECURSIVE n(bucket) AS (SELECT ${from} UNION ALL SELECT bucket + 1 FROM n WHERE bucket < ${to}) SELECT bucket FROM n`;
  database.exec('BEGIN');
  database.exec(`INSERT INTO telemetry_days ${rows(range(today - DAYS, today - 1), 24, today - CHANGED_DAYS_AGO)}`);
  database.exec(`INSERT INTO telemetry_hours ${rows(range((today - HOUR_DAYS) * 24, today * 24 - 1), 1, (today - CHANGED_DAYS_AGO) * 24)}`);
  database.exec(`INSERT INTO telemetry_runs SELECT device, digest, min(bucket) * 86400000.0, max(bucket) * 86400000.0 + 86399999.0 FROM telemetry_days GROUP BY device, digest`);
  database.exec('COMMIT');
  database.close();
  data.release();
}

const folder = mkdtempSync(join(tmpdir(), 'edgewise-savings-page-'));
const home = join(folder, 'data');
const begun = performance.now();
fill(home);
const filledSeconds = (performance.now() - begun) / 1000;
const served = await serve(home, false);
const browser = await chromium.launch({ executablePath: chromiumExecutable() ?? '/usr/bin/chromium', args: browserArguments });
try {
  const page = await (await browser.newContext({ viewport: { width: 1920, height: 1080 }, locale: 'en-GB' })).newPage();
  await page.goto(served.url);
  await page.getByRole('heading', { level: 1 }).waitFor();
  const measure = async (text: string): Promise<number> => ((await page.evaluate(text)) as readonly number[])[0] ?? Number.NaN;
  const shown = `document.querySelector('.headline .big .num') !== null && document.querySelector('.savings .old') === null`;
  const go = (path: string): string => `location.hash = ${JSON.stringify(`#${path}`)}`;
  const cold = await measure(timed(go('/savings'), shown));
  await page.waitForTimeout(1500);
  const warm: number[] = [];
  for (let turn = 0; turn < ROUNDS; turn++) {
    await page.evaluate(go('/settings'));
    await page.waitForTimeout(300);
    warm.push(await measure(timed(go('/savings'), shown)));
    await page.waitForTimeout(500);
  }
  const count = (rows: string): string => `document.querySelector('[role=table]')?.getAttribute('aria-rowcount') ${rows}`;
  const field = `document.querySelector('.ranked input[type=search]')`;
  const filters: number[] = [];
  for (let turn = 0; turn < ROUNDS; turn++) {
    for (const text of ['Berlin', 'East', 'shanghai 1', '']) {
      filters.push(await measure(timed(`const field = ${field}; window.was = document.querySelector('[role=table]').getAttribute('aria-rowcount'); field.value = ${JSON.stringify(text)}; field.dispatchEvent(new Event('input', { bubbles: true }))`, count('!== window.was'))));
      await page.waitForTimeout(100);
    }
    for (const choice of ['Not proven', 'All']) {
      filters.push(await measure(timed(`window.was = document.querySelector('[role=table]').getAttribute('aria-rowcount'); [...document.querySelectorAll('.ranked .choice')].find((each) => each.textContent.trim() === ${JSON.stringify(choice)}).querySelector('input').click()`, count('!== window.was'))));
      await page.waitForTimeout(100);
    }
  }
  const periods: number[] = [];
  for (let turn = 0; turn < 3; turn++) {
    for (const period of ['7 days', '90 days', '30 days']) {
      periods.push(await measure(timed(`window.said = document.querySelector('.head .state').textContent; [...document.querySelectorAll('.bar .choice')].find((each) => each.textContent.trim() === ${JSON.stringify(period)}).querySelector('input').click()`, `${shown} && document.querySelector('.head .state').textContent !== window.said`)));
      await page.waitForTimeout(300);
    }
  }
  console.log(JSON.stringify({ stores: STORES, devices: STORES * 3, days: DAYS, hoursOfDays: HOUR_DAYS, filledSeconds: Math.round(filledSeconds), chain: { coldMs: Math.round(cold), warm: spreadMs(warm) }, filter: spreadMs(filters), period: spreadMs(periods) }, null, 2));
} finally {
  await browser.close();
  await served.close();
  rmSync(folder, { recursive: true, force: true });
}
