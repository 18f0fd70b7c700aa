/**
 * The arithmetic of 8-bit numbers: real = (q - zeroPoint) * scale.
 *
 * Activations are u8 and asymmetric, or s8 and symmetric where a device's runtime demands that. Their range always includes 0, so that 0
 * (padding, Relu) is exact. Weights are s8 and symmetric, zero point 0, one scale a channel. Scales are float32, as the file keeps them, before anything is divided by them: so the
 * integers here are the ones that a runtime finds.
 */

export interface QuantParams {
  /** Float32, above 0. */
  readonly scale: number;
  /** 0 to 255; 0 where signed. */
  readonly zeroPoint: number;
  /** s8 in place of u8. */
  readonly signed?: true;
}

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Below this a range holds nothing but zeros: its scale would leave float32's normal numbers. */
const SMALLEST_RANGE = 2 ** -100;

/** To the nearest integer, ties to even, as runtimes round. Exact for |value| < 2^51. */
export function roundHalfEven(value: number): number {
  return value + 6755399441055744 - 6755399441055744;
}

/** u8 parameters of a range, which is widened to include 0. */
export function asymmetricU8(range: Range): QuantParams {
  const min = Math.min(range.min, 0);
  const max = Math.max(range.max, 0);
  if (max - min < SMALLEST_RANGE) return { scale: 1, zeroPoint: 0 };
  const scale = Math.fround((max - min) / 255);
  return { scale, zeroPoint: Math.min(255, Math.max(0, roundHalfEven(-min / scale))) };
}

/** s8 parameters of a range: zero point 0, the same reach on both sides, -128 unused. */
export function symmetricS8(range: Range): QuantParams {
  const reach = Math.max(Math.abs(range.min), Math.abs(range.max));
  return { scale: reach < SMALLEST_RANGE ? 1 : Math.fround(reach / 127), zeroPoint: 0, signed: true };
}

/** Real numbers that the parameters can express. */
export function gridOf({ scale, zeroPoint, signed }: QuantParams): Range {
  if (signed) return { min: -128 * scale, max: 127 * scale };
  return { min: -zeroPoint * scale, max: (255 - zeroPoint) * scale };
}

export function quantizeU8(values: ArrayLike<number>, { scale, zeroPoint }: QuantParams): Uint8Array {
  const result = new Uint8Array(values.length);
  for (let i = 0; i < result.length; i++) {
    result[i] = Math.min(255, Math.max(0, roundHalfEven(Math.fround((values[i] as number) / scale)) + zeroPoint));
  }
  return result;
}

/** The elements of a tensor as [outer, channels, inner]: element (o, c, i) stands at (o * channels + c) * inner + i. */
export interface ChannelLayout {
  readonly outer: number;
  readonly channels: number;
  readonly inner: number;
}

/** @param axis the channel axis; `null` makes the whole tensor one channel */
export function channelLayout(dims: readonly number[], axis: number | null): ChannelLayout {
  const product = (part: readonly number[]): number => part.reduce((a, b) => a * b, 1);
  if (axis === null) return { outer: 1, channels: 1, inner: product(dims) };
  return { outer: product(dims.slice(0, axis)), channels: dims[axis] ?? 1, inner: product(dims.slice(axis + 1)) };
}

/** Largest magnitude of each channel. */
export function channelMagnitudes(values: Float32Array, { outer, channels, inner }: ChannelLayout): Float32Array {
  const result = new Float32Array(channels);
  let at = 0;
  for (let o = 0; o < outer; o++) {
    for (let c = 0; c < channels; c++) {
      let largest = result[c] as number;
      for (const end = at + inner; at < end; at++) {
        const magnitude = Math.abs(values[at] as number);
        if (magnitude > largest) largest = magnitude;
      }
      result[c] = largest;
    }
  }
  return result;
}

/**
 * Symmetric scales of channels: magnitude / limit.
 * @param limit largest integer used: 127, or 63 where products must not overflow 16 bits
 * @param floor smallest scale a channel may have, for example so that its bias fits in 32 bits
 */
export function symmetricScales(magnitudes: Float32Array, limit: number, floor?: Float32Array): Float32Array {
  return magnitudes.map((magnitude, channel) => {
    const scale = Math.max(Math.fround(magnitude / limit), floor?.[channel] ?? 0);
    return scale < SMALLEST_RANGE ? 1 : scale;
  });
}

/** Symmetric s8 with one scale a channel, clamped to [-limit, limit]. */
export function quantizeS8(values: Float32Array, { outer, channels, inner }: ChannelLayout, scales: Float32Array, limit: number): Int8Array {
  const result = new Int8Array(values.length);
  let at = 0;
  for (let o = 0; o < outer; o++) {
    for (let c = 0; c < channels; c++) {
      const scale = scales[c] as number;
      for (const end = at + inner; at < end; at++) {
        result[at] = Math.min(limit, Math.max(-limit, roundHalfEven((values[at] as number) / scale)));
      }
    }
  }
  return result;
}

/** Largest magnitude of a quantized bias: far enough from 2^31 that the accumulator it is added to does not overflow. */
const BIAS_LIMIT = 2 ** 30;

/** Smallest weight scale of each channel with which the bias, at scale inputScale * weightScale, stays below its limit. */
export function weightScaleFloor(bias: Float32Array, inputScale: number): Float32Array {
  return bias.map((value) => Math.abs(value) / (inputScale * BIAS_LIMIT));
}

/** Bias as int32 at scale inputScale * weightScale, the scale of the products that it is added to. */
export function quantizeBias(bias: Float32Array, scales: Float32Array): Int32Array {
  return Int32Array.from(bias, (value, channel) => Math.min(BIAS_LIMIT, Math.max(-BIAS_LIMIT, roundHalfEven(value / (scales[channel] as number)))));
}
