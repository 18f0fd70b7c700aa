/** A reducer that keeps outputs for comparing: whole where they are small, else evenly spread elements. */
import { z } from 'zod';
import type { TensorElementType, TensorReducer, TensorValue } from '../../base/ports.ts';

/** Elements kept of one tensor of one sample. */
const KEPT = 1 << 17;
/** Bytes kept of all; what comes after is not compared. */
const TOTAL = 64 << 20;

const collectedSample = z.object({
  dims: z.array(z.number()),
  type: z.string(),
  /** Largest finite magnitude of the whole tensor. */
  magnitude: z.number(),
  /** float32, little-endian, base64. Empty for what is compared exactly. */
  data: z.string(),
  /** Integers, booleans and strings as text; null for numbers. */
  exact: z.array(z.string()).nullable(),
});

/** By output name, one entry a sample. */
export const collectedOutputs = z.record(z.string(), z.array(collectedSample.transform(({ data, ...sample }) => ({ ...sample, values: decode(data) }))));

export type CollectedOutputs = z.output<typeof collectedOutputs>;

export class CollectReducer implements TensorReducer {
  readonly #samples = new Map<string, z.input<typeof collectedSample>[]>();
  #bytes = 0;

  add(tensor: string, data: Float32Array, dims: readonly number[], type: TensorElementType = 'float32'): void {
    if (this.#bytes > TOTAL) return;
    const kept = Float32Array.from(spread(data));
    let magnitude = 0;
    for (let i = 0; i < data.length; i++) {
      const value = Math.abs(data[i] as number);
      if (value > magnitude && value !== Number.POSITIVE_INFINITY) magnitude = value;
    }
    this.#keep(tensor, { dims: [...dims], type, magnitude, data: encode(kept), exact: null }, kept.byteLength);
  }

  /** 8-bit integers are mostly quantized values and become numbers, which are compared with a tolerance; the others are compared as they are. */
  addOther(tensor: string, { type, dims, bytes, strings }: TensorValue): void {
    if (type === 'int8' || type === 'uint8') {
      this.add(tensor, Float32Array.from(type === 'int8' ? new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length) : bytes), dims, type);
      return;
    }
    if (this.#bytes > TOTAL) return;
    const exact = type === 'string' ? spread(strings ?? []).map((text) => `"${text}"`) : spread(elements(type, bytes)).map(String);
    this.#keep(tensor, { dims: [...dims], type, magnitude: 0, data: '', exact }, exact.reduce((sum, text) => sum + text.length, 0));
  }

  result(): unknown {
    return Object.fromEntries(this.#samples);
  }

  #keep(tensor: string, sample: z.input<typeof collectedSample>, bytes: number): void {
    const list = this.#samples.get(tensor) ?? [];
    this.#samples.set(tensor, list);
    list.push(sample);
    this.#bytes += bytes;
  }
}

function spread<T>(values: ArrayLike<T>): T[] {
  const step = Math.max(1, Math.ceil(values.length / KEPT));
  return Array.from({ length: Math.ceil(values.length / step) }, (_, index) => values[index * step] as T);
}

/** Integers of any width; what has no width of its own (4 bits, bfloat16) goes byte by byte. */
function elements(type: TensorElementType, bytes: Uint8Array): ArrayLike<number | bigint> {
  const { buffer, byteLength } = new Uint8Array(bytes);
  switch (type) {
    case 'int64':
      return new BigInt64Array(buffer, 0, byteLength >> 3);
    case 'uint64':
      return new BigUint64Array(buffer, 0, byteLength >> 3);
    case 'int32':
      return new Int32Array(buffer, 0, byteLength >> 2);
    case 'uint32':
      return new Uint32Array(buffer, 0, byteLength >> 2);
    case 'int16':
      return new Int16Array(buffer, 0, byteLength >> 1);
    case 'uint16':
      return new Uint16Array(buffer, 0, byteLength >> 1);
    default:
      return bytes;
  }
}

function encode(values: Float32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
}

function decode(data: string): Float32Array {
  return new Float32Array(Uint8Array.from(Buffer.from(data, 'base64')).buffer);
}
