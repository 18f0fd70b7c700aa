import { expect, it } from 'vitest';
import { makeModel, op, randomTensor, runAndCompare } from '../../../test/support/pass-testing.ts';
import { makeFloat, makeInts } from '../onnx/attributes.ts';
import { runPasses } from './pipeline.ts';

const merge = ['merge-common-subexpressions'];

it('computes equal expressions once, also with operands swapped and through equal weights', async () => {
  const model = makeModel({
    inputs: { x: [4] }, outputs: ['y'], initializers: [randomTensor('a', [4], 1), { ...randomTensor('a', [4], 1), name: 'b' }],
    nodes: [op('Add', ['x', 'a'], ['p']), op('Add', ['b', 'x'], ['q']), op('Relu', ['p'], ['r']), op('Relu', ['q'], ['s']), op('Mul', ['r', 's'], ['y'])],
  });
  const { ops, model: after } = await runAndCompare(model, merge);
  expect(ops).toEqual(['Add', 'Relu', 'Mul']);
  expect([...after.graph.initializers.keys()]).toEqual(['a']);
});

it('keeps the one that makes a graph output, and both where both do', async () => {
  const one = makeModel({ inputs: { x: [4] }, outputs: ['y', 'z'], nodes: [op('Relu', ['x'], ['r']), op('Relu', ['x'], ['y']), op('Neg', ['r'], ['z'])] });
  expect((await runAndCompare(one, merge)).ops).toEqual(['Relu', 'Neg']);
  const both = makeModel({ inputs: { x: [4] }, outputs: ['y', 'z'], nodes: [op('Relu', ['x'], ['y']), op('Relu', ['x'], ['z'])] });
  expect((await runAndCompare(both, merge)).ops).toEqual(['Relu', 'Relu']);
});

it('does not merge different attributes, operand order of Sub, or weights that differ in one bit or in shape', async () => {
  const near = randomTensor('a', [4], 1);
  const bytes = near.payload.kind === 'raw' ? near.payload.bytes.slice() : new Uint8Array();
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  const model = makeModel({
    inputs: { x: [1, 4] }, outputs: ['y'],
    initializers: [near, { ...near, name: 'b', payload: { kind: 'raw', bytes } }, { ...near, name: 'c', dims: [1, 4] }],
    nodes: [
      op('Add', ['x', 'a'], ['p']), op('Add', ['x', 'b'], ['q']), op('Add', ['x', 'c'], ['r']), op('Sub', ['p', 'q'], ['s']), op('Sub', ['q', 'p'], ['t']),
      op('LeakyRelu', ['s'], ['u'], { alpha: makeFloat(0.1) }), op('LeakyRelu', ['s'], ['v'], { alpha: makeFloat(0.2) }), op('Sum', ['r', 't', 'u', 'v'], ['y']),
    ],
  });
  const { ops, steps } = await runAndCompare(model, merge);
  expect(ops).toHaveLength(8);
  expect(steps[0]?.changed).toBe(false);
});

it('never merges two random draws', async () => {
  const shape = { shape: makeInts([4]) };
  const model = makeModel({ inputs: { x: [4] }, outputs: ['y'], nodes: [op('RandomNormal', [], ['a'], shape), op('RandomNormal', [], ['b'], shape), op('Sub', ['a', 'b'], ['c']), op('Add', ['c', 'x'], ['y'])] });
  const { model: after } = await runPasses(model, merge, { clock: () => 0 });
  expect(after.graph.nodes).toHaveLength(4);
});
