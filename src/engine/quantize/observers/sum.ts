/** Element by element sums of tensors that have the same shape in every sample. */
import { z } from 'zod';
import type { TensorReducer } from '../../../base/ports.ts';

/** By tensor; float32, little-endian, base64. */
export const sumResult = z.record(z.string(), z.string().transform(decode));
export type SumResult = z.output<typeof sumResult>;

export class SumReducer implements TensorReducer {
  readonly #sums = new Map<string, Float64Array>();

  add(tensor: string, data: Float32Array): void {
    let sum = this.#sums.get(tensor);
    if (!sum) this.#sums.set(tensor, (sum = new Float64Array(data.length)));
    if (sum.length !== data.length) throw new Error(`"${tensor}" changes its size from sample to sample`);
    for (let i = 0; i < data.length; i++) sum[i] = (sum[i] as number) + (data[i] as number);
  }

  result(): unknown {
    return Object.fromEntries([...this.#sums].map(([tensor, sum]) => [tensor, encode(Float32Array.from(sum))]));
  }
}

function encode(values: Float32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
}

function decode(data: string): Float32Array {
  return new Float32Array(Uint8Array.from(Buffer.from(data, 'base64')).buffer);
}
