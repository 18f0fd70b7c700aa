import { expect, it } from 'vitest';
import { makeModel, op, randomTensor, runAndCompare } from '../../../test/support/pass-testing.ts';
import { makeFloat, makeInt } from '../onnx/attributes.ts';
import { floatTensor } from '../onnx/tensor.ts';
import type { NodeData, Tensor } from '../onnx/types.ts';

const names = ['fold-constant-operands'];
const perChannel = randomTensor('k', [6, 1, 1], 8, 0.5, 2);
const conv = op('Conv', ['x', 'w'], ['c']);
const weight = randomTensor('w', [6, 4, 1, 1]);

it.each<[string, NodeData, Tensor]>([
  ['Mul', op('Mul', ['c', 'k'], ['y']), perChannel],
  ['Mul from the left', op('Mul', ['k', 'c'], ['y']), perChannel],
  ['Add', op('Add', ['c', 'k'], ['y']), perChannel],
  ['Sub', op('Sub', ['c', 'k'], ['y']), perChannel],
  ['subtraction from a constant', op('Sub', ['k', 'c'], ['y']), perChannel],
  ['Div', op('Div', ['c', 'k'], ['y']), perChannel],
  ['a scalar', op('Mul', ['c', 'k'], ['y']), floatTensor('k', [], Float32Array.of(0.3))],
  ['a constant with a batch axis', op('Add', ['c', 'k'], ['y']), randomTensor('k', [1, 6, 1, 1])],
])('folds %s into Conv', async (_, node, constant) => {
  const model = makeModel({ inputs: { x: ['n', 4, 4, 4] }, outputs: ['y'], initializers: [weight, constant], nodes: [conv, node] });
  expect((await runAndCompare(model, names)).ops).toEqual(['Conv']);
});

it('folds a chain into ConvTranspose, Gemm and a normalization that stays', async () => {
  const transposed = makeModel({ inputs: { x: [1, 4, 4, 4] }, outputs: ['y'], initializers: [randomTensor('w', [4, 3, 2, 2]), perChannel], nodes: [op('ConvTranspose', ['x', 'w'], ['c'], { group: makeInt(2) }), op('Mul', ['c', 'k'], ['d']), op('Add', ['d', 'k'], ['y'])] });
  expect((await runAndCompare(transposed, names)).ops).toEqual(['ConvTranspose']);
  const gemm = makeModel({ inputs: { x: [2, 4] }, outputs: ['y'], initializers: [randomTensor('w', [6, 4]), randomTensor('b', [6]), randomTensor('k', [6], 4)], nodes: [op('Gemm', ['x', 'w', 'b'], ['c'], { transB: makeInt(1), beta: makeFloat(0.5) }), op('Mul', ['c', 'k'], ['d']), op('Sub', ['k', 'd'], ['y'])] });
  expect((await runAndCompare(gemm, names)).ops).toEqual(['Gemm']);
  const norm = makeModel({ inputs: { x: [1, 6, 4, 4] }, outputs: ['y'], initializers: [randomTensor('s', [6], 3, 0.5, 1), perChannel], nodes: [op('Relu', ['x'], ['r']), op('BatchNormalization', ['r', 's', 's', 's', 's'], ['c']), op('Mul', ['c', 'k'], ['d']), op('Add', ['d', 'k'], ['y'])] });
  expect((await runAndCompare(norm, names)).ops).toEqual(['Relu', 'BatchNormalization']);
});

it.each<[string, NodeData, readonly Tensor[]]>([
  ['the constant has one number per place, not per channel', op('Mul', ['c', 'k'], ['y']), [randomTensor('k', [4, 4])]],
  ['the constant broadcasts the result to a higher rank', op('Mul', ['c', 'k'], ['y']), [randomTensor('k', [2, 1, 6, 1, 1])]],
  ['the constant has channels along the last axis', op('Mul', ['c', 'k'], ['y']), [randomTensor('k', [4])]],
  ['a constant is divided by the result', op('Div', ['k', 'c'], ['y']), [perChannel]],
  ['a division by zero', op('Div', ['c', 'k'], ['y']), [floatTensor('k', [6, 1, 1], new Float32Array(6))]],
  ['the other operand is no constant', op('Add', ['c', 'x2'], ['y']), []],
  ['both operands are the result', op('Add', ['c', 'c'], ['y']), []],
])('does not fold where %s', async (_, node, constants) => {
  const model = makeModel({ inputs: { x: [2, 4, 4, 4], x2: [2, 6, 4, 4] }, outputs: ['y'], initializers: [weight, ...constants], nodes: [conv, node] });
  expect((await runAndCompare(model, names)).ops).toEqual(['Conv', node.opType]);
});

it('does not fold where the result of the layer is a graph output or read elsewhere', async () => {
  const output = makeModel({ inputs: { x: [1, 4, 4, 4] }, outputs: ['c', 'y'], initializers: [weight, perChannel], nodes: [conv, op('Mul', ['c', 'k'], ['y'])] });
  expect((await runAndCompare(output, names)).ops).toEqual(['Conv', 'Mul']);
  const read = makeModel({ inputs: { x: [1, 4, 4, 4] }, outputs: ['y'], initializers: [weight, perChannel], nodes: [conv, op('Mul', ['c', 'k'], ['d']), op('Add', ['c', 'd'], ['y'])] });
  expect((await runAndCompare(read, names)).ops).toEqual(['Conv', 'Mul', 'Add']);
});
