/** Pixels against values computed by hand. Pictures are written losslessly, so that every number is known. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PreprocessRecord } from '../../base/ports.ts';
import { prepareNumbers, preparePicture, type RawPicture } from './prepare.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-prepare-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const picture = (width: number, height: number, channels: 1 | 3, pixels: readonly number[]): RawPicture => ({ width, height, channels, pixels: Uint8Array.from(pixels) });
/** Two pixels side by side: (10, 20, 30) and (40, 50, 60). */
const pair = picture(2, 1, 3, [10, 20, 30, 40, 50, 60]);
/** One channel, whose pixels are numbered row by row. */
const numbered = (width: number, height: number): RawPicture => picture(width, height, 1, Array.from({ length: width * height }, (_, i) => i));
/** One channel of one value. */
const even = (width: number, height: number, value: number): RawPicture => picture(width, height, 1, Array.from({ length: width * height }, () => value));

async function prepared(source: string | RawPicture, record: PreprocessRecord): Promise<{ dims: readonly number[]; values: number[] }> {
  const { dims, values } = await preparePicture(source, record);
  return { dims, values: [...values] };
}

async function save(name: string, channels: 1 | 2 | 3 | 4, width: number, height: number, pixels: readonly number[], orientation?: number): Promise<string> {
  const path = join(root, name);
  const image = sharp(Uint8Array.from(pixels), { raw: { width, height, channels: channels as 3 } });
  await (orientation === undefined ? image : image.withMetadata({ orientation })).png().toFile(path);
  return path;
}

describe('channels and layout', () => {
  it.each<[string, PreprocessRecord, number[], number[]]>([
    ['nothing said: planes of red, green, blue', {}, [3, 1, 2], [10, 40, 20, 50, 30, 60]],
    ['BGR', { channels: 'BGR' }, [3, 1, 2], [30, 60, 20, 50, 10, 40]],
    ['NHWC', { layout: 'NHWC' }, [1, 2, 3], [10, 20, 30, 40, 50, 60]],
    ['BGR, NHWC', { channels: 'BGR', layout: 'NHWC' }, [1, 2, 3], [30, 20, 10, 60, 50, 40]],
    // 0.299 R + 0.587 G + 0.114 B: 18.15 and 48.15.
    ['grey', { channels: 'L' }, [1, 1, 2], [18, 48]],
  ])('%s', async (_, record, dims, values) => {
    expect(await prepared(pair, record)).toEqual({ dims, values });
  });

  it('grey weighs red, green and blue as Pillow does', async () => {
    expect((await prepared(picture(4, 1, 3, [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255]), { channels: 'L' })).values).toEqual([76, 150, 29, 255]);
  });

  it('grey for a network that takes colour is the same in every channel', async () => {
    expect(await prepared(picture(2, 1, 1, [7, 9]), { channels: 'RGB' })).toEqual({ dims: [3, 1, 2], values: [7, 9, 7, 9, 7, 9] });
  });
});

describe('files', () => {
  it('hold what was written, in colour, in grey and with alpha, which is left aside', async () => {
    const colour = await save('colour.png', 3, 2, 1, [10, 20, 30, 40, 50, 60]);
    const alpha = await save('alpha.png', 4, 2, 1, [10, 20, 30, 128, 40, 50, 60, 0]);
    const grey = await save('grey.png', 1, 2, 1, [7, 9]);
    for (const path of [colour, alpha]) expect((await prepared(path, {})).values).toEqual([10, 40, 20, 50, 30, 60]);
    expect((await prepared(grey, {})).values).toEqual([7, 9, 7, 9, 7, 9]);
    expect((await prepared(grey, { channels: 'L' })).values).toEqual([7, 9]);
    expect((await prepared(colour, { channels: 'L' })).values).toEqual([18, 48]);
  });

  it('of 16 bits are brought to 8', async () => {
    const path = join(root, 'deep.png');
    await sharp(Uint8Array.of(255, 0, 128, 128, 128, 128), { raw: { width: 2, height: 1, channels: 3 } }).toColourspace('rgb16').png().toFile(path);
    expect((await sharp(path).metadata()).depth).toBe('ushort');
    expect((await prepared(path, {})).values).toEqual([255, 128, 0, 128, 128, 128]);
  });

  it('are turned as their camera was held', async () => {
    // Orientation 6: the first row of the file is the right-hand side.
    const path = await save('turned.png', 3, 2, 1, [10, 20, 30, 40, 50, 60], 6);
    expect(await prepared(path, {})).toEqual({ dims: [3, 2, 1], values: [10, 40, 20, 50, 30, 60] });
    const mirrored = await save('mirrored.png', 3, 2, 1, [10, 20, 30, 40, 50, 60], 2);
    expect((await prepared(mirrored, {})).values).toEqual([40, 10, 50, 20, 60, 30]);
  });
});

