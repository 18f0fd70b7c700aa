import { describe, expect, it } from 'vitest';
import { normals } from '../../../../test/support/quantization-testing.ts';
import { Histogram, HISTOGRAM_BINS } from '../histogram.ts';
import { entropyRange } from '../search-entropy.ts';
import { mseRange, percentileRange } from '../search-range.ts';
import { asymmetricU8, quantizeU8, type Range } from '../quant-params.ts';
import { CalibrationReducer, calibrationResult } from './calibration.ts';
import { HistogramReducer, histogramResult } from './histogram.ts';

const viaJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('the calibration observer', () => {
  it('finds the extremes and the mean of all samples', () => {
    const reducer = new CalibrationReducer({ kinds: {} });
    const samples = [normals(1, 100), normals(2, 100, 3), normals(3, 100)];
    for (const sample of samples) reducer.add('t', sample, [100]);
    const all = samples.flatMap((sample) => Array.from(sample));
    const { t } = calibrationResult.parse(viaJson(reducer.result()));
    expect(t).toMatchObject({ samples: 3, min: Math.min(...all), max: Math.max(...all), channels: null });
    expect(t?.mean).toBeCloseTo(all.reduce((a, b) => a + b, 0) / 300, 6);
  });

  it('averages channels over samples and over the pictures of a batch, and takes the largest of each', () => {
    const reducer = new CalibrationReducer({ kinds: { mean: 'channel-mean', max: 'channel-max' } });
    for (const name of ['mean', 'max']) {
      reducer.add(name, Float32Array.of(1, 10, 3, 30), [2, 2, 1, 1]);
      reducer.add(name, Float32Array.of(5, 0), [1, 2, 1, 1]);
    }
    const result = calibrationResult.parse(viaJson(reducer.result()));
    // (mean(1, 3) + 5) / 2 and (mean(10, 30) + 0) / 2
    expect(result['mean']?.channels).toEqual([3.5, 10]);
    expect(result['max']?.channels).toEqual([5, 30]);
  });

  it('does not forget that a number was not finite', () => {
    const reducer = new CalibrationReducer({ kinds: {} });
    reducer.add('t', Float32Array.of(1, Number.NaN), [2]);
    reducer.add('t', Float32Array.of(2), [1]);
    expect(calibrationResult.parse(viaJson(reducer.result()))['t']?.max).toBeNaN();
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

  it('goes on from an earlier result as if it had never stopped', () => {
    const samples = [normals(1, 1000), normals(2, 1000, 4)];
    const whole = new HistogramReducer({});
    const first = new HistogramReducer({});
    first.add('t', samples[0] as Float32Array);
    const second = new HistogramReducer({ initial: histogramResult.parse(viaJson(first.result())) });
    second.add('t', samples[1] as Float32Array);
    for (const sample of samples) whole.add('t', sample);
    expect(viaJson(second.result())).toEqual(viaJson(whole.result()));
  });

  it('takes a tensor of one repeated number, and refuses one that is not finite', () => {
    const reducer = new HistogramReducer({});
    reducer.add('constant', new Float32Array(10).fill(3));
    reducer.add('broken', Float32Array.of(1, Number.POSITIVE_INFINITY));
    const result = histogramResult.parse(viaJson(reducer.result()));
    expect(result['constant']?.max).toBe(3);
    expect(result['broken']).toBeNull();
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
});
