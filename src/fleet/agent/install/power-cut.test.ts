/**
 * The power goes at every operation of an install that changes something on the disk, and what was not synced is lost, kept or kept in
 * part. Whatever is left: the device comes up on a model that was signed, whole and confirmed, and the next try goes through.
 */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../base/random.ts';
import { CHUNK_BYTES } from '../../../contract/records/artifact.ts';
import { blobsFrom, deviceOn, install, modelBytes, publish, type Published, type TestDevice } from './testing/device.ts';
import { PowerCut, lossyDisk, type LossyDisk } from './testing/lossy-disk.ts';

async function deviceWith(disk: LossyDisk, ...published: readonly Published[]): Promise<TestDevice> {
  const device = deviceOn(disk, blobsFrom(...published), { inMemory: true });
  await device.installer.boot();
  return device;
}

/** Runs until the power goes. */
async function untilCut(disk: LossyDisk, one: Published, next: Published): Promise<void> {
  try {
    const { installer } = await deviceWith(disk, one, next);
    const { state } = await installer.settled();
    if (state === 'staged') {
      await installer.proceed();
      await installer.settled();
    } else await install(installer, next, 'x:');
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
  }
}

describe('power cut', () => {
  it.each([
    ['healthy', 'the new model or the old', 40_000, 6],
    ['sick', 'the old model', 40_000, 4],
    ['slow', 'the old model', 40_000, 2],
    ['healthy', 'the new model or the old', CHUNK_BYTES + 3000, 1],
  ] as const)('at every operation of an install of a %s model, twice in a row, with every kind of loss: %s runs (%d bytes)', async (nature, _, size, seeds) => {
    const v1 = modelBytes('healthy', 1, size);
    const one = await publish(1, v1);
    // The large one comes in two chunks, the small ones as differences.
    const next = await publish(2, modelBytes(nature, 2, size), size > CHUNK_BYTES ? [] : [v1]);
    const fine = await publish(3, modelBytes('healthy', 3, size), [v1]);
    const installed = lossyDisk();
    await install((await deviceWith(installed, one)).installer, one, 'x:');
    const image = installed.restart(() => 0);
    let cuts = 0;
    let operations = 1;
    for (let nth = 1; nth <= operations; nth++) {
      for (let seed = 0; seed < seeds; seed++) {
        const random = seededRandom(nth * 100 + seed);
        let disk = image.restart(() => 0).restart(random);
        disk.cutAt(nth);
        await untilCut(disk, one, next);
        if (seed === 0) operations = Math.max(operations, disk.operations() + 1);
        disk = disk.restart(random);
        // The second cut hits the recovery.
        disk.cutAt(1 + Math.floor(random() * 12));
        await untilCut(disk, one, next);
        cuts += 2;
        disk = disk.restart(random);
        const { installer, host } = await deviceWith(disk, one, next, fine);
        const { state, active, good } = await installer.settled();
        expect(good, `operation ${nth}, seed ${seed}`).not.toBe(null);
        expect(active).toBe(good);
        const allowed = nature === 'healthy' ? [one, next] : [one];
        expect(allowed.map((each) => each.accepted.sha256), `operation ${nth}, seed ${seed}, ${state}`).toContain(host.running());
        expect(['idle', 'staged', 'succeeded', 'rejected', 'rolled_back']).toContain(state);
        await install(installer, fine, 'x:');
        expect(host.running()).toBe(fine.accepted.sha256);
      }
    }
    expect(cuts).toBeGreaterThan(25 * 2 * seeds);
    process.stdout.write(`power cuts, ${nature} model of ${size} bytes: ${cuts}\n`);
  });
});
