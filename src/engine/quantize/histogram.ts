/**
 * A histogram whose range grows with what it sees: when a number falls outside, bins are merged in pairs and the range doubles. So it is
 * filled in one pass over the samples, in constant memory, and which numbers came first hardly matters. Zeros are counted apart, since
 * after Relu they are many and 8 bits keep them exactly.
 */
import { z } from 'zod';

export const HISTOGRAM_BINS = 2048;

export const histogramJson = z.object({
  low: z.number(),
  width: z.number(),
  zeros: z.number(),
  /** Smallest and largest number seen. */
  min: z.number(),
  max: z.number(),
  counts: z.array(z.number()),
});

export type HistogramJson = z.output<typeof histogramJson>;

export class Histogram {
  /** Lower edge of the first bin. */
  low = 0;
  /** Of one bin; 0 before anything was added. */
  width = 0;
  zeros = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  readonly counts = new Float64Array(HISTOGRAM_BINS);

  /** @returns false where a number was not finite: then nothing of `data` is counted */
  add(data: Float32Array): boolean {
    let min = this.min;
    let max = this.max;
    for (let i = 0; i < data.length; i++) {
      const value = data[i] as number;
      if (value < min) min = value;
      if (value > max) max = value;
    }
    if (data.length === 0) return true;
    if (!Number.isFinite(min) || !Number.isFinite(max)) return false;
    this.#cover(min, max);
    const { low, counts } = this;
    const inverse = 1 / this.width;
    let zeros = 0;
    for (let i = 0; i < data.length; i++) {
      const value = data[i] as number;
      if (value === 0) zeros++;
      else {
        const bin = ((value - low) * inverse) | 0;
        const index = bin < HISTOGRAM_BINS ? bin : HISTOGRAM_BINS - 1;
        counts[index] = (counts[index] as number) + 1;
      }
    }
    this.zeros += zeros;
    return true;
  }

  toJson(): HistogramJson {
    const { low, width, zeros, min, max } = this;
    return { low, width, zeros, min, max, counts: Array.from(this.counts) };
  }

  static fromJson(json: HistogramJson): Histogram {
    const histogram = new Histogram();
    const { low, width, zeros, min, max } = json;
    Object.assign(histogram, { low, width, zeros, min, max });
    histogram.counts.set(json.counts.slice(0, HISTOGRAM_BINS));
    return histogram;
  }

  #cover(min: number, max: number): void {
    this.min = min;
    this.max = max;
    if (this.width === 0) {
      this.low = min;
      // Never 0, so that a constant tensor has a bin to fall into.
      this.width = Math.max((max - min) / HISTOGRAM_BINS, Math.abs(max) * 1e-9, 1e-30);
      return;
    }
    while (max > this.low + this.width * HISTOGRAM_BINS) this.#double(0);
    while (min < this.low) {
      this.low -= this.width * HISTOGRAM_BINS;
      this.#double(HISTOGRAM_BINS / 2);
    }
  }

  /** Merges bins in pairs and puts them from `offset` on. */
  #double(offset: number): void {
    const { counts } = this;
    const merged = new Float64Array(HISTOGRAM_BINS);
    for (let i = 0; i < HISTOGRAM_BINS / 2; i++) merged[offset + i] = (counts[2 * i] as number) + (counts[2 * i + 1] as number);
    counts.set(merged);
    this.width *= 2;
  }
}
