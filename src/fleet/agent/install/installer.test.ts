/** What a device does with an update, on a real folder and from a real server. */
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CHUNK_BYTES } from '../../../contract/records/artifact.ts';
import { nodeDisk } from './disk.ts';
import { lossyDisk } from './testing/lossy-disk.ts';
import { blobsFrom, deviceOn, install, modelBytes, publish, serveBlobs, type BlobServer, type Published, type TestDevice } from './testing/device.ts';

const SIZE = CHUNK_BYTES + 50_000;
const v1 = modelBytes('healthy', 1, SIZE);
let server: BlobServer;
let one: Published;
let two: Published;
let folder: string;

beforeAll(async () => {
  server = await serveBlobs();
  one = await publish(1, v1);
  two = await publish(2, modelBytes('healthy', 2, SIZE), [v1]);
  server.add(one);
  server.add(two);
});
afterAll(() => server.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgewise-device-'));
  server.requests.length = 0;
  return () => rmSync(folder, { recursive: true, force: true });
});

async function booted(): Promise<TestDevice> {
  const device = deviceOn(nodeDisk(folder), globalThis.fetch);
  await device.installer.boot();
  return device;
}

/** A device that runs version 1. */
async function withOne(): Promise<TestDevice> {
  const device = await booted();
  await install(device.installer, one, server.url);
  expect(device.installer.record()).toMatchObject({ state: 'succeeded', active: 'a', good: 'a' });
  device.states.length = 0;
  return device;
}

async function offered(nature: Parameters<typeof modelBytes>[0], version = 3): Promise<Published> {
  const published = await publish(version, modelBytes(nature, version, SIZE), [v1]);
  server.add(published);
  return published;
}

describe('an update', () => {
  it('goes through every state in order, and the new slot runs; nothing is left of the download', async () => {
    const { installer, host, states } = await withOne();
    await install(installer, two, server.url);
    expect(states).toEqual(['downloading', 'verifying', 'staged', 'benchmarking', 'swapping', 'confirming', 'succeeded']);
    expect(installer.record()).toMatchObject({ active: 'b', good: 'b', failure: null });
    expect(host.running()).toBe(two.accepted.sha256);
    expect(readdirSync(folder).sort()).toEqual(['install.json', 'slots']);
    expect(Buffer.compare(readFileSync(join(folder, 'slots/a/model.onnx')), v1)).toBe(0);
  });

  it('fetches the difference to what runs, and not the whole', async () => {
    const { installer } = await withOne();
    server.requests.length = 0;
    await install(installer, two, server.url);
    const delta = two.accepted.variant.files[0]?.sources.find((source) => source.form === 'zstd-delta');
    expect(delta?.blob.length).toBeLessThan(SIZE / 20);
    expect(server.requests).toContain(delta?.blob.sha256);
    expect(server.requests).toHaveLength(2);
  });

  it('fetches the whole where the difference does not give the file', async () => {
    const { installer, states } = await withOne();
    const wrong = await publish(4, modelBytes('healthy', 4, SIZE), [v1]);
    const other = await publish(5, modelBytes('healthy', 5, SIZE), [v1]);
    server.add(wrong);
    server.add(other);
    const foreign = other.accepted.variant.files[0]?.sources.filter((source) => source.form === 'zstd-delta') ?? [];
    const files = wrong.accepted.variant.files.map((file, index) => (index === 0 ? { ...file, sources: [...foreign, ...file.sources.filter((source) => source.form !== 'zstd-delta')] } : file));
    await install(installer, { ...wrong, accepted: { ...wrong.accepted, variant: { ...wrong.accepted.variant, files } } }, server.url);
    expect(states).toEqual(['downloading', 'verifying', 'downloading', 'verifying', 'staged', 'benchmarking', 'swapping', 'confirming', 'succeeded']);
  });

  it('to a file that a slot still holds fetches nothing of it: content that is published again, under a higher version', async () => {
    const { installer } = await withOne();
    await install(installer, two, server.url);
    const again = await publish(6, v1);
    server.add(again);
    server.requests.length = 0;
    await install(installer, again, server.url);
    expect(installer.record()).toMatchObject({ state: 'succeeded', active: 'a' });
    expect(server.requests).toEqual([again.accepted.variant.files[1]?.sha256]);
  });

  it('that is active already is not installed again', async () => {
    const { installer, states } = await withOne();
    expect(await installer.offer(one.accepted, server.url)).toBe(false);
    expect(states).toEqual([]);
  });
});

