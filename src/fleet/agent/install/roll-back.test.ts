/** The order to go back to the version before: what it does, what it refuses, and that no kill and no power cut in it leaves a device without a good model. */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../base/random.ts';
import { nodeDisk } from './disk.ts';
import { blobsFrom, deviceOn, install, modelBytes, publish, type Published, type TestDevice } from './testing/device.ts';
import { PowerCut, lossyDisk } from './testing/lossy-disk.ts';

const SIZE = 20_000;
const v1 = modelBytes('healthy', 1, SIZE);
let folder: string;
let one: Published;
let two: Published;
let three: Published;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'edgewise-roll-back-'));
  [one, two, three] = [await publish(1, v1), await publish(2, modelBytes('healthy', 2, SIZE), [v1]), await publish(3, modelBytes('healthy', 3, SIZE))];
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function on(disk: Parameters<typeof deviceOn>[0], inMemory = false): Promise<TestDevice> {
  const device = deviceOn(disk, blobsFrom(one, two, three), { inMemory });
  await device.installer.boot();
  return device;
}

/** A device that runs version 2 and ran version 1 before. */
async function withTwo(name: string): Promise<TestDevice> {
  mkdirSync(join(folder, name));
  const device = await on(nodeDisk(join(folder, name)));
  await install(device.installer, one, 'x:');
  await install(device.installer, two, 'x:');
  device.states.length = 0;
  return device;
}

describe('the order to go back', () => {
  it('starts the version before, and the one that was left does not come back by itself when the record is lost', async () => {
    const { installer, host, states } = await withTwo('back');
    await installer.rollBack();
    expect(await installer.settled()).toMatchObject({ state: 'rolled_back', active: 'a', good: 'a', failure: null });
    expect(states).toEqual(['rolling_back', 'rolled_back']);
    expect(host.running()).toBe(one.accepted.sha256);
    await expect(installer.rollBack()).rejects.toThrowError(expect.objectContaining({ code: 'CONFLICT' }));
    rmSync(join(folder, 'back/install.json'));
    const again = await on(nodeDisk(join(folder, 'back')));
    expect(again.host.running()).toBe(one.accepted.sha256);
    await install(again.installer, three, 'x:');
    expect(again.host.running()).toBe(three.accepted.sha256);
  });

  it('is refused by name on a device that has had one version only, and what runs runs on', async () => {
    mkdirSync(join(folder, 'first'));
    const { installer, host } = await on(nodeDisk(join(folder, 'first')));
    await install(installer, one, 'x:');
    await expect(installer.rollBack()).rejects.toThrowError(expect.objectContaining({ code: 'NO_GOOD_SLOT' }));
    expect(installer.record()).toMatchObject({ state: 'succeeded', active: 'a' });
    expect(host.running()).toBe(one.accepted.sha256);
  });

  it('is refused when the version before is damaged, or was written over by a candidate', async () => {
    const damaged = await withTwo('damaged');
    writeFileSync(join(folder, 'damaged/slots/a/model.onnx'), 'rubbish');
    await expect(damaged.installer.rollBack()).rejects.toThrowError(expect.objectContaining({ code: 'NO_GOOD_SLOT' }));
    expect(damaged.host.running()).toBe(two.accepted.sha256);
    const over = await withTwo('over');
    await over.installer.offer(three.accepted, 'x:');
    await over.installer.settled();
    await over.installer.cancel();
    await expect(over.installer.rollBack()).rejects.toThrowError(expect.objectContaining({ code: 'NO_GOOD_SLOT' }));
    expect(over.host.running()).toBe(two.accepted.sha256);
  });

  it('to postpone a benchmark is refused where none is under way', async () => {
    mkdirSync(join(folder, 'postponed'));
    const device = await on(nodeDisk(join(folder, 'postponed')));
    await install(device.installer, one, 'x:');
    await expect(device.installer.postpone()).rejects.toThrowError(expect.objectContaining({ code: 'CONFLICT' }));
  });

  it('the power goes at every operation of it: one of the two versions runs, and it can be said again', async () => {
    const installed = lossyDisk();
    const first = await on(installed, true);
    await install(first.installer, one, 'x:');
    await install(first.installer, two, 'x:');
    const image = installed.restart(() => 0);
    let operations = 1;
    for (let nth = 1; nth <= operations; nth++) {
      for (let seed = 0; seed < 4; seed++) {
        const random = seededRandom(nth * 10 + seed);
        let disk = image.restart(() => 0).restart(random);
        disk.cutAt(nth);
        try {
          const { installer } = await on(disk, true);
          await installer.rollBack();
          await installer.settled();
        } catch (error) {
          if (!(error instanceof PowerCut)) throw error;
        }
        operations = Math.max(operations, Math.min(60, disk.operations() + 1));
        disk = disk.restart(random);
        const { installer, host } = await on(disk, true);
        const { active, good, state } = await installer.settled();
        expect([active, good], `operation ${nth}, seed ${seed}`).toEqual([good, expect.stringMatching(/[ab]/)]);
        if (state !== 'rolled_back') await installer.rollBack();
        expect(await installer.settled()).toMatchObject({ state: 'rolled_back', failure: null });
        expect(host.running()).toBe(one.accepted.sha256);
      }
    }
    expect(operations).toBeGreaterThan(6);
  });

  it('SIGKILL at every point of it: afterwards the order is either carried out or can be given again', async () => {
    await withTwo('image');
    const run = (device: string, at: number): Promise<{ killed: boolean; points: number }> =>
      new Promise((resolve, reject) => {
        const child = spawn(process.execPath, [join(import.meta.dirname, 'testing/install-process.ts'), device, '', '', String(at)], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled') } });
        let out = '';
        child.stdout.on('data', (data: Buffer) => (out += data.toString()));
        child.on('close', (code, signal) => {
          if (signal === 'SIGKILL') resolve({ killed: true, points: 0 });
          else if (code === 0) resolve({ killed: false, points: (JSON.parse(out) as { points: number }).points });
          else reject(new Error(`the device ended with ${code}`));
        });
      });
    const fresh = (name: string): string => {
      const device = join(folder, `kill-${name}`);
      cpSync(join(folder, 'image'), device, { recursive: true });
      return device;
    };
    const { points } = await run(fresh('whole'), 0);
    expect(points).toBeGreaterThan(10);
    for (let at = 1; at <= points; at++) {
      const device = fresh(String(at));
      expect((await run(device, at)).killed).toBe(true);
      const { installer, host } = await on(nodeDisk(device));
      const { state } = await installer.settled();
      expect([one.accepted.sha256, two.accepted.sha256], `point ${at}`).toContain(host.running());
      if (state !== 'rolled_back') await installer.rollBack();
      await installer.settled();
      expect(host.running(), `point ${at}`).toBe(one.accepted.sha256);
      expect(existsSync(join(device, 'slots/b.json')), `point ${at}`).toBe(false);
    }
  });
});
