/**
 * The graph view on networks of thousands of nodes, in the browser host with a real browser: time to the layout and to the first picture,
 * and the frames of a scripted walk (scroll, zoom in and out, the whole in sight). Prints one JSON object. Needs the build and Chromium.
 *   node bench/graph-view.ts [nodes ...]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from '@playwright/test';
import { z } from 'zod';
import { browserArguments, serve } from '../e2e/support/host.ts';
import { chromiumExecutable } from '../scripts/lib/chromium.mjs';
import { largeGraph } from '../test/support/large-graph.ts';

const FRAMES = 180;

/** One wheel event a frame; the times between frames, as the page has them. As text: this file is type-checked without the DOM. */
const walk = (event: string, frames: number): string => `new Promise((done) => {
  const canvas = document.querySelector('[role=application] canvas');
  const { width, height } = canvas.getBoundingClientRect();
  const gaps = [];
  let last = 0;
  let count = 0;
  const frame = (now) => {
    if (last > 0) gaps.push(now - last);
    last = now;
    if (count++ === ${frames}) return done(gaps);
    const at = canvas.getBoundingClientRect();
    canvas.dispatchEvent(new WheelEvent('wheel', { bubbles: true, cancelable: true, clientX: at.left + width / 2, clientY: at.top + height / 2, ...(${event})(count) }));
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})`;

const gaps = z.array(z.number());
const round = (value: number): number => Math.round(value * 10) / 10;

async function frames(page: Page, event: string): Promise<{ medianMs: number; p95Ms: number; worstMs: number; over33Ms: number }> {
  const found = gaps.parse(await page.evaluate(walk(event, FRAMES))).toSorted((a, b) => a - b);
  const at = (share: number): number => round(found[Math.min(found.length - 1, Math.floor(found.length * share))] ?? 0);
  return { medianMs: at(0.5), p95Ms: at(0.95), worstMs: round(found.at(-1) ?? 0), over33Ms: found.filter((gap) => gap > 34).length };
}

async function run(nodes: number): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'edgewise-graph-view-'));
  const served = await serve(join(folder, 'data'), false);
  const browser = await chromium.launch({ executablePath: chromiumExecutable() ?? '/usr/bin/chromium', args: browserArguments });
  try {
    const path = join(folder, 'large.onnx');
    const file = largeGraph(nodes);
    writeFileSync(path, file);
    const page = await (await browser.newContext({ viewport: { width: 1920, height: 1080 }, locale: 'en-GB' })).newPage();
    await page.goto(served.url);
    await page.locator('input[type=file]').first().setInputFiles(path);
    await page.getByText('large: ').waitFor();
    await page.getByRole('link', { name: 'Models' }).click();
    await page.getByText('large', { exact: true }).first().click();
    await page.getByRole('button', { name: 'Open graph' }).click();
    await page.getByRole('application').waitFor();
    await page.getByText('All nodes').click();
    await page.waitForTimeout(3000);
    const measured = z.array(z.tuple([z.string(), z.number()])).parse(await page.evaluate("performance.getEntriesByType('measure').map(({ name, duration }) => [name, duration])"));
    const [layoutUnitsMs = 0, layoutNodesMs = 0] = measured.filter(([name]) => name === 'graph:layout').map(([, duration]) => duration);
    const openMs = measured.find(([name]) => name === 'graph:painted')?.[1] ?? 0;
    const scroll = await frames(page, '(count) => ({ deltaY: count < 90 ? 120 : -60 })');
    const zoom = await frames(page, '(count) => ({ ctrlKey: true, deltaY: count < 90 ? 40 : -40 })');
    await page.getByRole('application').press('0');
    await page.waitForTimeout(500);
    const whole = await frames(page, '(count) => ({ deltaX: count % 2 ? 6 : -6, deltaY: count % 2 ? 6 : -6 })');
    return { nodes, fileBytes: file.byteLength, firstPictureMs: round(openMs), layoutUnitsMs: round(layoutUnitsMs), layoutAllNodesMs: round(layoutNodesMs), frames: { scroll, zoom, wholeInSight: whole } };
  } finally {
    await browser.close();
    await served.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const asked = process.argv.slice(2).map(Number);
const results: unknown[] = [];
for (const nodes of asked.length > 0 ? asked : [1000, 5000, 20_000]) results.push(await run(nodes));
console.log(JSON.stringify({ bench: 'graph-view', viewport: '1920x1080', graphics: 'software', results }, null, 2));
