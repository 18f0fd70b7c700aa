/**
 * The device's process is killed (SIGKILL) at each of its states and effects, and once more while it recovers: afterwards there is always
 * one good slot, nothing runs that was not verified and confirmed, and the next update goes through.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHUNK_BYTES } from '../../../contract/records/artifact.ts';
import { nodeDisk } from './disk.ts';
import { INSTALL_STATES } from './install-table.ts';
import { deviceOn, install, modelBytes, publish, serveBlobs, type BlobServer, type Nature, type Published } from './testing/device.ts';

let folder: string;
let server: BlobServer;
let one: Published;
let fine: Published;
const SIZE = 60_000;
const v1 = modelBytes('healthy', 1, SIZE);
/** Two at a time: a test machine has two processors. */
const LANES = 2;
/** EDGEWISE_KILL=all leaves no point out. */
const EVERY_POINT = process.env['EDGEWISE_KILL'] === 'all';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'edgewise-kill-'));
  server = await serveBlobs();
  one = await publish(1, v1);
  fine = await publish(9, modelBytes('healthy', 9, SIZE), [v1]);
  for (const published of [one, fine]) server.add(published);
  mkdirSync(join(folder, 'image'));
  const { installer } = deviceOn(nodeDisk(join(folder, 'image')), globalThis.fetch);
  await installer.boot();
  await install(installer, one, server.url);
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

interface End {
  readonly killed: boolean;
  readonly points: number;
  readonly state: string;
}

function run(device: string, offer: string, at: number): Promise<End> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'testing/install-process.ts'), device, server.url, offer, String(at)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled') },
    });
    let [out, errors] = ['', ''];
    child.stdout.on('data', (data: Buffer) => (out += data.toString()));
    child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve({ killed: true, points: 0, state: '' });
      else if (code === 0) resolve({ killed: false, ...(JSON.parse(out) as { points: number; state: string }) });
      else reject(new Error(`the device ended with ${code}: ${errors}`));
    });
  });
}

const total = { kills: 0, states: new Set<string>() };

describe('SIGKILL', () => {
  it.each([
    ['healthy', 'succeeded', SIZE, 1],
    ['sick', 'rolled_back', SIZE, 1],
    // The way to the benchmark is the same as above.
    ['slow', 'rejected', SIZE, 7],
    ['healthy', 'succeeded', CHUNK_BYTES + 5000, 7],
  ] as const)('at every point of an install of a %s model that ends as %s (%d bytes, step %d)', async (nature: Nature, ending, size, sparse) => {
    const step = EVERY_POINT ? 1 : sparse;
    const next = await publish(2, modelBytes(nature, 2, size), size === SIZE ? [v1] : []);
    server.add(next);
    const offer = join(folder, `offer-${nature}-${size}.json`);
    writeFileSync(offer, JSON.stringify({ accepted: next.accepted }));
    const fresh = (name: string): string => {
      const device = join(folder, `${nature}-${size}-${name}`);
      cpSync(join(folder, 'image'), device, { recursive: true });
      return device;
    };
    const whole = await run(fresh('whole'), offer, 0);
    expect(whole.state).toBe(ending);
    let kills = 0;
    const lane = async (first: number): Promise<void> => {
      // From the end, where what is left of the table is.
      for (let at = whole.points - first * step; at >= 1; at -= LANES * step) {
        const device = fresh(String(at));
        expect((await run(device, offer, at)).killed).toBe(true);
        kills++;
        // Every third dies again on its way back.
        if (at % 3 === 0 && (await run(device, offer, 1 + (at % 11))).killed) kills++;
        await expectGood(device, next, nature === 'healthy', `killed at point ${at}`);
        rmSync(device, { recursive: true });
      }
    };
    await Promise.all(Array.from({ length: LANES }, (_, index) => lane(index)));
    total.kills += kills;
    process.stdout.write(`kills, ${nature} model of ${size} bytes: ${kills}, of ${whole.points} points every ${step}.\n`);
  });

  it('was sent at least 200 times, and met the device in every state that an install goes through', () => {
    expect(total.kills).toBeGreaterThanOrEqual(200);
    expect(INSTALL_STATES.filter((state) => state !== 'idle' && !total.states.has(state))).toEqual([]);
    process.stdout.write(`kills in all: ${total.kills}\n`);
  });
});

async function expectGood(device: string, next: Published, nextIsGood: boolean, where: string): Promise<void> {
  const disk = nodeDisk(device);
  total.states.add((JSON.parse((await disk.readText('install.json')) ?? '{}') as { state?: string }).state ?? 'none');
  const { installer, host } = deviceOn(disk, globalThis.fetch);
  await installer.boot();
  const { active, good, state } = await installer.settled();
  expect([good, active], where).toEqual([active, expect.stringMatching(/[ab]/)]);
  // The host has compared every byte with what was signed before it said that it runs.
  expect(nextIsGood ? [one.accepted.sha256, next.accepted.sha256] : [one.accepted.sha256], `${where}, ${state}`).toContain(host.running());
  await install(installer, fine, server.url);
  expect(host.running(), where).toBe(fine.accepted.sha256);
}
