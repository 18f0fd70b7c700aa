import { assert, double, property, integer, array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attributeByCpu, createCounterSum, createPowerSum, spentBetween } from './arithmetic.ts';

const RANGE_J = 262_143;

describe('counters', () => {
  it('give back what was used, wherever they begin and however often they go round', () => {
    assert(
      property(integer({ min: 0, max: RANGE_J - 1 }), array(double({ min: 0, max: 900, noNaN: true }), { minLength: 1, maxLength: 400 }), (start, uses) => {
        const sum = createCounterSum({ rangeJ: RANGE_J, mostW: 1000 });
        sum.add(0, start);
        let used = 0;
        for (const [index, use] of uses.entries()) {
          used += use;
          sum.add((index + 1) * 1000, (start + used) % RANGE_J);
        }
        expect(sum.sum()).toMatchObject({ segment: 0, reason: null });
        expect(sum.sum().joules).toBeCloseTo(used, 4);
      }),
    );
  });

  it('tell a counter that began anew from one that went round, by the power that it would take', () => {
    const sum = createCounterSum({ rangeJ: RANGE_J, mostW: 1000 });
    sum.add(0, 1000);
    sum.add(1000, 20);
    expect(sum.sum()).toMatchObject({ joules: 0, segment: 1, reason: 'the counter began anew' });
    sum.add(2000, 50);
    expect(sum.sum()).toMatchObject({ joules: 30, segment: 1 });
  });

  it('do not believe a jump', () => {
    const sum = createCounterSum({ rangeJ: null, mostW: 100 });
    sum.add(0, 0);
    sum.add(1000, 50_000);
    expect(sum.sum()).toMatchObject({ joules: 0, segment: 1, reason: 'the counter jumped by 50000 J in 1.0 s' });
  });

  it('without a range only begin anew', () => {
    const sum = createCounterSum({ rangeJ: null, mostW: 1e6 });
    sum.add(0, 900);
    sum.add(1000, 1);
    expect(sum.sum()).toMatchObject({ segment: 1 });
  });
});

describe('power', () => {
  it('integrates a ramp exactly', () => {
    const sum = createPowerSum({ longestMs: 2500 });
    for (let second = 0; second <= 10; second++) sum.add(second * 1000, 10 * second);
    expect(sum.sum()).toEqual({ joules: 500, segment: 0, reason: null });
  });

  it('never counts across a gap', () => {
    const sum = createPowerSum({ longestMs: 2500 });
    sum.add(0, 10);
    sum.add(1000, 10);
    sum.add(9000, 10);
    sum.add(10_000, 10);
    expect(sum.sum()).toEqual({ joules: 20, segment: 1, reason: 'no sample came for 8.0 s' });
    sum.lose('no answer');
    sum.add(10_500, 10);
    expect(sum.sum()).toEqual({ joules: 20, segment: 2, reason: 'no answer' });
  });
});

it('finds no difference across a break', () => {
  const at = (atMs: number, joules: number | null, segment: number, reason: string | null = null) => ({ atMs, joules, segment, reason });
  expect(spentBetween(at(0, 5, 0), at(2000, 9, 0))).toEqual({ joules: 4, seconds: 2 });
  expect(spentBetween(at(0, 5, 0), at(2000, 9, 1, 'it began anew'))).toEqual({ joules: null, reason: 'it began anew' });
  expect(spentBetween(at(0, null, 0, 'gone'), at(2000, 9, 0))).toEqual({ joules: null, reason: 'gone' });
});

describe('a shared machine', () => {
  it('puts the own share of processor time down to the own work, and warns', () => {
    expect(attributeByCpu(80, { machineBusyMs: 4000, ownMs: 1000 })).toMatchObject({ joules: 20, share: 0.25, warning: expect.stringContaining('75 %') as string });
  });
  it('leaves a quiet machine alone', () => {
    expect(attributeByCpu(80, { machineBusyMs: 1000, ownMs: 980 })).toBeNull();
    expect(attributeByCpu(80, { machineBusyMs: 0, ownMs: 0 })).toBeNull();
  });
});
