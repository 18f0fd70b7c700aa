import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildModel, reread } from '../../../test/support/build-model.ts';
import { normals, optimizedOperators, signalToNoise, temporaryWorkspace } from '../../../test/support/quantization-testing.ts';
import type { Model } from '../onnx/index.ts';
import { int4BlocksOptions, packBlocks, quantizeInt4Blocks } from './int4-blocks.ts';

let workspace: ReturnType<typeof temporaryWorkspace>;
beforeAll(() => {
  workspace = temporaryWorkspace();
});
afterAll(() => workspace.dispose());

const quantize = (model: Model, options: object = {}) => quantizeInt4Blocks(model, int4BlocksOptions.parse({ minWeights: 0, ...options }));

const WEIGHTS = normals(3, 80 * 24, 0.3);
const product = (values: Float32Array | readonly number[] = WEIGHTS): Model =>
  buildModel({ inputs: { x: [5, 80] }, outputs: ['y'], initializers: { w: { dims: [80, 24], values } }, nodes: [{ op: 'MatMul', in: ['x', 'w'], out: ['y'] }] });

/** W as the packed form stands for it, [rows, columns]: read from the bytes by the operator's definition alone. */
function restored(values: Float32Array, rows: number, columns: number, blockSize: 16 | 32 | 64 | 128, symmetric: boolean): Float32Array {
  const turned = new Float32Array(values.length);
  values.forEach((value, index) => (turned[(index % columns) * rows + Math.floor(index / columns)] = value));
  const { bytes, scales, zeroPoints, blocks } = packBlocks(turned, rows, columns, { blockSize, symmetric });
  const nibble = (from: Uint8Array, index: number): number => ((from[index >> 1] as number) >> (index % 2 === 0 ? 0 : 4)) & 15;
  return values.map((_, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    const block = Math.floor(row / blockSize);
    const zero = zeroPoints ? nibble(zeroPoints.subarray(column * Math.ceil(blocks / 2)), block) : 8;
    return (nibble(bytes, (column * blocks + block) * blockSize + (row % blockSize)) - zero) * (scales[column * blocks + block] as number);
  });
}

describe('4-bit blocks', () => {
  it.each([16, 32, 64, 128] as const)('blocks of %i mean the same to the runtime as to the definition, symmetric or not', async (blockSize) => {
    for (const symmetric of [true, false]) {
      const { model } = quantize(product(), { blockSize, symmetric, accuracyLevel: 1 });
      expect(await optimizedOperators(model, workspace)).toEqual({ MatMulNBits: 1 });
      // 80 rows leave the last block part empty.
      const reference = product(restored(WEIGHTS, 80, 24, blockSize, symmetric));
      expect((await signalToNoise(reference, reread(model), workspace)) ?? 200).toBeGreaterThan(110);
      expect(await signalToNoise(product(), model, workspace)).toBeGreaterThan(blockSize === 128 ? 17 : 18);
    }
  });

  it('the runtime may round activations to int8 inside, at little cost', async () => {
    const { model } = quantize(product(), { accuracyLevel: 4 });
    expect(await signalToNoise(product(restored(WEIGHTS, 80, 24, 32, true)), model, workspace)).toBeGreaterThan(35);
  });

  it('small blocks are closer, and zero points help weights that are all of one sign', async () => {
    const positive = WEIGHTS.map((value) => Math.abs(value) + 1);
    const noise = async (values: Float32Array, options: object): Promise<number> => (await signalToNoise(product(values), quantize(product(values), { accuracyLevel: 1, ...options }).model, workspace)) ?? 200;
    expect(await noise(WEIGHTS, { blockSize: 16 })).toBeGreaterThan((await noise(WEIGHTS, { blockSize: 128 })) + 1);
    expect(await noise(positive, { symmetric: false })).toBeGreaterThan((await noise(positive, { symmetric: true })) + 3);
  });

  it('the error of a block is no larger than with the scale of its largest weight', () => {
    for (const symmetric of [true, false]) {
      const { noise } = packBlocks(WEIGHTS, 80, 24, { blockSize: 16, symmetric });
      let plain = 0;
      for (let from = 0; from < WEIGHTS.length; from += 16) {
        const part = WEIGHTS.subarray(from, from + 16);
        const [low, high] = [Math.min(0, ...part), Math.max(0, ...part)];
        const scale = symmetric ? Math.max(-low, high) / 7 : (high - low) / 15;
        const zero = symmetric ? 8 : Math.round(-low / scale);
        for (const value of part) plain += (value - (Math.min(15, Math.max(0, Math.round(value / scale) + zero)) - zero) * scale) ** 2;
      }
      expect(noise).toBeLessThan(plain * 0.95);
    }
  });

  it('weights on a grid of 4 bits come through exactly', () => {
    const grid = Float32Array.from({ length: 64 }, (_, index) => ((index * 7) % 16 - 8) * 0.25);
    expect(packBlocks(grid, 64, 1, { blockSize: 32, symmetric: true }).noise).toBe(0);
    expect(packBlocks(new Float32Array(64), 64, 1, { blockSize: 32, symmetric: false }).noise).toBe(0);
  });

  it('takes a Gemm with its transposed weights, alpha, beta and bias', async () => {
    const gemm = buildModel({
      inputs: { x: [3, 32] },
      outputs: ['y'],
      initializers: { w: { dims: [10, 32], values: normals(5, 320) }, b: { dims: [10], values: normals(6, 10) } },
      nodes: [{ op: 'Gemm', in: ['x', 'w', 'b'], out: ['y'], attrs: { transB: 1, alpha: 0.5, beta: 2.5 } }],
    });
    const { model, stats } = quantize(gemm, { blockSize: 16, accuracyLevel: 1 });
    expect(stats).toMatchObject({ products: 1, left: 0 });
    expect(model.opsets).toContainEqual({ domain: 'com.microsoft', version: 1 });
    expect(await signalToNoise(gemm, model, workspace)).toBeGreaterThan(17);
  });

  it('stores tied weights once, tells sizes and error, and leaves small ones', () => {
    const tied = buildModel({
      inputs: { x: [2, 64] },
      outputs: ['y'],
      initializers: { w: { dims: [64, 64], values: normals(1, 4096) }, s: { dims: [64, 2], values: normals(2, 128) } },
      nodes: [{ op: 'MatMul', in: ['x', 'w'], out: ['a'] }, { op: 'MatMul', in: ['a', 'w'], out: ['b'] }, { op: 'MatMul', in: ['b', 's'], out: ['y'], name: 'small' }],
    });
    const { model, stats, notes } = quantize(tied, { minWeights: 4096 });
    expect([...model.graph.initializers.keys()].filter((name) => name.startsWith('w'))).toHaveLength(2);
    // 4 bits a weight, and 32 bits for each 32.
    expect(stats).toMatchObject({ products: 2, left: 1, weightBytesBefore: 16384, weightBytesAfter: 2048 + 512 });
    expect(notes.join(' ')).toMatch(/6\.4 times smaller, \d\d\.\d dB.*"small" stays float: it has fewer than 4096 weights/);
  });

  it('refuses a model without products that are large enough', () => {
    expect(() => quantizeInt4Blocks(product(), int4BlocksOptions.parse({}))).toThrow(expect.objectContaining({ code: 'NOT_QUANTIZABLE', message: expect.stringContaining('fewer than 4096') }));
  });
});
