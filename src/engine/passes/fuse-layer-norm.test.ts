import { expect, it } from 'vitest';
import { makeModel, op, randomTensor, runAndCompare } from '../../../test/support/pass-testing.ts';
import { makeInts } from '../onnx/attributes.ts';
import { floatTensor, int64Tensor } from '../onnx/tensor.ts';
import type { NodeData } from '../onnx/types.ts';

const scalar = (name: string, value: number) => floatTensor(name, [], Float32Array.of(value));
const initializers = [scalar('two', 2), scalar('eps', 1e-5), randomTensor('g', [8]), randomTensor('b', [8], 5), randomTensor('wide', [1, 8], 6), int64Tensor('last', [1], [-1])];
const last = { axes: makeInts([-1]) };

function pattern(square: NodeData, scale: string, axes: Parameters<typeof op>[3] = last, reduceInputs: readonly string[] = []): NodeData[] {
  return [
    op('ReduceMean', ['x', ...reduceInputs], ['m'], axes), op('Sub', ['x', 'm'], ['d']), square, op('ReduceMean', ['q', ...reduceInputs], ['v'], axes), op('Add', ['v', 'eps'], ['a']),
    op('Sqrt', ['a'], ['r']), op('Div', ['d', 'r'], ['n']), op('Mul', [scale, 'n'], ['s']), op('Add', ['s', 'b'], ['y']),
  ];
}

async function run(nodes: readonly NodeData[], opset = 17, outputs: readonly string[] = ['y']) {
  return runAndCompare(makeModel({ opset, inputs: { x: ['n', 3, 8] }, outputs, initializers, nodes }), ['fuse-layer-norm'], { tolerance: 1e-5 });
}

it('fuses the square as a power and as a product, with and without bias', async () => {
  expect((await run(pattern(op('Pow', ['d', 'two'], ['q']), 'g'))).ops).toEqual(['LayerNormalization']);
  expect((await run(pattern(op('Mul', ['d', 'd'], ['q']), 'g'))).ops).toEqual(['LayerNormalization']);
  expect((await run(pattern(op('Mul', ['d', 'd'], ['q']), 'g').slice(0, -1), 17, ['s'])).ops).toEqual(['LayerNormalization']);
  expect((await run(pattern(op('Mul', ['d', 'd'], ['q']), 'g', {}, ['last']), 18)).ops).toEqual(['LayerNormalization']);
});

it('only notes it before opset 17', async () => {
  const { steps, ops } = await run(pattern(op('Mul', ['d', 'd'], ['q']), 'g'), 13);
  expect(ops).toHaveLength(9);
  expect(steps[0]).toMatchObject({ changed: false, stats: { found: 1 } });
});

it('does not fuse another axis, a scale of another shape, or where an inner value is an output', async () => {
  const square = op('Mul', ['d', 'd'], ['q']);
  expect((await run(pattern(square, 'g', { axes: makeInts([1]) }))).ops).toHaveLength(9);
  expect((await run(pattern(square, 'wide'))).ops).toHaveLength(9);
  expect((await run(pattern(square, 'g'), 17, ['y', 'v'])).ops).toHaveLength(9);
  expect((await run(pattern(op('Mul', ['d', 'x'], ['q']), 'g'))).ops).toHaveLength(9);
});
