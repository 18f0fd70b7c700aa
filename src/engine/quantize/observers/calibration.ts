/**
 * The streaming observer of calibration. It sees small tensors that the calibration model has reduced already: numbers whose extremes are
 * the range of a value, and vectors with one number a channel whose extremes or mean are wanted. Its memory does not depend on the number
 * of samples.
 */
import { z } from 'zod';
import type { TensorReducer } from '../../../base/ports.ts';

const kind = z.enum(['range', 'channel-max', 'channel-mean']);
export const calibrationOptions = z.strictObject({ kinds: z.record(z.string(), kind) });
export type ObservationKind = z.infer<typeof kind>;

/** `null` stands for a number that JSON does not know: infinite or not a number. */
const json = z.number().nullable().transform((value) => value ?? Number.NaN);
const observation = z.object({ samples: z.number(), min: json, max: json, /** Of all numbers seen. */ mean: json, channels: z.array(json).nullable() });

/** By output name. */
export const calibrationResult = z.record(z.string(), observation);
export type Observation = z.output<typeof observation>;

interface State {
  samples: number;
  min: number;
  max: number;
  sum: number;
  count: number;
  channels: Float64Array | null;
}

export class CalibrationReducer implements TensorReducer {
  readonly #kinds: Readonly<Record<string, ObservationKind>>;
  readonly #states = new Map<string, State>();

  constructor(options: unknown) {
    this.#kinds = calibrationOptions.parse(options).kinds;
  }

  add(tensor: string, data: Float32Array, dims: readonly number[]): void {
    if (data.length === 0) return;
    const observed = this.#kinds[tensor] ?? 'range';
    let state = this.#states.get(tensor);
    if (!state) this.#states.set(tensor, (state = { samples: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY, sum: 0, count: 0, channels: null }));
    for (let i = 0; i < data.length; i++) {
      const value = data[i] as number;
      // Math.min keeps a NaN once it is there: a range that was ever undefined stays so.
      state.min = Math.min(state.min, value);
      state.max = Math.max(state.max, value);
      state.sum += value;
    }
    state.count += data.length;
    if (observed !== 'range') this.#addChannels(state, observed, data, dims);
    state.samples++;
  }

  result(): unknown {
    const plain = (value: number): number | null => (Number.isFinite(value) ? value : null);
    return Object.fromEntries(
      [...this.#states].map(([tensor, { samples, min, max, sum, count, channels }]) => {
        const scale = this.#kinds[tensor] === 'channel-mean' ? 1 / samples : 1;
        return [tensor, { samples, min: plain(min), max: plain(max), mean: plain(sum / count), channels: channels && Array.from(channels, (value) => plain(value * scale)) }];
      }),
    );
  }

  /** `data` is [batch, channels] or [batch, channels, 1, ...]. */
  #addChannels(state: State, observed: ObservationKind, data: Float32Array, dims: readonly number[]): void {
    const batch = dims[0] ?? 1;
    const count = data.length / batch;
    state.channels ??= new Float64Array(count).fill(observed === 'channel-max' ? Number.NEGATIVE_INFINITY : 0);
    const channels = state.channels;
    for (let n = 0, at = 0; n < batch; n++) {
      for (let c = 0; c < count; c++, at++) {
        const value = data[at] as number;
        if (observed === 'channel-max') channels[c] = Math.max(channels[c] as number, value);
        else channels[c] = (channels[c] as number) + value / batch;
      }
    }
  }
}
