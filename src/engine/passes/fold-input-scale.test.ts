import { expect, it } from 'vitest';
import { makeModel, op, randomTensor, runAndCompare } from '../../../test/support/pass-testing.ts';
import { makeFloat, makeInt, makeInts, makeString } from '../onnx/attributes.ts';
import type { NodeData, Tensor } from '../onnx/types.ts';

const names = ['fold-input-scale'];
const norm = (channels: number): Tensor[] => [randomTensor('s', [channels], 2, 0.5, 2), randomTensor('bb', [channels], 3), randomTensor('mmm', [channels], 4), randomTensor('vvvv', [channels], 5, 0.1, 3)];
const bn = op('BatchNormalization', ['x', 's', 'bb', 'mmm', 'vvvv'], ['c']);

it.each<[string, NodeData[], Tensor[]]>([
  ['a normalization into a Conv without padding', [bn, op('Conv', ['c', 'w'], ['y'])], [...norm(4), randomTensor('w', [6, 4, 3, 3])]],
  ['a normalization into a grouped Conv with bias', [bn, op('Conv', ['c', 'w', 'b'], ['y'], { group: makeInt(2) })], [...norm(4), randomTensor('w', [6, 2, 3, 3]), randomTensor('b', [6])]],
  ['a shift into a Conv of automatic padding VALID', [op('Sub', ['x', 'k'], ['c']), op('Conv', ['c', 'w'], ['y'], { auto_pad: makeString('VALID') })], [randomTensor('k', [4, 1, 1]), randomTensor('w', [6, 4, 3, 3])]],
  ['a scale into a Conv with padding', [op('Div', ['x', 'k'], ['c']), op('Conv', ['c', 'w'], ['y'], { pads: makeInts([1, 1, 1, 1]) })], [randomTensor('k', [1, 4, 1, 1], 2, 1, 3), randomTensor('w', [6, 4, 3, 3])]],
])('folds %s', async (_, nodes, initializers) => {
  const model = makeModel({ inputs: { x: ['n', 4, 6, 6] }, outputs: ['y'], initializers, nodes });
  expect((await runAndCompare(model, names, { tolerance: 4e-6 })).ops).toEqual(['Conv']);
});

it.each<[string, NodeData, Tensor[]]>([
  ['Gemm', op('Gemm', ['c', 'w', 'b'], ['y'], { alpha: makeFloat(0.5), beta: makeFloat(2) }), [randomTensor('w', [4, 6]), randomTensor('b', [6])]],
  ['Gemm with transB', op('Gemm', ['c', 'w'], ['y'], { transB: makeInt(1) }), [randomTensor('w', [6, 4])]],
  ['MatMul, which becomes a Gemm', op('MatMul', ['c', 'w'], ['y']), [randomTensor('w', [4, 6])]],
])('folds a normalization into %s', async (_, layer, weights) => {
  const model = makeModel({ inputs: { x: ['n', 4] }, outputs: ['y'], initializers: [...norm(4), ...weights], nodes: [bn, layer] });
  expect((await runAndCompare(model, names)).ops).toEqual(['Gemm']);
});

it('does not fold a shift into a Conv with padding: the border would get it too', async () => {
  for (const padding of [{ pads: makeInts([1, 1, 1, 1]) }, { auto_pad: makeString('SAME_UPPER') }]) {
    const model = makeModel({ inputs: { x: [1, 4, 6, 6] }, outputs: ['y'], initializers: [...norm(4), randomTensor('w', [6, 4, 3, 3])], nodes: [bn, op('Conv', ['c', 'w'], ['y'], padding)] });
    expect((await runAndCompare(model, names)).ops).toEqual(['BatchNormalization', 'Conv']);
  }
});

it('does not fold where the scaled value is read elsewhere or is a graph output', async () => {
  const initializers = [...norm(4), randomTensor('w', [4, 4, 1, 1])];
  const read = makeModel({ inputs: { x: [1, 4, 6, 6] }, outputs: ['y'], initializers, nodes: [bn, op('Conv', ['c', 'w'], ['d']), op('Add', ['c', 'd'], ['y'])] });
  expect((await runAndCompare(read, names)).ops).toEqual(['BatchNormalization', 'Conv', 'Add']);
  const output = makeModel({ inputs: { x: [1, 4, 6, 6] }, outputs: ['c', 'y'], initializers, nodes: [bn, op('Conv', ['c', 'w'], ['y'])] });
  expect((await runAndCompare(output, names)).ops).toEqual(['BatchNormalization', 'Conv']);
});

it('does not fold a constant that broadcast the input up', async () => {
  const model = makeModel({ inputs: { x: [4, 1, 1] }, outputs: ['y'], initializers: [randomTensor('k', [1, 4, 1, 1]), randomTensor('w', [6, 4, 1, 1])], nodes: [op('Mul', ['x', 'k'], ['c']), op('Conv', ['c', 'w'], ['y'])] });
  expect((await runAndCompare(model, names)).ops).toEqual(['Mul', 'Conv']);
});
