/** The smallest and the largest number of each tensor, over all samples. Two numbers a tensor, whatever the data. */
import { z } from 'zod';
import type { TensorReducer } from '../../../base/ports.ts';

/** `null` stands for a number that JSON does not know: infinite or not a number. */
const bound = z.number().nullable().transform((value) => value ?? Number.NaN);
export const minMaxResult = z.record(z.string(), z.object({ min: bound, max: bound, samples: z.number() }));

export type MinMaxResult = z.output<typeof minMaxResult>;

export class MinMaxReducer implements TensorReducer {
  readonly #ranges = new Map<string, { min: number; max: number; samples: number }>();

  add(tensor: string, data: Float32Array): void {
    let min = Number.POSITIVE_INFINITY;
    let max = Number.NEGATIVE_INFINITY;
    let poisoned = false;
    for (let i = 0; i < data.length; i++) {
      const value = data[i] as number;
      if (value < min) min = value;
      if (value > max) max = value;
      if (value !== value) poisoned = true;
    }
    if (data.length === 0) return;
    if (poisoned) min = max = Number.NaN;
    const known = this.#ranges.get(tensor);
    if (!known) this.#ranges.set(tensor, { min, max, samples: 1 });
    else {
      // Math.min keeps a NaN once it is there: a range that was ever undefined stays so.
      known.min = Math.min(known.min, min);
      known.max = Math.max(known.max, max);
      known.samples++;
    }
  }

  result(): unknown {
    const json = (value: number): number | null => (Number.isFinite(value) ? value : null);
    return Object.fromEntries([...this.#ranges].map(([tensor, { min, max, samples }]) => [tensor, { min: json(min), max: json(max), samples }]));
  }
}
