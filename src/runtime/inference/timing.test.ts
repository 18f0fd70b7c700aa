/** The arithmetic of latency, on sessions that take as long as they are told: the clock is not asked how fast this machine is. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import type { OpenSession } from './sessions.ts';
import { benchSession, compareLatency, quantile } from './timing.ts';

const feeds = [{}, {}, {}];
const quick = { minPairs: 20, maxSeconds: 0, seed: 1, onPair: async () => {} };

/** Time that passes only while a session runs. */
function machine(): { session(name: string, takes: () => number): OpenSession; readonly order: string[] } {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const order: string[] = [];
  return {
    order,
    session: (name, takes) => ({
      id: 0,
      threads: 3,
      inputs: [],
      outputs: [],
      run: async () => {
        order.push(name);
        now += takes();
        return {};
      },
    }),
  };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('quantile', () => {
  it('has hand values', () => {
    expect(quantile([3, 1, 2], 0.5)).toBe(2);
    expect(quantile([4, 1, 2, 3], 0.5)).toBe(2.5);
    expect(quantile([10, 20], 0.25)).toBe(12.5);
    expect(quantile([7], 0.95)).toBe(7);
    expect(quantile([1, 2, 3, 4, 5], 0)).toBe(1);
    expect(quantile([1, 2, 3, 4, 5], 1)).toBe(5);
    expect(quantile([100, 9, 20], 0.5)).toBe(20);
  });

  it('leaves its input as it was', () => {
    const values = [3, 1, 2];
    quantile(values, 0.5);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe('two sessions compared', () => {
  it('run interleaved: first, second, second, first, after a warm-up of both', async () => {
    const { session, order } = machine();
    const result = await compareLatency(session('a', () => 4), session('b', () => 2), feeds, quick);
    expect(order.slice(0, 10).join('')).toBe('ababababab');
    expect(order.slice(10).join('')).toBe('abba'.repeat(10));
    expect(result).toEqual({ threads: 3, pairs: 20, beforeMs: { median: 4, p95: 4 }, afterMs: { median: 2, p95: 2 }, ratio: 2, ci95: [2, 2] });
  });

  it('a machine that slows down steadily does not favour either', async () => {
    const { session } = machine();
    let heat = 100;
    const takes = (): number => ++heat;
    const { ratio } = await compareLatency(session('a', takes), session('b', takes), feeds, { ...quick, minPairs: 100 });
    expect(ratio).toBeCloseTo(1, 10);
  });

  it('the interval holds the ratio, says 1 for equal sessions, and is the same for the same seed', async () => {
    const measure = (factor: number): ReturnType<typeof compareLatency> => {
      const { session } = machine();
      const random = seededRandom(5);
      return compareLatency(session('a', () => 10 * factor + random() * 4), session('b', () => 10 + random() * 4), feeds, { ...quick, minPairs: 60 });
    };
    const equal = await measure(1);
    expect(equal.ci95[0]).toBeLessThan(1);
    expect(equal.ci95[1]).toBeGreaterThan(1);
    const faster = await measure(2);
    expect(faster.ci95[0]).toBeGreaterThan(1);
    expect(faster.ci95[0]).toBeLessThanOrEqual(faster.ratio);
    expect(faster.ci95[1]).toBeGreaterThanOrEqual(faster.ratio);
    expect(await measure(2)).toEqual(faster);
  });

  it('the interval covers the true ratio about as often as it says', async () => {
    let covered = 0;
    const rounds = 60;
    for (let round = 0; round < rounds; round++) {
      const { session } = machine();
      const random = seededRandom(100 + round);
      const noise = (): number => 1 + random() * 0.3;
      const { ci95 } = await compareLatency(session('a', () => 3 * noise()), session('b', () => 2 * noise()), feeds, { ...quick, minPairs: 60 });
      if (ci95[0] <= 1.5 && 1.5 <= ci95[1]) covered++;
    }
    expect(covered / rounds).toBeGreaterThan(0.85);
  });

  it('go on until the time is used, and stop at 400 pairs', async () => {
    const slow = machine();
    const timed = await compareLatency(slow.session('a', () => 100), slow.session('b', () => 100), feeds, { ...quick, minPairs: 2, maxSeconds: 10 });
    // 400 ms for two pairs: the first moment after 10 s.
    expect(timed.pairs).toBe(52);
    const fast = machine();
    expect((await compareLatency(fast.session('a', () => 0.1), fast.session('b', () => 0.1), feeds, { ...quick, maxSeconds: 60 })).pairs).toBe(400);
  });
});

it('one session alone runs for the time it is given, and at least ten times', async () => {
  const { session } = machine();
  expect(await benchSession(session('a', () => 100), feeds, 2, async () => {})).toEqual({ threads: 3, runs: 20, ms: { median: 100, p95: 100 } });
  vi.restoreAllMocks();
  const other = machine();
  expect((await benchSession(other.session('a', () => 9000), feeds, 2, async () => {})).runs).toBe(10);
});
