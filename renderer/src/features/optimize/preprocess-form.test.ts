import { describe, expect, it } from 'vitest';
import { fromFields, toFields, type PreprocessFields } from './preprocess-form.ts';

const empty: PreprocessFields = { resizeMode: '', resizeSize: '', crop: '', channels: '', scale: '', mean: '', std: '', layout: '' };

describe('preprocessing as text fields', () => {
  it('comes back as it went in', () => {
    const record = { resize: { mode: 'shorter' as const, size: 256 }, crop: [224, 320] as [number, number], channels: 'RGB' as const, scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], layout: 'NCHW' as const };
    expect(fromFields(toFields(record)).record).toEqual(record);
  });

  it('leaves out what is empty: not done', () => {
    expect(fromFields(empty).record).toEqual({});
  });

  it.each([
    [{ resizeMode: 'stretch', resizeSize: '' }, 'resizeSize'],
    [{ crop: 'wide' }, 'crop'],
    [{ crop: '-3' }, 'crop'],
    [{ scale: '1/0' }, 'scale'],
    [{ scale: 'one' }, 'scale'],
    [{ mean: '0.5, x' }, 'mean'],
    [{ std: '1, 0, 1' }, 'std'],
  ] as const)('names the field that cannot be read in %j', (fields, wrong) => {
    expect(fromFields({ ...empty, ...fields }).wrong).toBe(wrong);
  });
});
