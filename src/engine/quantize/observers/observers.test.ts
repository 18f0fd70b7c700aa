import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../base/random.ts';
import { normals } from '../../../../test/support/quantization-testing.ts';
import { Histogram, HISTOGRAM_BINS } from '../histogram.ts';
import { entropyRange } from '../search-entropy.ts';
import { mseRange, percentileRange } from '../search-range.ts';
import { asymmetricU8, quantizeU8, type Range } from '../quant-params.ts';
import { CalibrationReducer, observations, type Observation, type ObservationKind } from './calibration.ts';

const viaJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const seen = (reducer: CalibrationReducer, kinds: Readonly<Record<string, ObservationKind>> = {}): Readonly<Record<string, Observation>> => observations([viaJson(reducer.result())], kinds);

describe('the calibration observer', () => {
  it('finds the extremes and the mean of all samples', () => {
    const reducer = new CalibrationReducer({ kinds: {} });
    const samples = [normals(1, 100), normals(2, 100, 3), normals(3, 100)];
    for (const sample of samples) reducer.add('t', sample, [100]);
    const all = samples.flatMap((sample) => Array.from(sample));
    const { t } = seen(reducer);
    expect(t).toMatchObject({ samples: 3, min: Math.min(...all), max: Math.max(...all), channels: null });
    expect(t?.mean).toBeCloseTo(all.reduce((a, b) => a + b, 0) / 300, 6);
  });

  it('takes apart what came as one, as if each had come alone', () => {
    const kinds = { top: 'range', mean: 'channel-mean', most: 'channel-max' } as const;
    const alone = new CalibrationReducer({ kinds });
    const joined = new CalibrationReducer({ kinds, joined: { all: [{ name: 'mean', width: 3 }, { name: 'top', width: 2 }, { name: 'most', width: 3 }] } });
    for (const seed of [1, 2, 3]) {
      const all = normals(seed, 8);
      joined.add('all', all, [1, 8]);
      alone.add('mean', all.subarray(0, 3), [1, 3]);
      alone.add('top', Float32Array.of(Math.max(...all.subarray(3, 5))), []);
      alone.add('most', all.subarray(5), [1, 3]);
    }
    expect(seen(joined, kinds)).toEqual(seen(alone, kinds));
    joined.add('all', Float32Array.of(0, 0, 0, Number.NaN, 0, 0, 0, 0), [1, 8]);
    expect(seen(joined, kinds)['top']?.max).toBeNaN();
  });

  it('puts parts of the samples together as if one had seen all', () => {
    const kinds = { t: 'range', mean: 'channel-mean', most: 'channel-max' } as const;
    const [all, one, two] = [new CalibrationReducer({ kinds }), new CalibrationReducer({ kinds }), new CalibrationReducer({ kinds })];
    for (const seed of [1, 2, 3, 4, 5]) {
      for (const tensor of ['t', 'mean', 'most']) {
        all.add(tensor, normals(seed, 4), [1, 4]);
        (seed < 4 ? one : two).add(tensor, normals(seed, 4), [1, 4]);
      }
    }
    const [whole, parts] = [seen(all, kinds), observations([one, two].map((part) => viaJson(part.result())), kinds)];
    for (const name of ['t', 'mean', 'most']) {
      expect(parts[name]).toMatchObject({ samples: 5, min: whole[name]?.min, max: whole[name]?.max });
      expect(parts[name]?.mean).toBeCloseTo(whole[name]?.mean ?? 0, 12);
      (whole[name]?.channels ?? []).forEach((value, c) => expect(parts[name]?.channels?.[c]).toBeCloseTo(value, 12));
    }
    // A value that only one part has seen: in a branch that did not run for the others.
    expect(observations([viaJson(one.result()), {}], kinds)['t']?.samples).toBe(3);
  });

  it('merges histograms that began elsewhere: nothing is lost, and the ranges found are nearly those of one', () => {
    const numbers = Array.from({ length: 6 }, (_, seed) => normals(seed + 1, 20_000, seed === 4 ? 3 : 0));
    const fill = (some: readonly Float32Array[]): Histogram => {
      const histogram = new Histogram();
      for (const data of some) histogram.add(data);
      return histogram;
    };
    const whole = fill(numbers);
    for (const merged of [fill(numbers.slice(0, 3)).merge(fill(numbers.slice(3))), fill(numbers.slice(3)).merge(fill(numbers.slice(0, 3))), fill(numbers).merge(new Histogram()), new Histogram().merge(fill(numbers))]) {
      expect(merged.counts.reduce((a, b) => a + b, 0) + merged.zeros).toBeCloseTo(120_000, 6);
      expect([merged.min, merged.max]).toEqual([whole.min, whole.max]);
      for (const search of [percentileRange, mseRange, entropyRange]) {
        const [found, wanted] = [search(merged, 99.9), search(whole, 99.9)];
        expect(Math.abs(found.max - wanted.max) / wanted.max).toBeLessThan(0.03);
        expect(Math.abs(found.min - wanted.min) / Math.abs(wanted.min)).toBeLessThan(0.03);
      }
    }
  });

  it('averages channels over samples and over the pictures of a batch, and takes the largest of each', () => {
    const kinds = { mean: 'channel-mean', max: 'channel-max' } as const;
    const reducer = new CalibrationReducer({ kinds });
    for (const name of ['mean', 'max']) {
      reducer.add(name, Float32Array.of(1, 10, 3, 30), [2, 2, 1, 1]);
      reducer.add(name, Float32Array.of(5, 0), [1, 2, 1, 1]);
    }
    const result = seen(reducer, kinds);
    // (mean(1, 3) + 5) / 2 and (mean(10, 30) + 0) / 2
    expect(result['mean']?.channels).toEqual([3.5, 10]);
    expect(result['max']?.channels).toEqual([5, 30]);
  });

  it('does not forget that a number was not finite', () => {
    const reducer = new CalibrationReducer({ kinds: {} });
    reducer.add('t', Float32Array.of(1, Number.NaN), [2]);
    reducer.add('t', Float32Array.of(2), [1]);
    expect(seen(reducer)['t']?.max).toBeNaN();
  });
});

