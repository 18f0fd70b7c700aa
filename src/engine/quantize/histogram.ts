/**
 * A histogram whose range grows with what it sees: when a number falls outside, bins are merged in pairs and the range doubles. So it is
 * filled in one pass over the samples, in constant memory, and which numbers came first hardly matters. Zeros are counted apart, since
 * after Relu they are many and 8 bits keep them exactly.
 */
import { z } from 'zod';

export const HISTOGRAM_BINS = 2048;

/** Of one table of counters: zeros, the bins, and one for the upper edge of the last bin. */
const TABLE_BITS = 12;
const TABLE = 1 << TABLE_BITS;
/** Shared by all histograms, and empty between two calls. */
const tables = new Uint32Array(2 * TABLE);

/** The counts' bytes: a network has hundreds of thousands of them, and as numbers they would take longer to write and read than to find. */
const counts = z.base64().refine((text) => Buffer.byteLength(text, 'base64') === HISTOGRAM_BINS * Float64Array.BYTES_PER_ELEMENT);

export const histogramJson = z.object({
  low: z.number(),
  width: z.number(),
  zeros: z.number(),
  /** Smallest and largest number seen. */
  min: z.number(),
  max: z.number(),
  counts,
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

  /** @returns false where a number was not finite: then the histogram is of no use any more */
  add(data: Float32Array): boolean {
    const bits = new Int32Array(data.buffer, data.byteOffset, data.length);
    let next = 0;
    while (next < data.length) {
      if (this.width > 0) next = this.#count(data, bits, next);
      if (next < data.length && !this.#coverRest(data, next)) return false;
    }
    return true;
  }

  /**
   * Both together, in the wider bins of the two. A bin that lies across an edge of those is shared out as if it were filled evenly, so what
   * comes of it does not depend on where either began by more than that.
   */
  merge(other: Histogram): Histogram {
    if (other.width === 0) return this;
    if (this.width === 0 || this.width < other.width) return other.merge(this);
    this.#cover(Math.min(this.min, other.min), Math.max(this.max, other.max));
    this.zeros += other.zeros;
    const { counts, low, width } = this;
    for (let bin = 0; bin < HISTOGRAM_BINS; bin++) {
      const count = other.counts[bin] as number;
      if (count === 0) continue;
      const from = (other.low + bin * other.width - low) / width;
      const to = from + other.width / width;
      const first = Math.min(HISTOGRAM_BINS - 1, Math.max(0, Math.floor(from)));
      const second = Math.min(HISTOGRAM_BINS - 1, first + 1);
      const over = Math.min(1, Math.max(0, (to - first - 1) / (to - from)));
      counts[first] = (counts[first] as number) + count * (1 - over);
      counts[second] = (counts[second] as number) + count * over;
    }
    return this;
  }

  toJson(): HistogramJson {
    const { low, width, zeros, min, max } = this;
    return { low, width, zeros, min, max, counts: Buffer.from(this.counts.buffer).toString('base64') };
  }

  static fromJson(json: HistogramJson): Histogram {
    const histogram = new Histogram();
    const { low, width, zeros, min, max } = json;
    Object.assign(histogram, { low, width, zeros, min, max });
    histogram.counts.set(new Float64Array(Uint8Array.from(Buffer.from(json.counts, 'base64')).buffer));
    return histogram;
  }

  /**
   * Counts from `start` up to the first number that is not between the smallest and the largest seen, whose position it returns. No branch
   * depends on whether a number is 0, and neighbours go to different tables: after Relu either would make this several times slower.
   */
  #count(data: Float32Array, bits: Int32Array, start: number): number {
    const { low, min, max } = this;
    const inverse = 1 / this.width;
    const end = data.length;
    let i = start;
    for (; i < end; i++) {
      const value = data[i] as number;
      // Not a number is outside too.
      if (!(value >= min && value <= max)) break;
      // The largest may lie on the upper edge.
      const bin = ((value - low) * inverse) | 0;
      const magnitude = (bits[i] as number) << 1;
      // Slot 0 is for zeros, of either sign.
      const slot = ((bin + 1) & ((magnitude | -magnitude) >> 31)) + ((i & 1) << TABLE_BITS);
      tables[slot] = (tables[slot] as number) + 1;
    }
    this.zeros += (tables[0] as number) + (tables[TABLE] as number);
    const { counts } = this;
    for (let bin = 0; bin <= HISTOGRAM_BINS; bin++) {
      const kept = bin < HISTOGRAM_BINS ? bin : HISTOGRAM_BINS - 1;
      counts[kept] = (counts[kept] as number) + (tables[bin + 1] as number) + (tables[TABLE + bin + 1] as number);
    }
    tables.fill(0);
    return i;
  }

  /** Makes the range hold everything from `start` on. @returns false where a number is not finite */
  #coverRest(data: Float32Array, start: number): boolean {
    let { min, max } = this;
    let sum = 0;
    for (let i = start; i < data.length; i++) {
      const value = data[i] as number;
      // Doubles hold the sum of any number of finite floats.
      sum += Math.abs(value);
      if (value < min) min = value;
      if (value > max) max = value;
    }
    if (!Number.isFinite(sum)) return false;
    this.#cover(min, max);
    return true;
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
