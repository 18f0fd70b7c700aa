/** The samples that go along must become the same tensors on the device, with the same labels, and none may have calibrated. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PreprocessRecord } from '../../base/ports.ts';
import { planData } from '../../runtime/index.ts';
import { openDataset } from '../../runtime/data/dataset.ts';
import { writePictures } from '../testing/small-model.ts';
import { buildCheckSet, type CheckSetRequest } from './check-set.ts';
import { writeNpz } from './npz-writer.ts';

let root: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-check-'));
  await writePictures(join(root, 'pictures'), 12);
  writeFileSync(join(root, 'numbers.csv'), `a,b,label\n${Array.from({ length: 30 }, (_, i) => `${i / 7},${i},${i % 3}`).join('\n')}\n`);
  const pixels = Uint8Array.from({ length: 20 * 6 * 5 * 3 }, (_, i) => (i * 37) % 256);
  const labels = Buffer.alloc(80);
  for (let i = 0; i < 20; i++) labels.writeInt32LE(i % 4, 4 * i);
  writeFileSync(join(root, 'pixels.npz'), writeNpz([{ name: 'x', type: '|u1', dims: [20, 6, 5, 3], bytes: pixels }, { name: 'y', type: '<i4', dims: [20], bytes: labels }]));
  writeFileSync(join(root, 'bare.npz'), writeNpz([{ name: 'x', type: '|u1', dims: [20, 6, 5, 3], bytes: pixels }]));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const request = (name: string, preprocess: PreprocessRecord | undefined, most = 10): CheckSetRequest => ({ path: join(root, name), preprocess, inputs: [], modelName: 'model', calibrationSamples: 6, seed: 3, most });

const GREY: PreprocessRecord = { resize: { mode: 'shorter', size: 7 }, crop: 5, channels: 'L', scale: 1 / 255, mean: [0.4], std: [0.2], layout: 'NCHW' };
const COLOUR: PreprocessRecord = { resize: { mode: 'stretch', size: [4, 4] }, channels: 'BGR', scale: 1 / 255, mean: [0.1, 0.2, 0.3], std: [0.5, 0.6, 0.7] };

describe('a check set', () => {
  it.each([
    ['pictures', GREY, '|u1'],
    ['pictures', COLOUR, '|u1'],
    ['pictures', { ...COLOUR, layout: 'NHWC' }, '|u1'],
    ['pixels.npz', COLOUR, '|u1'],
    ['pixels.npz', { ...COLOUR, channels: 'L', mean: [0.1], std: [0.5] }, '|u1'],
    ['numbers.csv', undefined, '<f4'],
    ['numbers.csv', { mean: [3], std: [2] }, '<f4'],
  ] as const)('of %s with %j becomes the same tensors again', async (name, preprocess, type) => {
    const wish = request(name, preprocess);
    const made = await buildCheckSet(wish);
    if (made === null) throw new Error('nothing was made');
    expect(Buffer.from(made.bytes).toString('latin1').slice(0, 200)).toContain(type);
    const path = join(root, 'made.npz');
    writeFileSync(path, made.bytes);
    const plan = await planData(wish, { calibration: 6, evaluation: 10, seed: 3 });
    if (plan.evaluation.kind !== 'dataset' || plan.calibration.kind !== 'dataset') throw new Error('no data set');
    expect(made.samples).toBe(10);
    expect(plan.evaluation.indices.filter((index) => plan.calibration.kind === 'dataset' && plan.calibration.indices.includes(index))).toEqual([]);
    const [before, after] = [await openDataset(wish.path), await openDataset(path)];
    expect(after.facts).toMatchObject({ samples: 10, labelled: true });
    for (const [at, index] of plan.evaluation.indices.entries()) {
      expect(after.label(at)).toBe(before.label(index));
      const [wanted, got] = [await before.load(index, plan.preprocess ?? undefined), await after.load(at, made.preprocess ?? undefined)];
      expect(got.dims).toEqual(wanted.dims);
      expect(Buffer.from(got.values.buffer)).toEqual(Buffer.from(wanted.values.buffer));
    }
    await Promise.all([before.close(), after.close()]);
  });

  it('is the same bytes each time, so that a device that has it fetches nothing', async () => {
    const [a, b] = [await buildCheckSet(request('pictures', GREY)), await buildCheckSet(request('pictures', GREY))];
    expect(Buffer.compare(a?.bytes ?? Buffer.of(1), b?.bytes ?? Buffer.of(2))).toBe(0);
  });

  it('without labels there is none', async () => expect(await buildCheckSet(request('bare.npz', COLOUR))).toBeNull());

  it('holds no more than was asked for, and no more than a device has room for', async () => {
    expect((await buildCheckSet(request('pictures', GREY, 4)))?.samples).toBe(4);
    const large = await buildCheckSet(request('pictures', { ...GREY, resize: { mode: 'stretch', size: 1500 }, crop: 1500 }, 10));
    expect(large?.samples).toBe(7);
  });
});
