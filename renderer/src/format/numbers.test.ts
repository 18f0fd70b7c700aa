import { describe, expect, it } from 'vitest';
import { formatBytes, formatCount, formatDuration, formatMs, formatPoints, formatRecent, formatShape, formatShare, formatTiny, joined } from './numbers.ts';

describe('figures', () => {
  it.each([
    [0, '0', 'B'],
    [999, '999', 'B'],
    [1000, '1', 'kB'],
    [999_600, '1.00', 'MB'],
    [4_953_222, '4.95', 'MB'],
    [1_310_000, '1.31', 'MB'],
    [2_147_483_648, '2.15', 'GB'],
  ])('writes %d bytes with three digits of the unit that fits', (bytes, value, unit) => {
    expect(formatBytes(bytes, 'en')).toEqual({ value, unit });
  });

  it('tells an unknown count from zero', () => {
    expect(formatCount(null, 'en').value).toBe('–');
    expect(joined(formatCount(0, 'en'))).toBe('0');
    expect(joined(formatCount(349_148_160, 'en'))).toBe('349\u00a0M');
  });

  it('keeps the same decimal units in Chinese, where Intl alone would count in 万', () => {
    expect(joined(formatCount(1_235_496, 'zh-CN'))).toBe('1.24\u00a0M');
  });

  it('goes to microseconds and seconds where milliseconds would be all zeros or all digits', () => {
    expect(joined(formatMs(0.0421, 'en'))).toBe('42.1\u00a0µs');
    expect(joined(formatMs(3.456, 'en'))).toBe('3.46\u00a0ms');
    expect(joined(formatMs(12_345, 'en'))).toBe('12.3\u00a0s');
  });

  it('signs points with a true minus, and zero with nothing', () => {
    expect(formatPoints(-0.0123, 'en')).toBe('\u22121.2');
    expect(formatPoints(0.004, 'en')).toBe('+0.4');
    expect(formatPoints(0, 'en')).toBe('0.0');
  });

  it('writes small differences with a power of ten instead of zeros', () => {
    expect(formatTiny(0.0000041, 'en')).toBe('4.1 × 10⁻⁶');
    expect(formatTiny(0.25, 'en')).toBe('0.25');
    expect(formatTiny(0, 'en')).toBe('0');
  });

  it('writes shares as per cent', () => {
    expect(joined(formatShare(0.9275, 'en'))).toBe('92.8\u00a0%');
  });
});

describe('times', () => {
  it.each([
    [0.2, '0 s'],
    [45, '45 s'],
    [60, '1 min'],
    [125, '2 min 5 s'],
    [3720, '1 hr 2 min'],
  ])('shows %d seconds with two units at most', (seconds, text) => {
    expect(formatDuration(seconds, 'en')).toBe(text);
  });

  it('has no English left in Chinese', () => {
    expect(formatDuration(125, 'zh-CN')).not.toMatch(/[a-z]/i);
  });

  it('names the day only where it is another one', () => {
    const now = new Date(2026, 10, 23, 15, 0);
    expect(formatRecent(new Date(2026, 10, 23, 9, 5).toISOString(), now, 'en-GB')).toBe('09:05');
    expect(formatRecent(new Date(2026, 10, 21, 9, 5).toISOString(), now, 'en-GB')).toContain('21 Nov');
  });
});

describe('shapes', () => {
  it('keeps symbols and says what is not known', () => {
    expect(formatShape(['batch', 3, 224, null])).toBe('batch × 3 × 224 × ?');
    expect(formatShape([])).toBe('scalar');
    expect(formatShape(null)).toBe('?');
  });
});
