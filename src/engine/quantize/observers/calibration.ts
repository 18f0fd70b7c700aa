/**
 * The streaming observer of calibration. It sees what the calibration model has reduced already: numbers whose extremes are the range of a
 * value, vectors with one number a channel whose extremes or mean are wanted, and values or a part of them of which it makes a histogram.
 * Its memory does not depend on the number of samples, and what it gives is also its state: another one goes on from it.
 */
import { z } from 'zod';
import type { TensorReducer } from '../../../base/ports.ts';
import { Histogram, histogramJson } from '../histogram.ts';

const kind = z.enum(['range', 'channel-max', 'channel-mean', 'histogram']);
export type ObservationKind = z.infer<typeof kind>;

/** `null` stands for a number that JSON does not know: infinite or not a number. */
const json = z.number().nullable().transform((value) => value ?? Number.NaN);
const stateJson = z.object({
  samples: z.number(),
  min: json,
  max: json,
  /** Of all numbers seen, and how many they are. */
  sum: json,
  count: z.number(),
  /** By channel: the largest, or the sum of the samples' means. */
  channels: z.array(json).nullable(),
  /** null where a number was not finite. */
  histogram: histogramJson.nullish(),
});

/** By output name. */
export const calibrationState = z.record(z.string(), stateJson);
const joinedPart = z.strictObject({ name: z.string(), width: z.number().int().positive() });
/** One of the values that lie beside each other in an output of shape [1, sum of the widths]. */
export type JoinedPart = z.output<typeof joinedPart>;
/** `joined`: by output, what lies in it; `initial`: what an earlier one gave, to be carried on. */
export const calibrationOptions = z.strictObject({ kinds: z.record(z.string(), kind), joined: z.record(z.string(), z.array(joinedPart)).default({}), initial: calibrationState.optional() });

type CalibrationState = z.output<typeof stateJson>;

export interface Observation {
  readonly samples: number;
  readonly min: number;
  readonly max: number;
  /** Of all numbers seen. */
  readonly mean: number;
  readonly channels: readonly number[] | null;
  /** Of what was asked for as a histogram; null where a number was not finite. */
  readonly histogram: Histogram | null;
}

/** What the states of the parts say together, by output name. */
export function observations(states: readonly unknown[], kinds: Readonly<Record<string, ObservationKind>>): Readonly<Record<string, Observation>> {
  const parts = states.map((state) => calibrationState.parse(state));
  const together: Record<string, CalibrationState> = {};
  for (const part of parts) {
    for (const [name, state] of Object.entries(part)) {
      const before = together[name];
      together[name] = before === undefined ? state : mergeStates(before, state, kinds[name] ?? 'range');
    }
  }
  return Object.fromEntries(
    Object.entries(together).map(([name, { samples, min, max, sum, count, channels, histogram }]) => {
      const scale = kinds[name] === 'channel-mean' ? 1 / samples : 1;
      return [name, { samples, min, max, mean: sum / count, channels: channels && channels.map((value) => value * scale), histogram: histogram ? Histogram.fromJson(histogram) : null }];
    }),
  );
}

function mergeStates(a: CalibrationState, b: CalibrationState, kind: ObservationKind): CalibrationState {
  const channels = a.channels && b.channels && a.channels.map((value, c) => (kind === 'channel-max' ? Math.max(value, b.channels?.[c] ?? Number.NaN) : value + (b.channels?.[c] ?? Number.NaN)));
  const state = { samples: a.samples + b.samples, min: Math.min(a.min, b.min), max: Math.max(a.max, b.max), sum: a.sum + b.sum, count: a.count + b.count, channels };
  if (a.histogram === undefined || b.histogram === undefined) return state;
  if (a.histogram === null || b.histogram === null) return { ...state, histogram: null };
  return { ...state, histogram: Histogram.fromJson(a.histogram).merge(Histogram.fromJson(b.histogram)).toJson() };
}

interface State {
  samples: number;
  min: number;
  max: number;
  sum: number;
  count: number;
  channels: Float64Array | null;
  histogram: Histogram | null;
  broken: boolean;
}

export class CalibrationReducer implements TensorReducer {
  readonly #kinds: Readonly<Record<string, ObservationKind>>;
  readonly #joined: Readonly<Record<string, readonly JoinedPart[]>>;
  readonly #states = new Map<string, State>();

  constructor(options: unknown) {
    const { kinds, joined, initial = {} } = calibrationOptions.parse(options);
    this.#kinds = kinds;
    this.#joined = joined;
    for (const [tensor, { channels, histogram, ...numbers }] of Object.entries(initial)) {
      this.#states.set(tensor, { ...numbers, channels: channels && Float64Array.from(channels), histogram: histogram ? Histogram.fromJson(histogram) : null, broken: histogram === null });
    }
  }

  add(tensor: string, data: Float32Array, dims: readonly number[]): void {
    if (data.length === 0) return;
    const joined = this.#joined[tensor];
    if (joined) {
      this.#addJoined(joined, data);
      return;
    }
    const observed = this.#kinds[tensor] ?? 'range';
    let state = this.#states.get(tensor);
    if (!state) this.#states.set(tensor, (state = { samples: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY, sum: 0, count: 0, channels: null, histogram: null, broken: false }));
    state.samples++;
    if (observed === 'histogram') {
      state.histogram ??= new Histogram();
      if (!state.broken && !state.histogram.add(data)) state.broken = true;
      return;
    }
    for (let i = 0; i < data.length; i++) {
      const value = data[i] as number;
      // Math.min keeps a NaN once it is there: a range that was ever undefined stays so.
      state.min = Math.min(state.min, value);
      state.max = Math.max(state.max, value);
      state.sum += value;
    }
    state.count += data.length;
    if (observed !== 'range') addChannels(state, observed, data, dims);
  }

  #addJoined(parts: readonly JoinedPart[], data: Float32Array): void {
    let from = 0;
    for (const { name, width } of parts) {
      const own = data.subarray(from, from + width);
      from += width;
      // One number a run, however many channels there are: the mean of the runs' ends is asked for.
      if ((this.#kinds[name] ?? 'range') === 'range') this.add(name, Float32Array.of(largest(own)), [1]);
      else this.add(name, own, [1, width]);
    }
  }

  result(): unknown {
    const plain = (value: number): number | null => (Number.isFinite(value) ? value : null);
    return Object.fromEntries(
      [...this.#states].map(([tensor, { samples, min, max, sum, count, channels, histogram, broken }]) => [
        tensor,
        {
          samples, min: plain(min), max: plain(max), sum: plain(sum), count,
          channels: channels && Array.from(channels, plain),
          ...(histogram || broken ? { histogram: broken ? null : (histogram?.toJson() ?? null) } : {}),
        },
      ]),
    );
  }
}

/** NaN where one is there. */
function largest(data: Float32Array): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < data.length; i++) most = Math.max(most, data[i] as number);
  return most;
}

/** `data` is [batch, channels] or [batch, channels, 1, ...]. */
function addChannels(state: State, observed: ObservationKind, data: Float32Array, dims: readonly number[]): void {
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
