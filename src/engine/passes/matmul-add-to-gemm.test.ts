import { expect, it } from 'vitest';
import { makeModel, op, randomTensor, runAndCompare } from '../../../test/support/pass-testing.ts';
import type { Shape, Tensor } from '../onnx/types.ts';

const names = ['matmul-add-to-gemm'];

async function opsOf(x: Shape, bias: Tensor, opset = 17): Promise<readonly string[]> {
  const model = makeModel({ opset, inputs: { x }, outputs: ['y'], initializers: [randomTensor('w', [4, 6]), bias], nodes: [op('MatMul', ['x', 'w'], ['c']), op('Add', ['b', 'c'], ['y'])] });
  return (await runAndCompare(model, names)).ops;
}

it.each([[[6]], [[1, 6]], [[1]], [[]], [[1, 1]]])('fuses a bias of %j', async (dims) => {
  expect(await opsOf(['n', 4], randomTensor('b', dims))).toEqual(['Gemm']);
});

it('does not fuse more than two dimensions, or a bias that is not one per column', async () => {
  expect(await opsOf([2, 3, 4], randomTensor('b', [6]))).toEqual(['MatMul', 'Add']);
  expect(await opsOf([3, 4], randomTensor('b', [3, 1]))).toEqual(['MatMul', 'Add']);
  expect(await opsOf([1, 4], randomTensor('b', [5, 6]))).toEqual(['MatMul', 'Add']);
  expect(await opsOf([1, 4], randomTensor('b', [2, 1, 6]))).toEqual(['MatMul', 'Add']);
});

it('does not fuse where the product is read elsewhere', async () => {
  const model = makeModel({ inputs: { x: [1, 4] }, outputs: ['c', 'y'], initializers: [randomTensor('w', [4, 6]), randomTensor('b', [6])], nodes: [op('MatMul', ['x', 'w'], ['c']), op('Add', ['c', 'b'], ['y'])] });
  expect((await runAndCompare(model, names)).ops).toEqual(['MatMul', 'Add']);
});
