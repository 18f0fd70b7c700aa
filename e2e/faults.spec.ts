/** Pulling the plug: the engine's processes, then the host itself. Nothing is lost, and the person is told. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from '@playwright/test';
import { browserArguments, expect, serve, test } from './support/host.ts';
import { chooseData, openModel, sample } from './support/steps.ts';
import { chromiumExecutable } from '../scripts/lib/chromium.mjs';

/** Processes below `pid` whose command line names `entry`. */
function descendants(pid: number, entry: string): number[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/u.test(name)).flatMap((name) => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      return [{ pid: Number(name), parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]), command: readFileSync(`/proc/${name}/cmdline`, 'latin1') }];
    } catch {
      // It has ended in the meantime.
      return [];
    }
  });
  const family = new Set([pid]);
  // Parents have smaller ids than their children only by habit: look until nobody is added.
  for (let size = 0; size !== family.size; ) {
    size = family.size;
    for (const process of all) if (family.has(process.parent)) family.add(process.pid);
  }
  return all.filter((process) => process.pid !== pid && family.has(process.pid) && process.command.includes(entry)).map((process) => process.pid);
}

for (const entry of ['inference-child', 'job-process']) {
  test(`the ${entry} is killed in the middle of a run`, async ({ host: { page, pid, dataFolder } }, info) => {
    test.skip(process.platform !== 'linux', 'finds the process through /proc');
    test.skip(info.project.metadata['host'] === 'desktop', 'utility processes look alike from outside; main/processes/*.test.ts kills them');
    await openModel(page, sample.model);
    await page.getByRole('radio', { name: /^int8 needs data/ }).check();
    await chooseData(page, sample.pictures);
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await expect.poll(() => descendants(pid, entry).length, { intervals: [50] }).toBeGreaterThan(0);
    await page.waitForTimeout(700);
    // A calibration whose runtime is killed goes on by itself, once: so it is killed until that is said.
    await expect(async () => {
      for (const victim of descendants(pid, entry)) process.kill(victim, 'SIGKILL');
      await expect(page.getByText('RUNTIME_CRASHED').first()).toBeVisible({ timeout: 200 });
    }).toPass({ timeout: 30_000, intervals: [100] });
    expect(readdirSync(join(dataFolder, 'jobs'))).toEqual([]);
    // The host is as it was: the same run goes through at the second try.
    await page.getByRole('button', { name: 'Run again' }).click();
    await expect(page.getByText(/3\.\d+× smaller/)).toBeVisible({ timeout: 90_000 });
  });
}

test('the host is killed in the middle of a run: the next start tells and runs it again', async () => {
  test.skip(test.info().project.metadata['host'] === 'desktop', 'the browser host is started by hand here');
  const dataFolder = mkdtempSync(join(tmpdir(), 'edgewise-e2e-'));
  const browser = await chromium.launch({ executablePath: chromiumExecutable() ?? '/usr/bin/chromium', args: browserArguments });
  try {
    const first = await serve(dataFolder, false);
    const page = await browser.newPage();
    await page.goto(first.url);
    await openModel(page, sample.model);
    await page.getByRole('radio', { name: /^int8 needs data/ }).check();
    await chooseData(page, sample.pictures);
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await expect.poll(() => descendants(first.pid, 'inference-child').length, { intervals: [50] }).toBeGreaterThan(0);
    const children = descendants(first.pid, 'job-process');
    await first.kill();
    await expect.poll(() => children.filter((child) => readdirSync('/proc').includes(String(child)))).toEqual([]);
    await page.close();

    const second = await serve(dataFolder, false);
    const again = await browser.newPage();
    await again.goto(second.url);
    await expect(again.getByText('Interrupted').first()).toBeVisible();
    await again.getByRole('button', { name: 'Run again' }).first().click();
    await expect(again.getByText(/3\.\d+× smaller/)).toBeVisible({ timeout: 90_000 });
    await second.close();
  } finally {
    await browser.close();
    rmSync(dataFolder, { recursive: true, force: true });
  }
});
