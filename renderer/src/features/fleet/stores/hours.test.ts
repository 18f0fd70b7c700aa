import { describe, expect, it } from 'vitest';
import { daysInWords, hoursInWords } from './hours.ts';

describe('opening hours in words', () => {
  it.each([
    [[1, 2, 3, 4, 5], 'Mon–Fri'],
    [[7, 6], 'Sat, Sun'],
    [[1, 3, 5], 'Mon, Wed, Fri'],
    [[1, 2, 3, 7], 'Mon–Wed, Sun'],
  ])('%j', (days, words) => expect(daysInWords(days, 'en')).toBe(words));

  it('leave out days that are all days, and hours that are all hours', () => {
    const days = [1, 2, 3, 4, 5, 6, 7];
    expect(hoursInWords([{ days, from: '09:00', to: '22:00' }], 'en', 'always')).toBe('09:00–22:00');
    expect(hoursInWords([{ days, from: '00:00', to: '24:00' }], 'en', 'always')).toBe('always');
    expect(hoursInWords([{ days: [1], from: '08:00', to: '20:00' }, { days: [6, 7], from: '10:00', to: '18:00' }], 'en', 'always')).toBe('Mon 08:00–20:00; Sat, Sun 10:00–18:00');
    expect(hoursInWords([], 'en', 'always')).toBe('');
  });
});
