import { expect, it } from 'vitest';
import { makeModel, op, randomTensor, runAndCompare } from '../../../test/support/pass-testing.ts';
import { floatTensor } from '../onnx/tensor.ts';

const inputs = { q: [2, 4, 8], k: [2, 8, 4], v: [2, 4, 8], mask: [2, 4, 4] };

it('counts attention with scale and mask, and without', async () => {
  const scaled = makeModel({
    inputs, outputs: ['y'], initializers: [floatTensor('s', [], Float32Array.of(8))],
    nodes: [op('MatMul', ['q', 'k'], ['a']), op('Div', ['a', 's'], ['b']), op('Add', ['b', 'mask'], ['c']), op('Softmax', ['c'], ['p']), op('MatMul', ['p', 'v'], ['y'])],
  });
  expect((await runAndCompare(scaled, ['recognize-attention'])).steps[0]?.stats).toEqual({ attention: 1 });
  const plain = makeModel({ inputs, outputs: ['y'], nodes: [op('MatMul', ['q', 'k'], ['a']), op('Softmax', ['a'], ['p']), op('MatMul', ['p', 'v'], ['y'])] });
  expect((await runAndCompare(plain, ['recognize-attention'])).steps[0]?.stats).toEqual({ attention: 1 });
});

it('does not count a classifier', async () => {
  const model = makeModel({ inputs: { q: [2, 8] }, outputs: ['y'], initializers: [randomTensor('w', [8, 4])], nodes: [op('MatMul', ['q', 'w'], ['a']), op('Softmax', ['a'], ['y'])] });
  expect((await runAndCompare(model, ['recognize-attention'])).steps[0]?.stats).toEqual({});
});