describe('the histogram', () => {
  it('counts every number once, however the range grows, and agrees with counting all at once', () => {
    const samples = [1, 0.1, 8, 30].map((deviation, index) => normals(index, 5000, deviation));
    const histogram = new Histogram();
    for (const sample of samples) histogram.add(sample);
    const all = samples.flatMap((sample) => Array.from(sample));
    expect(histogram.min).toBe(Math.min(...all));
    expect(histogram.max).toBe(Math.max(...all));
    expect(histogram.counts.reduce((a, b) => a + b, 0) + histogram.zeros).toBe(all.length);
    const exact = new Float64Array(HISTOGRAM_BINS);
    for (const value of all) {
      const bin = Math.min(HISTOGRAM_BINS - 1, Math.floor((value - histogram.low) / histogram.width));
      exact[bin] = (exact[bin] as number) + 1;
    }
    // Merging bins moves nothing but what lies on an edge within float rounding.
    const moved = exact.reduce((sum, count, bin) => sum + Math.abs(count - (histogram.counts[bin] as number)), 0);
    expect(moved).toBeLessThan(all.length * 0.002);
  });

  it('takes a tensor of one repeated number, and refuses one that is not finite', () => {
    const histogram = new Histogram();
    expect(histogram.add(new Float32Array(10).fill(3))).toBe(true);
    expect(histogram.max).toBe(3);
    for (const broken of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]) {
      expect(new Histogram().add(Float32Array.of(1, broken, 2))).toBe(false);
      expect(Histogram.fromJson(histogram.toJson()).add(Float32Array.of(3, broken))).toBe(false);
    }
  });

  it('counts zeros of either sign apart, and what lies on the edges inside', () => {
    const histogram = new Histogram();
    histogram.add(Float32Array.of(0, -0, 1, 2, 2, 1e-40, 0, 0.5));
    expect(histogram.zeros).toBe(3);
    expect(histogram.counts.reduce((a, b) => a + b, 0)).toBe(5);
    expect(histogram.counts[HISTOGRAM_BINS - 1]).toBe(2);
  });

  it('grows to what two passes would give, within a bin, for streams of any order and scale', () => {
    for (let seed = 0; seed < 40; seed++) {
      const random = seededRandom(seed);
      const samples = Array.from({ length: 1 + Math.floor(random() * 6) }, (_, i) => {
        const shift = (random() - 0.5) * 10 ** (random() * 3);
        const relu = random() < 0.4;
        return normals(seed * 10 + i, 200 + Math.floor(random() * 800), 10 ** (random() * 4 - 2)).map((value) => (relu ? Math.max(0, value) : value + shift));
      });
      const all = Float32Array.from(samples.flatMap((sample) => [...sample])).toSorted();
      const streamed = new Histogram();
      for (const sample of samples) streamed.add(sample);
      const { low, width, counts, zeros } = streamed;
      expect([streamed.min, streamed.max]).toEqual([all[0], all.at(-1)]);
      expect(zeros).toBe(all.filter((value) => value === 0).length);
      expect(width * HISTOGRAM_BINS).toBeLessThanOrEqual((streamed.max - low) * 2.01 + width);
      // The number of each rank lies in the bin that the counts say, or in the next one where it is on an edge.
      const nonZero = all.filter((value) => value !== 0);
      for (let bin = 0, rank = 0; bin < HISTOGRAM_BINS; bin++) {
        for (let i = 0; i < (counts[bin] as number); i++, rank++) expect(Math.abs((nonZero[rank] as number) - (low + (bin + 0.5) * width)) / width).toBeLessThan(1.51);
      }
    }
  });
});

