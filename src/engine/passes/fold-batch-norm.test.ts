import { describe, expect, it } from 'vitest';
import { makeModel, op, randomTensor, runAndCompare } from '../../../test/support/pass-testing.ts';
import { makeFloat, makeInt, makeInts } from '../onnx/attributes.ts';
import { floatTensor } from '../onnx/tensor.ts';
import type { NodeData, Tensor } from '../onnx/types.ts';

const norm = (channels: number): Tensor[] => [randomTensor('s', [channels], 2, 0.5, 2), randomTensor('bb', [channels], 3), randomTensor('mmm', [channels], 4), randomTensor('vvvv', [channels], 5, 0.1, 3)];
const bn = (from: string, to: string, attributes = {}): NodeData => op('BatchNormalization', [from, 's', 'bb', 'mmm', 'vvvv'], [to], { epsilon: makeFloat(1e-3), ...attributes });

describe('folds into', () => {
  it.each([
    ['Conv without bias', [op('Conv', ['x', 'w'], ['c'], { pads: makeInts([1, 1, 1, 1]) })], [randomTensor('w', [6, 4, 3, 3])]],
    ['Conv with bias', [op('Conv', ['x', 'w', 'b'], ['c'])], [randomTensor('w', [6, 4, 1, 1]), randomTensor('b', [6])]],
    ['grouped Conv', [op('Conv', ['x', 'w'], ['c'], { group: makeInt(2) })], [randomTensor('w', [6, 2, 3, 3])]],
    ['ConvTranspose', [op('ConvTranspose', ['x', 'w', 'b'], ['c'], { strides: makeInts([2, 2]) })], [randomTensor('w', [4, 6, 2, 2]), randomTensor('b', [6])]],
    ['grouped ConvTranspose', [op('ConvTranspose', ['x', 'w'], ['c'], { group: makeInt(2) })], [randomTensor('w', [4, 3, 2, 2])]],
  ])('%s', async (_, layers, weights) => {
    const model = makeModel({ inputs: { x: [1, 4, 8, 8] }, outputs: ['y'], initializers: [...weights, ...norm(6)], nodes: [...layers, bn('c', 'n'), op('Relu', ['n'], ['y'])] });
    const { ops, model: after } = await runAndCompare(model, ['fold-batch-norm', 'remove-dead-nodes']);
    expect(ops).toEqual([layers[0]?.opType, 'Relu']);
    expect(after.graph.initializers.size).toBe(2);
    // The weight keeps its name: nobody else reads it.
    expect(after.graph.initializers.get('w')?.dims).toEqual(weights[0]?.dims);
  });

  it.each([
    ['Gemm with transB and beta', op('Gemm', ['x', 'w', 'b'], ['c'], { transB: makeInt(1), alpha: makeFloat(0.5), beta: makeFloat(2) }), [6, 4], [6]],
    ['Gemm with a row as bias', op('Gemm', ['x', 'w', 'b'], ['c']), [4, 6], [1, 6]],
    ['Gemm with one number as bias', op('Gemm', ['x', 'w', 'b'], ['c'], { beta: makeFloat(3) }), [4, 6], [1]],
    ['Gemm without bias', op('Gemm', ['x', 'w'], ['c']), [4, 6], null],
    ['MatMul, which becomes a Gemm', op('MatMul', ['x', 'w'], ['c']), [4, 6], null],
  ])('%s', async (_, layer, weight, bias) => {
    const model = makeModel({ inputs: { x: ['n', 4] }, outputs: ['y'], initializers: [randomTensor('w', weight), ...(bias ? [randomTensor('b', bias)] : []), ...norm(6)], nodes: [layer, bn('c', 'y')] });
    expect((await runAndCompare(model, ['fold-batch-norm'])).ops).toEqual(['Gemm']);
  });

  it('two layers that share a weight, each with its own copy', async () => {
    const model = makeModel({
      inputs: { x: [1, 4, 8, 8] }, outputs: ['y', 'z'], initializers: [randomTensor('w', [6, 4, 1, 1]), ...norm(6)],
      nodes: [op('Conv', ['x', 'w'], ['c']), bn('c', 'y'), op('Conv', ['x', 'w'], ['d']), op('Relu', ['d'], ['z'])],
    });
    const { ops, steps } = await runAndCompare(model, ['fold-batch-norm']);
    expect(ops).toEqual(['Conv', 'Conv', 'Relu']);
    expect(steps[0]?.stats).toEqual({ folded: 1, unshared: 1 });
  });
});

describe('does not fire where', () => {
  const conv = op('Conv', ['x', 'w'], ['c']);
  const weight = randomTensor('w', [6, 4, 1, 1]);

  it('the result of the layer is a graph output', async () => {
    const model = makeModel({ inputs: { x: [1, 4, 8, 8] }, outputs: ['c', 'y'], initializers: [weight, ...norm(6)], nodes: [conv, bn('c', 'y')] });
    expect((await runAndCompare(model, ['fold-batch-norm'])).ops).toEqual(['Conv', 'BatchNormalization']);
  });

  it('another node reads the result of the layer', async () => {
    const model = makeModel({ inputs: { x: [1, 4, 8, 8] }, outputs: ['y'], initializers: [weight, ...norm(6)], nodes: [conv, bn('c', 'n'), op('Add', ['n', 'c'], ['y'])] });
    expect((await runAndCompare(model, ['fold-batch-norm'])).ops).toEqual(['Conv', 'BatchNormalization', 'Add']);
  });

  it('a statistic is no constant', async () => {
    const [s, b, m] = norm(6) as [Tensor, Tensor, Tensor];
    const model = makeModel({ inputs: { x: [1, 4, 8, 8], raw: [6] }, outputs: ['y'], initializers: [weight, s, b, m], nodes: [conv, op('Abs', ['raw'], ['vvvv']), bn('c', 'y')] });
    expect((await runAndCompare(model, ['fold-batch-norm'])).ops).toEqual(['Conv', 'Abs', 'BatchNormalization']);
  });

  it('the weight is no constant', async () => {
    const model = makeModel({ inputs: { x: [1, 4, 8, 8], w: [6, 4, 1, 1] }, outputs: ['y'], initializers: norm(6), nodes: [conv, bn('c', 'y')] });
    expect((await runAndCompare(model, ['fold-batch-norm'])).ops).toEqual(['Conv', 'BatchNormalization']);
  });

  it('a variance makes the result infinite', async () => {
    const [s, b, m] = norm(6) as [Tensor, Tensor, Tensor];
    const model = makeModel({ inputs: { x: [1, 4, 8, 8] }, outputs: ['y'], initializers: [weight, s, b, m, floatTensor('vvvv', [6], new Float32Array(6))], nodes: [conv, bn('c', 'y', { epsilon: makeFloat(0) })] });
    expect((await runAndCompare(model, ['fold-batch-norm'])).ops).toEqual(['Conv', 'BatchNormalization']);
  });

  it('MatMul has more than two dimensions: channel axis 1 is then not the columns', async () => {
    const model = makeModel({ inputs: { x: [2, 6, 4] }, outputs: ['y'], initializers: [randomTensor('w', [4, 6]), ...norm(6)], nodes: [op('MatMul', ['x', 'w'], ['c']), bn('c', 'y')] });
    expect((await runAndCompare(model, ['fold-batch-norm'])).ops).toEqual(['MatMul', 'BatchNormalization']);
  });
});