describe('a candidate that is not good enough', () => {
  it('misses the gate on the device: what runs was never touched', async () => {
    const { installer, host, states } = await withOne();
    await install(installer, await offered('slow'), server.url);
    expect(states.slice(-2)).toEqual(['benchmarking', 'rejected']);
    expect(installer.record()).toMatchObject({ active: 'a', good: 'a', failure: { code: 'GATE_NOT_MET' } });
    expect(host.running()).toBe(one.accepted.sha256);
  });

  it.each([['is not well', 'sick', 'RUNTIME_ERROR'], ['reports another digest than was installed', 'liar', 'WRONG_CONTENT']] as const)('%s: back to the good one by itself', async (_, nature, code) => {
    const { installer, host, states } = await withOne();
    await install(installer, await offered(nature), server.url);
    expect(states.slice(-3)).toEqual(['confirming', 'rolling_back', 'rolled_back']);
    expect(installer.record()).toMatchObject({ active: 'a', good: 'a', failure: { code } });
    expect(host.running()).toBe(one.accepted.sha256);
    await install(installer, two, server.url);
    expect(host.running()).toBe(two.accepted.sha256);
  });

  it('on a device that had none: nothing runs, and the next one is taken', async () => {
    const { installer, host } = await booted();
    await install(installer, await offered('sick'), server.url);
    expect(installer.record()).toMatchObject({ state: 'rolled_back', active: null, good: null });
    expect(host.running()).toBe(null);
    await install(installer, one, server.url);
    expect(host.running()).toBe(one.accepted.sha256);
  });

  it('takes the device down at each start: back after three', async () => {
    const { installer } = await withOne();
    const deadly = await offered('deadly');
    let deaths = 0;
    await installer.settled();
    let device = deviceOn(nodeDisk(folder), globalThis.fetch);
    for (let boots = 0; boots < 10; boots++) {
      // A start that never comes back is a device that went down in it.
      let died = (): void => {};
      const down = new Promise<void>((resolve) => (died = resolve));
      device = deviceOn(nodeDisk(folder), globalThis.fetch, {
        onDeadly: () => {
          deaths++;
          died();
          return new Promise<never>(() => {});
        },
      });
      await device.installer.boot();
      if (boots === 0) {
        await device.installer.offer(deadly.accepted, server.url);
        await device.installer.settled();
        await device.installer.proceed();
      }
      await Promise.race([down, device.installer.settled()]);
      if (device.installer.record().state === 'rolled_back') break;
    }
    expect(deaths).toBe(3);
    expect(device.installer.record()).toMatchObject({ state: 'rolled_back', active: 'a', failure: { code: 'INTERRUPTED' } });
    expect(device.host.running()).toBe(one.accepted.sha256);
  });
});

describe('orders', () => {
  it('that do not fit the state are refused by name', async () => {
    const { installer } = await withOne();
    await expect(installer.proceed()).rejects.toThrowError(expect.objectContaining({ code: 'CONFLICT' }));
    await expect(installer.cancel()).rejects.toThrowError(expect.objectContaining({ code: 'CONFLICT' }));
  });

  it('a cancel while staged, and a newer offer in place of a staged one', async () => {
    const { installer, host } = await withOne();
    await installer.offer(two.accepted, server.url);
    await installer.settled();
    await installer.cancel();
    expect(await installer.settled()).toMatchObject({ state: 'idle', active: 'a', failure: { code: 'CANCELLED' } });
    await installer.offer(two.accepted, server.url);
    await installer.settled();
    await install(installer, await offered('healthy', 7), server.url);
    expect(installer.record()).toMatchObject({ state: 'succeeded', candidate: { version: 7 } });
    expect(host.running()).not.toBe(two.accepted.sha256);
  });

  it('a cancel breaks a download off that goes nowhere', async () => {
    const { installer } = await withOne();
    server.server.prependOnceListener('request', () => void installer.cancel());
    const stuck = { ...two.accepted, variant: { ...two.accepted.variant, files: two.accepted.variant.files } };
    await installer.offer(stuck, `${server.url}/nowhere`);
    while ((await installer.settled()).state === 'downloading') await new Promise((resolve) => setTimeout(resolve, 5));
    expect(installer.record().state).toMatch(/idle|rejected/);
    expect(installer.record().active).toBe('a');
  });
});

