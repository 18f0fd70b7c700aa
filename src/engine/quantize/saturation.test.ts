import { describe, expect, it } from 'vitest';
import { makeInt, type Attribute } from '../onnx/index.ts';
import { overflowShareOf, productOrder } from './saturation.ts';

const node = (opType: string, attributes: Record<string, Attribute> = {}) => ({ opType, name: 'n', outputs: ['y'], attributes: new Map(Object.entries(attributes)) });

describe('16-bit overflow of two products', () => {
  it('pairs input channels of the same kernel position in a convolution', () => {
    // [1, 2, 1, 2]: channel 0 holds 100 and 1, channel 1 holds 100 and -100. Pairs: (100, 100) overflows, (1, -100) does not.
    expect(overflowShareOf(Int8Array.of(100, 1, 100, -100), productOrder(node('Conv'), [1, 2, 1, 2]))).toBe(0.5);
  });

  it('pairs rows of a matrix product, and columns where it is transposed', () => {
    const values = Int8Array.of(100, -100, 100, 100);
    expect(overflowShareOf(values, productOrder(node('MatMul'), [2, 2]))).toBe(0.5);
    expect(overflowShareOf(values, productOrder(node('Gemm', { transB: makeInt(1) }), [2, 2]))).toBe(0.5);
    expect(overflowShareOf(Int8Array.of(100, 100, -100, 100), productOrder(node('Gemm', { transB: makeInt(1) }), [2, 2]))).toBe(0.5);
  });

  it('cannot happen within 7 bits, and can from 8 bits on', () => {
    expect(overflowShareOf(Int8Array.of(63, 63, -63, -63), productOrder(node('MatMul'), [4, 1]))).toBe(0);
    expect(overflowShareOf(Int8Array.of(64, 64, -64, -64), productOrder(node('MatMul'), [4, 1]))).toBe(0);
    expect(overflowShareOf(Int8Array.of(64, 65, 127, -127), productOrder(node('MatMul'), [4, 1]))).toBe(0.5);
  });
});
