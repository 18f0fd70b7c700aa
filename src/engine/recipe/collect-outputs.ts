/** A reducer that keeps outputs for comparing: whole where they are small, else evenly spread elements. */
import { z } from 'zod';
import type { TensorReducer } from '../../base/ports.ts';

/** Elements kept of one tensor of one sample. */
const KEPT = 1 << 17;
/** Bytes kept of all; what comes after is not compared. */
const TOTAL = 64 << 20;

const collectedSample = z.object({
  dims: z.array(z.number()),
  /** Largest finite magnitude of the whole tensor. */
  magnitude: z.number(),
  /** float32, little-endian, base64. */
  data: z.string(),
});

/** By output name, one entry a sample. */
export const collectedOutputs = z.record(z.string(), z.array(collectedSample.transform(({ dims, magnitude, data }) => ({ dims, magnitude, values: decode(data) }))));

export type CollectedOutputs = z.output<typeof collectedOutputs>;

export class CollectReducer implements TensorReducer {
  readonly #samples = new Map<string, z.input<typeof collectedSample>[]>();
  #bytes = 0;

  add(tensor: string, data: Float32Array, dims: readonly number[]): void {
    if (this.#bytes > TOTAL) return;
    const step = Math.max(1, Math.ceil(data.length / KEPT));
    const kept = new Float32Array(Math.ceil(data.length / step));
    for (let i = 0, at = 0; i < kept.length; i++, at += step) kept[i] = data[at] as number;
    let magnitude = 0;
    for (let i = 0; i < data.length; i++) {
      const value = Math.abs(data[i] as number);
      if (value > magnitude && value !== Number.POSITIVE_INFINITY) magnitude = value;
    }
    const list = this.#samples.get(tensor) ?? [];
    this.#samples.set(tensor, list);
    list.push({ dims: [...dims], magnitude, data: encode(kept) });
    this.#bytes += kept.byteLength;
  }

  result(): unknown {
    return Object.fromEntries(this.#samples);
  }
}

function encode(values: Float32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
}

function decode(data: string): Float32Array {
  return new Float32Array(Uint8Array.from(Buffer.from(data, 'base64')).buffer);
}