describe('numbers', () => {
  it('are (pixel * scale - mean) / std, for each channel in the order of the network', async () => {
    expect((await prepared(pair, { scale: 0.5, mean: [1, 2, 3], std: [2, 4, 8] })).values).toEqual([2, 9.5, 2, 5.75, 1.5, 3.375]);
    expect((await prepared(pair, { channels: 'BGR', scale: 0.5, mean: [1, 2, 3], std: [2, 4, 8] })).values).toEqual([7, 14.5, 2, 5.75, 0.25, 2.125]);
    expect((await prepared(picture(2, 1, 1, [0, 255]), { scale: 1 / 255, mean: [0.5], std: [0.5] })).values).toEqual([-1, 1]);
    expect((await prepared(pair, { mean: [10] })).values).toEqual([0, 30, 10, 40, 20, 50]);
  });

  it('need one mean, or one for each channel', async () => {
    await expect(preparePicture(pair, { mean: [1, 2] })).rejects.toMatchObject({ code: 'BAD_PREPROCESS', message: expect.stringContaining('2 values') });
    await expect(preparePicture(picture(1, 1, 1, [1]), { std: [1, 2, 3] })).rejects.toMatchObject({ code: 'BAD_PREPROCESS' });
  });

  it('that are no picture are only scaled and shifted', () => {
    expect(prepareNumbers(Float32Array.of(1, 2), [2], undefined)).toEqual({ values: Float32Array.of(1, 2), dims: [2] });
    expect(prepareNumbers(Float32Array.of(1, 2), [2], { scale: 2, mean: [1], std: [0.5] }).values).toEqual(Float32Array.of(2, 6));
    expect(prepareNumbers(Float32Array.of(1, 2, 3, 4), [2, 1, 2], { mean: [1, 3] }).values).toEqual(Float32Array.of(0, 1, 0, 1));
  });
});

describe('sizes', () => {
  it('the shorter side decides and the longer one is cut off, not rounded', async () => {
    expect((await prepared(even(5, 3, 9), { resize: { mode: 'shorter', size: 2 } })).dims).toEqual([1, 2, 3]);
    expect((await prepared(even(3, 5, 9), { resize: { mode: 'shorter', size: 2 } })).dims).toEqual([1, 3, 2]);
    expect((await prepared(even(500, 333, 9), { resize: { mode: 'shorter', size: 256 } })).dims).toEqual([1, 256, 384]);
    expect((await prepared(even(4, 4, 9), { resize: { mode: 'shorter', size: 2 } })).values).toEqual([9, 9, 9, 9]);
  });

  it('stretched to height x width', async () => {
    expect((await prepared(even(5, 3, 9), { resize: { mode: 'stretch', size: [4, 2] } })).dims).toEqual([1, 4, 2]);
    expect((await prepared(even(5, 3, 9), { resize: { mode: 'stretch', size: 4 } })).dims).toEqual([1, 4, 4]);
  });

  it('shrinking to half is the mean where neighbours are equal in weight', async () => {
    // Columns 0, 0, 100, 100: Pillow's BILINEAR with antialiasing gives 14 and 86 for a triangle of four columns.
    const { values } = await prepared(picture(4, 1, 1, [0, 0, 100, 100]), { resize: { mode: 'stretch', size: [1, 2] } });
    expect(Math.abs((values[0] ?? 0) - 14)).toBeLessThanOrEqual(2);
    expect(Math.abs((values[1] ?? 0) - 86)).toBeLessThanOrEqual(2);
  });

  it('letterbox: whole picture at the top left, grey for the rest', async () => {
    expect(await prepared(even(4, 2, 9), { resize: { mode: 'letterbox', size: 4 } })).toEqual({ dims: [1, 4, 4], values: [9, 9, 9, 9, 9, 9, 9, 9, 114, 114, 114, 114, 114, 114, 114, 114] });
    expect(await prepared(even(2, 4, 9), { resize: { mode: 'letterbox', size: [2, 2] } })).toEqual({ dims: [1, 2, 2], values: [9, 114, 9, 114] });
  });

  it('the middle is cut out; half a pixel goes to the even side', async () => {
    expect((await prepared(numbered(4, 4), { crop: 2 })).values).toEqual([5, 6, 9, 10]);
    expect((await prepared(numbered(4, 1), { crop: [1, 1] })).values).toEqual([2]);
    expect((await prepared(numbered(3, 1), { crop: [1, 2] })).values).toEqual([0, 1]);
    expect((await prepared(numbered(3, 3), { crop: [1, 3] })).values).toEqual([3, 4, 5]);
  });

  it('a crop larger than the picture is refused', async () => {
    await expect(preparePicture(numbered(3, 3), { crop: [4, 2] })).rejects.toMatchObject({ code: 'BAD_PREPROCESS', message: expect.stringContaining('4 x 2') });
  });

  it('resize, crop, channels and numbers in this order', async () => {
    const { dims, values } = await prepared(picture(4, 2, 3, Array.from({ length: 24 }, (_, i) => 10 * ((i % 3) + 1))), {
      resize: { mode: 'shorter', size: 4 }, crop: 2, channels: 'BGR', scale: 0.1, mean: [1], std: [2], layout: 'NHWC',
    });
    expect(dims).toEqual([2, 2, 3]);
    expect(values.map((value) => Math.round(value * 1e5) / 1e5)).toEqual([1, 0.5, 0, 1, 0.5, 0, 1, 0.5, 0, 1, 0.5, 0]);
  });
});