describe('an observer that was interrupted', () => {
  const kinds = { t: 'range', c: 'channel-mean', m: 'channel-max', h: 'histogram' } as const;
  const sample = (reducer: CalibrationReducer, seed: number): void => {
    for (const name of Object.keys(kinds)) reducer.add(name, normals(seed, 600, seed), [2, 300]);
  };

  it('goes on from what it gave as if it had never stopped, bit for bit', () => {
    const whole = new CalibrationReducer({ kinds });
    for (const seed of [1, 2, 3, 4]) sample(whole, seed);
    const first = new CalibrationReducer({ kinds });
    for (const seed of [1, 2]) sample(first, seed);
    const second = new CalibrationReducer({ kinds, initial: viaJson(first.result()) });
    for (const seed of [3, 4]) sample(second, seed);
    expect(viaJson(second.result())).toEqual(viaJson(whole.result()));
  });

  it('still knows of a number that was not finite', () => {
    const first = new CalibrationReducer({ kinds });
    for (const name of Object.keys(kinds)) first.add(name, Float32Array.of(1, Number.NaN), [1, 2]);
    const second = new CalibrationReducer({ kinds, initial: viaJson(first.result()) });
    sample(second, 3);
    const { t, h } = seen(second, kinds);
    expect(t?.max).toBeNaN();
    expect(h?.histogram).toBeNull();
  });
});

