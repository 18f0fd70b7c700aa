import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import { bootstrapErrors, influenceStratum, normal, quantile, studentAt975, varianceOf } from './statistics.ts';
import { correlation, varianceFactor } from './time-blocks.ts';

test('Student at 97.5 %, as tables have it', () => {
  for (const [freedom, table] of [[4, 2.776], [5, 2.571], [7, 2.365], [10, 2.228], [20, 2.086], [60, 2.0], [1000, 1.962]] as const) expect(studentAt975(freedom)).toBeCloseTo(table, 2);
});

test('quantiles lie between the two nearest values', () => {
  expect([0, 0.25, 0.5, 1].map((share) => quantile(Float64Array.of(1, 2, 4), share))).toEqual([1, 1.5, 2, 4]);
});

test('the variance of a sum does not hang on where 0 is', () => {
  expect(varianceOf(Float64Array.of(1, 2, 3))).toBeCloseTo(3, 12);
  expect(varianceOf(Float64Array.of(11, 12, 13))).toBeCloseTo(3, 12);
  expect(varianceOf(Float64Array.of(5))).toBe(0);
});

describe('the bootstrap', () => {
  /** Sums of so many normal numbers, each with an interval around its own: how often is the true 0 in it? */
  const coverage = (count: number, draw: (random: () => number) => number, runs = 300): number => {
    let covered = 0;
    for (let seed = 1; seed <= runs; seed++) {
      const random = seededRandom(seed);
      const over = Float64Array.from({ length: count }, () => Math.exp(0.1 * draw(random)));
      const under = Float64Array.from({ length: count }, () => Math.exp(0.1 * draw(random)));
      const value = Math.log(over.reduce((sum, each) => sum + each, 0) / under.reduce((sum, each) => sum + each, 0));
      const { low, high } = bootstrapErrors([{ over, under, sign: 1 }], 400, seed);
      if (value - high <= 0 && 0 <= value - low) covered++;
    }
    return covered / runs;
  };

  test('covers the truth in about 95 %, with eight units and with skewed ones', () => {
    for (const share of [coverage(8, normal), coverage(30, normal), coverage(15, (random) => -Math.log(1 - random()) * 2)]) {
      expect(share).toBeGreaterThan(0.91);
      expect(share).toBeLessThan(0.985);
    }
  });

  test('is the same for the same seed, opposite for a ratio that divides, and nothing where there is no scatter', () => {
    const over = Float64Array.from({ length: 12 }, (_, at) => 100 + at);
    const under = new Float64Array(12).fill(100);
    const [one, other] = [bootstrapErrors([{ over, under, sign: 1 }], 500, 3), bootstrapErrors([{ over, under, sign: -1 }], 500, 3)];
    expect(bootstrapErrors([{ over, under, sign: 1 }], 500, 3)).toEqual(one);
    expect(other.low).toBeCloseTo(-one.high, 12);
    const { low, high } = bootstrapErrors([influenceStratum(new Float64Array(12))], 500, 3);
    expect([low < 0, high > 0, high - low < 1e-8]).toEqual([true, true, true]);
  });

  test('an error that all share widens it', () => {
    const strata = [influenceStratum(Float64Array.of(-0.02, 0.01, 0.005, -0.01, 0.02, -0.005, 0.01, -0.01))];
    const [alone, shared] = [bootstrapErrors(strata, 4000, 1), bootstrapErrors(strata, 4000, 1, { sd: 0.1, freedom: 6 })];
    expect(shared.high - shared.low).toBeGreaterThan(2 * 2.2 * 0.1);
    expect(alone.high - alone.low).toBeLessThan(0.3);
  });
});

describe('a memory from block to block', () => {
  /** Series of eight with their mean taken off. */
  const series = (memory: number, many: number): Float64Array[] => {
    const random = seededRandom(7);
    return Array.from({ length: many }, () => {
      let value = normal(random);
      const values = Float64Array.from({ length: 8 }, () => {
        const now = value;
        value = memory * value + Math.sqrt(1 - memory ** 2) * normal(random);
        return now;
      });
      const mean = values.reduce((sum, each) => sum + each, 0) / 8;
      return values.map((each) => each - mean);
    });
  };

  test('is found although short series hide it', () => {
    for (const memory of [0, 0.3, 0.6, 0.8]) expect(correlation(series(memory, 4000))).toBeCloseTo(memory, 1);
  });

  test('makes a mean vary as it does', () => {
    expect(varianceFactor(0, 8)).toBeCloseTo(1, 12);
    for (const memory of [0.3, 0.6]) {
      const random = seededRandom(11);
      let [ofMeans, ofScatter] = [0, 0];
      for (let run = 0; run < 20_000; run++) {
        let value = normal(random);
        let [sum, squares] = [0, 0];
        for (let at = 0; at < 8; at++) {
          sum += value;
          squares += value * value;
          value = memory * value + Math.sqrt(1 - memory ** 2) * normal(random);
        }
        ofMeans += (sum / 8) ** 2;
        ofScatter += (squares - sum ** 2 / 8) / 7 / 8;
      }
      expect(varianceFactor(memory, 8) / (ofMeans / ofScatter)).toBeCloseTo(1, 1);
    }
  });
});
