import { assert, nat, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { askerOf, createPace, createQuotas } from './buckets.ts';
import { rangeOf } from './ranges.ts';

const TAG = '"abc"';

describe('one range of bytes', () => {
  it.each([
    ['bytes=0-', { start: 0, end: 10 }],
    ['bytes=3-5', { start: 3, end: 6 }],
    ['bytes=9-9', { start: 9, end: 10 }],
    ['bytes=3-999', { start: 3, end: 10 }],
    ['bytes=-4', { start: 6, end: 10 }],
    ['bytes=-999', { start: 0, end: 10 }],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=5-3', null],
    ['bytes=-', null],
    ['bytes=0-1,3-4', null],
    ['bytes=a-b', null],
    ['lines=0-1', null],
    [`bytes=${'9'.repeat(400)}-`, null],
  ])('%s', (header, expected) => expect(rangeOf(header, undefined, TAG, 10)).toEqual(expected));

  it('of nothing cannot be satisfied', () => expect(rangeOf('bytes=0-', undefined, TAG, 0)).toBe('unsatisfiable'));

  it('counts only for the file that was meant: the same strong tag', () => {
    expect(rangeOf('bytes=3-', TAG, TAG, 10)).toEqual({ start: 3, end: 10 });
    for (const other of ['"abd"', `W/${TAG}`, 'Tue, 01 Jan 2030 00:00:00 GMT', '*']) expect(rangeOf('bytes=3-', other, TAG, 10)).toBeNull();
  });

  it('never leaves the file, whatever is asked', () => {
    assert(
      property(string(), nat(), nat(), nat(1000), (text, a, b, length) => {
        for (const header of [text, `bytes=${text}`, `bytes=${a}-${b}`, `bytes=${a}-`, `bytes=-${b}`]) {
          const range = rangeOf(header, undefined, TAG, length);
          if (range === null || range === 'unsatisfiable') continue;
          expect(range.start).toBeGreaterThanOrEqual(0);
          expect(range.end).toBeLessThanOrEqual(length);
          expect(range.start).toBeLessThan(range.end);
        }
      }),
    );
  });
});

describe('a pace', () => {
  it('lets through what its rate says over any time, and no more than a quarter of a second of it at once', () => {
    let now = 0;
    const pace = createPace(1000, () => now);
    let sent = 0;
    while (now < 10_000) {
      now += pace.book(100);
      sent += 100;
    }
    expect(sent).toBeGreaterThanOrEqual(10_000);
    expect(sent).toBeLessThanOrEqual(10_500);
  });

  it('gives streams that share it equal parts', () => {
    let now = 0;
    const pace = createPace(1000, () => now);
    const streams = [{ piece: 100, due: 0, sent: 0 }, { piece: 100, due: 0, sent: 0 }, { piece: 100, due: 0, sent: 0 }];
    for (let turn = 0; turn < 300; turn++) {
      const next = streams.reduce((a, b) => (b.due < a.due ? b : a));
      now = Math.max(now, next.due);
      next.sent += next.piece;
      next.due = now + pace.book(next.piece);
    }
    for (const { sent } of streams) expect(Math.abs(sent - 10_000)).toBeLessThanOrEqual(300);
  });

  it('without a rate never waits; a rate that is changed counts from then on', () => {
    const pace = createPace(null, () => 0);
    expect(pace.book(1e12)).toBe(0);
    pace.setRate(1000);
    expect(pace.book(2000)).toBeGreaterThan(1000);
  });
});

describe('quotas', () => {
  it('are of each asker alone, run out, and come back with time', () => {
    let now = 0;
    const quotas = createQuotas(6, () => now);
    for (let n = 0; n < 6; n++) expect(quotas.take('a')).toBe(0);
    expect(quotas.take('a')).toBe(10_000);
    expect(quotas.take('b')).toBe(0);
    now = 10_000;
    expect(quotas.take('a')).toBe(0);
    expect(quotas.take('a')).toBeGreaterThan(0);
  });

  it('do not grow with the number of askers', () => {
    const quotas = createQuotas(1, () => 0);
    expect(quotas.take('first')).toBe(0);
    for (let n = 0; n < 10_000; n++) quotas.take(`asker ${n}`);
    expect(quotas.take('first')).toBe(0);
  });

  it('an IPv6 network of 64 bits is one asker', () => {
    expect(askerOf('2001:db8::1')).toBe(askerOf('2001:db8:0:0:ffff::9'));
    expect(askerOf('2001:db8:0:1::1')).not.toBe(askerOf('2001:db8::1'));
    expect(askerOf('::ffff:10.0.0.1')).toBe('10.0.0.1');
    expect(askerOf('::1')).toBe('0:0:0:0::/64');
  });
});
