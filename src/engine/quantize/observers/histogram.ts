/** A histogram of each tensor. Two thousand counters a tensor, whatever the data. */
import { z } from 'zod';
import type { TensorReducer } from '../../../base/ports.ts';
import { Histogram, histogramJson } from '../histogram.ts';

/** By tensor; null where a number was not finite. */
export const histogramResult = z.record(z.string(), histogramJson.nullable());
export type HistogramResult = z.output<typeof histogramResult>;

/** `initial`: an earlier result, to be carried on. */
const histogramOptions = z.strictObject({ initial: histogramResult.optional() });

export class HistogramReducer implements TensorReducer {
  readonly #histograms = new Map<string, Histogram>();
  readonly #broken = new Set<string>();

  constructor(options: unknown) {
    const { initial = {} } = histogramOptions.parse(options ?? {});
    for (const [tensor, json] of Object.entries(initial)) {
      if (json) this.#histograms.set(tensor, Histogram.fromJson(json));
      else this.#broken.add(tensor);
    }
  }

  add(tensor: string, data: Float32Array): void {
    let histogram = this.#histograms.get(tensor);
    if (!histogram) this.#histograms.set(tensor, (histogram = new Histogram()));
    if (!histogram.add(data)) this.#broken.add(tensor);
  }

  result(): HistogramResult {
    return Object.fromEntries([...this.#histograms].map(([tensor, histogram]) => [tensor, this.#broken.has(tensor) ? null : histogram.toJson()]));
  }
}
