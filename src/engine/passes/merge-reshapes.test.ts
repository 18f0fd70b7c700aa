import { expect, it } from 'vitest';
import { makeModel, op, runAndCompare } from '../../../test/support/pass-testing.ts';
import { makeInt } from '../onnx/attributes.ts';
import { int64Tensor, tensorIntegers } from '../onnx/tensor.ts';
import type { NodeData, Shape, Tensor } from '../onnx/types.ts';

const names = ['merge-reshapes', 'remove-dead-nodes'];
const ints = (name: string, values: readonly number[]): Tensor => int64Tensor(name, [values.length], values);

async function run(x: Shape, nodes: readonly NodeData[], initializers: readonly Tensor[], outputs = ['y']) {
  return runAndCompare(makeModel({ inputs: { x }, outputs, initializers, nodes }), names);
}

it.each<[string, NodeData]>([
  ['Reshape', op('Reshape', ['x', 's'], ['a'])],
  ['Flatten', op('Flatten', ['x'], ['a'])],
  ['Squeeze', op('Squeeze', ['x', 'one'], ['a'])],
  ['Unsqueeze', op('Unsqueeze', ['x', 'one'], ['a'])],
])('drops a %s before a Reshape', async (_, node) => {
  const { ops } = await run(['n', 1, 6], [node, op('Reshape', ['a', 't'], ['y'])], [ints('s', [0, -1]), ints('one', [1]), ints('t', [-1, 3])]);
  expect(ops).toEqual(['Reshape']);
});

it('keeps one whose size the next copies, or that is read elsewhere', async () => {
  const copies = await run(['n', 2, 6], [op('Reshape', ['x', 's'], ['a']), op('Reshape', ['a', 't'], ['y'])], [ints('s', [-1, 3]), ints('t', [0, 1, 3])]);
  expect(copies.ops).toEqual(['Reshape', 'Reshape']);
  const read = await run([2, 6], [op('Reshape', ['x', 's'], ['a']), op('Reshape', ['a', 't'], ['y'])], [ints('s', [4, 3]), ints('t', [12])], ['y', 'a']);
  expect(read.ops).toEqual(['Reshape', 'Reshape']);
});

const gather = (index: string, to: string): NodeData[] => [op('Shape', ['x'], [`${to}_s`]), op('Gather', [`${to}_s`, index], [to])];

it('makes a target constant that copies the batch and infers the rest', async () => {
  const { ops, model } = await run(['n', 3, 'h', 'w'], [...gather('zero', 'n'), op('Concat', ['n', 'rest'], ['t'], { axis: makeInt(0) }), op('Reshape', ['x', 't'], ['y'])], [ints('zero', [0]), ints('rest', [-1, 3])]);
  expect(ops).toEqual(['Reshape']);
  expect(tensorIntegers(model.graph.initializers.get('y_shape') as Tensor)).toEqual([0n, -1n, 3n]);
});

it('infers one size that moved to another axis, and keeps a target with two', async () => {
  const one = await run(['n', 4, 'h'], [...gather('two', 'h'), op('Concat', ['h', 'rest'], ['t'], { axis: makeInt(0) }), op('Reshape', ['x', 't'], ['y'])], [ints('two', [2]), ints('rest', [2, 4])]);
  expect(one.ops).toEqual(['Reshape']);
  const two = await run(['n', 4, 'h'], [...gather('two', 'h'), ...gather('zero', 'n'), op('Concat', ['h', 'n', 'rest'], ['t'], { axis: makeInt(0) }), op('Reshape', ['x', 't'], ['y'])], [ints('two', [2]), ints('zero', [0]), ints('rest', [4])]);
  expect(two.ops).toContain('Concat');
});
