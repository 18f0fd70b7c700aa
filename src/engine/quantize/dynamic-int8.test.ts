import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildModel, reread } from '../../../test/support/build-model.ts';
import { normals, optimizedOperators, signalToNoise, temporaryWorkspace } from '../../../test/support/quantization-testing.ts';
import { DataType, type Model } from '../onnx/index.ts';
import { tensorBytes } from '../onnx/tensor.ts';
import { dynamicInt8Options, quantizeDynamicInt8 } from './dynamic-int8.ts';

let workspace: ReturnType<typeof temporaryWorkspace>;
beforeAll(() => {
  workspace = temporaryWorkspace();
});
afterAll(() => workspace.dispose());

const quantize = (model: Model, options: unknown = {}) => quantizeDynamicInt8(model, dynamicInt8Options.parse(options));
const matrix = (seed: number, rows: number, columns: number, deviation = 0.2) => ({ dims: [rows, columns], values: normals(seed, rows * columns, deviation) });

/** Query, key and value of one input, attention, and a Gemm: what a transformer is made of. */
const attention = (): Model =>
  buildModel({
    inputs: { x: [6, 32] },
    outputs: ['y'],
    initializers: { q: matrix(1, 32, 32), k: matrix(2, 32, 32), v: matrix(3, 32, 32), o: matrix(4, 16, 32), ob: { dims: [16], values: normals(5, 16) } },
    nodes: [
      { op: 'MatMul', in: ['x', 'q'], out: ['xq'], name: 'query' },
      { op: 'MatMul', in: ['x', 'k'], out: ['xk'], name: 'key' },
      { op: 'MatMul', in: ['x', 'v'], out: ['xv'], name: 'value' },
      { op: 'Transpose', in: ['xk'], out: ['xkt'], attrs: { perm: [1, 0] } },
      { op: 'MatMul', in: ['xq', 'xkt'], out: ['scores'] },
      { op: 'Softmax', in: ['scores'], out: ['p'] },
      { op: 'MatMul', in: ['p', 'xv'], out: ['a'] },
      { op: 'Gemm', in: ['a', 'o', 'ob'], out: ['y'], name: 'out', attrs: { transB: 1, alpha: 0.5, beta: 2.5 } },
    ],
  });

describe('dynamic int8 of matrix products', () => {
  it('runs as the integer kernels of the runtime, close to the float model', async () => {
    const { model, stats } = quantize(attention());
    expect(stats).toMatchObject({ products: 4, inputs: 2, left: 0 });
    expect(await signalToNoise(attention(), reread(model), workspace)).toBeGreaterThan(32);
    const counts = await optimizedOperators(model, workspace);
    expect((counts['MatMulIntegerToFloat'] ?? 0) + (counts['DynamicQuantizeMatMul'] ?? 0)).toBe(4);
    for (const stray of ['MatMulInteger', 'Cast', 'Gemm', 'Mul', 'Add']) expect(counts[stray] ?? 0, stray).toBe(0);
    // The products of activations have no weights: float.
    expect((counts['MatMul'] ?? 0) + (counts['FusedMatMul'] ?? 0)).toBe(2);
  });

  it('stores weights as s8, each once, and no floats of theirs', () => {
    const tied = buildModel({
      inputs: { x: [2, 8] },
      outputs: ['y'],
      initializers: { w: matrix(1, 8, 8) },
      nodes: [{ op: 'MatMul', in: ['x', 'w'], out: ['a'] }, { op: 'Relu', in: ['a'], out: ['r'] }, { op: 'MatMul', in: ['r', 'w'], out: ['y'] }],
    });
    const { model } = quantize(tied);
    const matrices = [...model.graph.initializers.values()].filter((tensor) => tensor.dims.length === 2);
    expect(matrices.map((tensor) => tensor.dataType)).toEqual([DataType.INT8]);
  });

  it('one scale a column is closer than one for the tensor where columns differ', async () => {
    const unequal = (): Model => {
      const { dims, values } = matrix(7, 32, 16);
      return buildModel({ inputs: { x: [4, 32] }, outputs: ['y'], initializers: { w: { dims, values: values.map((value, index) => value / (index % 16 === 0 ? 1 : 50)) } }, nodes: [{ op: 'MatMul', in: ['x', 'w'], out: ['h'] }, { op: 'Tanh', in: ['h'], out: ['y'] }] });
    };
    const perColumn = await signalToNoise(unequal(), quantize(unequal()).model, workspace);
    const perTensor = await signalToNoise(unequal(), quantize(unequal(), { weights: 'per-tensor' }).model, workspace);
    expect(perColumn ?? 0).toBeGreaterThan((perTensor ?? 0) + 0.3);
  });

  it('works behind batches of matrices', async () => {
    const model = buildModel({ inputs: { x: [2, 3, 5, 16] }, outputs: ['y'], initializers: { w: matrix(1, 16, 24) }, nodes: [{ op: 'MatMul', in: ['x', 'w'], out: ['y'] }] });
    expect(await signalToNoise(model, quantize(model).model, workspace)).toBeGreaterThan(35);
  });

  it('reduces the range of those that could overflow 16 bits only', () => {
    const model = buildModel({
      inputs: { x: [2, 8] },
      outputs: ['y'],
      // Columns of one large weight and small others have no pair above 128; equal weights have.
      initializers: { safe: { dims: [8, 1], values: [1, 0, 0.001, 0, 0, 0, 0, 0] }, risky: { dims: [1, 8], values: [1, 1, 1, 1, 1, 1, 1, 1] }, risky2: { dims: [8, 2], values: new Float32Array(16).fill(0.5) } },
      nodes: [{ op: 'MatMul', in: ['x', 'safe'], out: ['a'] }, { op: 'MatMul', in: ['a', 'risky'], out: ['b'] }, { op: 'MatMul', in: ['b', 'risky2'], out: ['y'] }],
    });
    expect(quantize(model, { reduceRange: 'where-needed' }).stats).toMatchObject({ products: 3, guarded: 1 });
    // 2 x 64 would be 128, which fits; a step is left for rounding.
    const { graph } = quantize(model, { reduceRange: 'where-needed' }).model;
    const largest = (name: string): number => Math.max(...new Int8Array(tensorBytes(graph.initializers.get(name) as never)));
    expect([largest('safe_s8'), largest('risky_s8'), largest('risky2_s8')]).toEqual([127, 127, 63]);
    expect(quantize(model, { reduceRange: 'all' }).stats).toMatchObject({ guarded: 3 });
  });

  it('keeps in float what it was told to, and says why', () => {
    const { model, stats, notes } = quantize(attention(), { exclude: ['key'] });
    expect(stats).toMatchObject({ products: 3, left: 1 });
    expect(notes).toEqual(['MatMul "key" stays float: it was excluded.']);
    expect(model.graph.nodes.some((node) => node.opType === 'MatMul' && node.name === 'key')).toBe(true);
  });

  it('refuses a model without constant products', () => {
    const model = buildModel({ inputs: { x: [4, 4] }, outputs: ['y'], nodes: [{ op: 'MatMul', in: ['x', 'x'], out: ['y'] }] });
    expect(() => quantize(model)).toThrow(expect.objectContaining({ code: 'NOT_QUANTIZABLE' }));
  });
});