describe('what is on the disk is not believed', () => {
  it('the active slot is damaged while the device is off: the other one, when it was confirmed', async () => {
    const { installer } = await withOne();
    await install(installer, two, server.url);
    writeFileSync(join(folder, 'slots/b/model.onnx'), 'rubbish');
    const { installer: again, host } = await booted();
    expect(again.record()).toMatchObject({ state: 'rolled_back', active: 'a', good: 'a', failure: { code: 'WRONG_CONTENT' } });
    expect(host.running()).toBe(one.accepted.sha256);
  });

  it('extraneous files: one beside the signed ones is as bad as a changed one', async () => {
    const { installer } = await withOne();
    await install(installer, two, server.url);
    writeFileSync(join(folder, 'slots/b/weights.bin'), 'from nobody');
    const { installer: again, host } = await booted();
    expect(again.record()).toMatchObject({ active: 'a', failure: { code: 'UNEXPECTED_FILE' } });
    expect(host.running()).toBe(one.accepted.sha256);
  });

  it('a staged candidate is damaged before the swap: refused, and what runs runs on', async () => {
    const { installer, host } = await withOne();
    await installer.offer(two.accepted, server.url);
    await installer.settled();
    const path = join(folder, 'slots/b/model.onnx');
    const bytes = readFileSync(path);
    bytes[SIZE - 1] = (bytes[SIZE - 1] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    await installer.proceed();
    expect(await installer.settled()).toMatchObject({ state: 'rejected', active: 'a', failure: { code: 'WRONG_CONTENT' } });
    expect(host.running()).toBe(one.accepted.sha256);
  });

  it('both slots are damaged: nothing is started, the fault has its name, and a new model is taken', async () => {
    const { installer } = await withOne();
    await install(installer, two, server.url);
    for (const slot of ['a', 'b']) writeFileSync(join(folder, `slots/${slot}/model.onnx`), 'rubbish');
    const { installer: again, host } = await booted();
    expect(again.record()).toMatchObject({ active: null, good: null, failure: { code: 'NO_GOOD_SLOT' } });
    expect(host.running()).toBe(null);
    await install(again, one, server.url);
    expect(host.running()).toBe(one.accepted.sha256);
  });

  it.each([['is lost', null], ['is empty', ''], ['is rubbish', '\u0000\u0000{'], ['is of another time', '{"format":9}']])('the record %s: the newest confirmed slot runs', async (_, text) => {
    const { installer } = await withOne();
    await install(installer, two, server.url);
    if (text === null) rmSync(join(folder, 'install.json'));
    else writeFileSync(join(folder, 'install.json'), text);
    const { installer: again, host } = await booted();
    expect(again.record()).toMatchObject({ state: 'idle', active: 'b', good: 'b' });
    expect(host.running()).toBe(two.accepted.sha256);
    expect(existsSync(join(folder, 'install.json'))).toBe(true);
  });
});

describe('disk full', () => {
  it('too little room is told before anything is written', async () => {
    const disk = lossyDisk(new Map(), 2.5 * SIZE);
    const { installer, host } = deviceOn(disk, blobsFrom(one, two), { inMemory: true });
    await installer.boot();
    await install(installer, one, 'x:');
    const big = await publish(8, modelBytes('healthy', 8, 3 * SIZE));
    await install(installer, big, 'x:');
    expect(installer.record()).toMatchObject({ state: 'rejected', active: 'a', failure: { code: 'DISK_FULL', message: expect.stringMatching(/needs \d+ more bytes/) } });
    expect(host.running()).toBe(one.accepted.sha256);
  });

  it('at each write in turn: named, the old model runs, and the next try succeeds', async () => {
    let failures = 0;
    for (let nth = 1; ; nth++) {
      const disk = lossyDisk();
      const { installer, host } = deviceOn(disk, blobsFrom(one, two), { inMemory: true });
      await installer.boot();
      await install(installer, one, 'x:');
      const before = disk.operations();
      disk.fullAt(before + nth);
      let thrown: unknown = null;
      await install(installer, two, 'x:').catch((error: unknown) => (thrown = error));
      await installer.settled().catch((error: unknown) => (thrown = error));
      if (disk.operations() < before + nth) break;
      failures++;
      if (thrown !== null) expect(thrown).toMatchObject({ code: 'DISK_FULL' });
      else if (installer.record().state === 'rejected') expect(installer.record().failure).toMatchObject({ code: 'DISK_FULL' });
      expect(host.running()).not.toBe(null);
      const { installer: again, host: after } = deviceOn(disk, blobsFrom(one, two), { inMemory: true });
      await again.boot();
      await again.settled();
      expect([one.accepted.sha256, two.accepted.sha256]).toContain(after.running());
      if (again.record().state === 'staged') await again.proceed();
      else await install(again, two, 'x:');
      await again.settled();
      expect(after.running()).toBe(two.accepted.sha256);
    }
    expect(failures).toBeGreaterThan(20);
  });
});
