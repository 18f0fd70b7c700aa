import { expect, it } from 'vitest';
import { makeModel, op, randomTensor, runAndCompare } from '../../../test/support/pass-testing.ts';
import { makeFloat } from '../onnx/attributes.ts';
import { floatTensor, makeTensor } from '../onnx/tensor.ts';
import { DataType } from '../onnx/types.ts';

const falsehood = makeTensor('off', DataType.BOOL, [], Uint8Array.of(0));
const truth = makeTensor('on', DataType.BOOL, [], Uint8Array.of(1));
const half = floatTensor('half', [], Float32Array.of(0.5));

it('removes Identity and keeps the name of a graph output', async () => {
  const model = makeModel({ inputs: { x: [3] }, outputs: ['y'], nodes: [op('Relu', ['x'], ['a']), op('Identity', ['a'], ['b']), op('Neg', ['b'], ['c']), op('Identity', ['c'], ['y'])] });
  const { ops, steps } = await runAndCompare(model, ['remove-identity']);
  expect(ops).toEqual(['Relu', 'Neg']);
  expect(steps[0]?.stats).toEqual({ identities: 2 });
});

it('keeps an Identity between a graph input and an output, and of a value that is an output itself', async () => {
  const model = makeModel({ inputs: { x: [3] }, outputs: ['x2', 'r', 'r2'], nodes: [op('Identity', ['x'], ['x2']), op('Relu', ['x'], ['r']), op('Identity', ['r'], ['r2'])] });
  const { ops } = await runAndCompare(model, ['remove-identity']);
  expect(ops).toEqual(['Identity', 'Relu', 'Identity']);
});

it('removes Dropout of every form that does nothing', async () => {
  const attribute = makeModel({ opset: 9, inputs: { x: [3] }, outputs: ['y'], nodes: [op('Dropout', ['x'], ['a', 'mask'], { ratio: makeFloat(0.5) }), op('Relu', ['a'], ['y'])] });
  expect((await runAndCompare(attribute, ['remove-identity'])).ops).toEqual(['Relu']);
  const inputs = makeModel({ inputs: { x: [3] }, outputs: ['y'], initializers: [half, falsehood], nodes: [op('Dropout', ['x', 'half', 'off'], ['a']), op('Relu', ['a'], ['y'])] });
  expect((await runAndCompare(inputs, ['remove-identity'])).ops).toEqual(['Relu']);
});

it('keeps Dropout where the mask is read, or where it may be training', async () => {
  const masked = makeModel({ inputs: { x: [3] }, outputs: ['y', 'mask'], types: { mask: DataType.BOOL }, initializers: [half], nodes: [op('Dropout', ['x', 'half'], ['a', 'mask']), op('Relu', ['a'], ['y'])] });
  expect((await runAndCompare(masked, ['remove-identity'])).ops).toEqual(['Dropout', 'Relu']);
  const zero = floatTensor('zero', [], Float32Array.of(0));
  const training = makeModel({ inputs: { x: [3] }, outputs: ['y'], initializers: [zero, truth, randomTensor('unused', [1])], nodes: [op('Dropout', ['x', 'zero', 'on'], ['a']), op('Relu', ['a'], ['y'])] });
  expect((await runAndCompare(training, ['remove-identity'])).ops).toEqual(['Dropout', 'Relu']);
});