describe('the range that 8 bits should span', () => {
  /** Mostly within a few units, with rare numbers far outside. */
  const data = Float32Array.from([...normals(5, 20000), 40, -25, 41]);
  const histogram = new Histogram();
  histogram.add(data);

  const meanSquaredError = (range: Range): number => {
    const params = asymmetricU8(range);
    const quantized = quantizeU8(data, params);
    return data.reduce((sum, value, index) => sum + (value - ((quantized[index] as number) - params.zeroPoint) * params.scale) ** 2, 0) / data.length;
  };

  it('by percentile leaves out the share that it was told to', () => {
    const range = percentileRange(histogram, 99.9);
    const outside = data.filter((value) => value < range.min || value > range.max).length;
    expect(outside).toBeGreaterThan(10);
    expect(outside).toBeLessThan(60);
    expect(percentileRange(histogram, 100)).toEqual({ min: histogram.min, max: histogram.max });
  });

  it('by squared error comes close to the best of an exhaustive search on the numbers themselves', () => {
    let best = Number.POSITIVE_INFINITY;
    for (let low = 0.05; low <= 1; low += 0.05) for (let high = 0.05; high <= 1; high += 0.05) best = Math.min(best, meanSquaredError({ min: -25 * low, max: 41 * high }));
    expect(meanSquaredError(mseRange(histogram))).toBeLessThan(best * 1.1);
    expect(best).toBeLessThan(meanSquaredError({ min: -25, max: 41 }));
  });

  it('by entropy clips lone outliers, and keeps the whole of an even distribution', () => {
    const range = entropyRange(histogram);
    expect(range.max).toBeLessThan(20);
    expect(range.max).toBeGreaterThan(2);
    const even = new Histogram();
    even.add(Float32Array.from({ length: 40960 }, (_, i) => (i % 2048) / 100));
    expect(entropyRange(even).max).toBeGreaterThan(20);
  });

  it('by percentile ends within a bin of the number of that rank, at either end', () => {
    for (let seed = 0; seed < 10; seed++) {
      const values = normals(seed, 30000, 1 + seed).map((value, i) => (i % 300 === 0 ? value * 6 : value));
      const counted = new Histogram();
      for (let at = 0; at < values.length; at += 5000) counted.add(values.subarray(at, at + 5000));
      const sorted = values.toSorted();
      for (const percentile of [99, 99.9, 99.99]) {
        const cut = Math.floor(sorted.length * (1 - percentile / 100));
        const range = percentileRange(counted, percentile);
        expect(Math.abs(range.max - (sorted.at(-1 - cut) as number))).toBeLessThanOrEqual(counted.width);
        expect(Math.abs(range.min - (sorted[cut] as number))).toBeLessThanOrEqual(counted.width);
      }
    }
  });

  it('by entropy is the least of the divergences that plain distributions give', () => {
    for (let seed = 0; seed < 6; seed++) {
      const random = seededRandom(seed);
      const relu = seed % 2 === 1;
      const values = Float32Array.from(normals(seed, 20000), (value) => (relu ? Math.max(0, value) : value) * (random() < 0.002 ? 5 + 10 * random() : 1));
      const counted = new Histogram();
      counted.add(values);
      let least = Number.POSITIVE_INFINITY;
      for (let bins = HISTOGRAM_BINS; bins >= 256; bins -= 16) least = Math.min(least, plainDivergence(counted, bins / HISTOGRAM_BINS));
      const { max } = entropyRange(counted);
      const found = plainDivergence(counted, max / Math.max(0, counted.max));
      expect(found).toBeLessThanOrEqual(least + 1e-9);
    }
  });
});

/** The divergence as the paper has it: two distributions, bin by bin. */
function plainDivergence(histogram: Histogram, share: number): number {
  const { low, width } = histogram;
  const from = Math.max(0, Math.floor((Math.min(0, histogram.min) * share - low) / width));
  const to = Math.min(HISTOGRAM_BINS, Math.ceil((Math.max(0, histogram.max) * share - low) / width));
  if (to - from < 256) return Number.POSITIVE_INFINITY;
  const counts = [...histogram.counts];
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const inner = counts.slice(from, to);
  const p = [...inner];
  p[0] = (p[0] as number) + sum(counts.slice(0, from));
  p[p.length - 1] = (p.at(-1) as number) + sum(counts.slice(to));
  const q = inner.map(() => 0);
  for (let level = 0; level < 256; level++) {
    const start = Math.floor((level * inner.length) / 256);
    const end = Math.floor(((level + 1) * inner.length) / 256);
    const part = inner.slice(start, end);
    const filled = part.filter((count) => count > 0).length;
    part.forEach((count, i) => (q[start + i] = count > 0 ? sum(part) / filled : 1e-6));
  }
  const [ofP, ofQ] = [sum(p), sum(inner)];
  return sum(p.map((count, i) => (count === 0 ? 0 : (count / ofP) * Math.log(count / ofP / ((q[i] as number) / ofQ)))));
}
