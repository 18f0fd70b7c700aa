import { expect, it } from 'vitest';
import { makeModel, op, randomTensor, runAndCompare } from '../../../test/support/pass-testing.ts';
import { Graph } from '../onnx/graph.ts';
import { floatTensor } from '../onnx/tensor.ts';
import type { NodeData } from '../onnx/types.ts';
import { findUnits, unitKind } from './find-units.ts';

const scalar = (name: string, value: number) => floatTensor(name, [], Float32Array.of(value));
const initializers = [randomTensor('w', [4, 4, 1, 1]), randomTensor('s', [4], 2, 0.5, 1), scalar('zero', 0), scalar('three', 3), scalar('six', 6), scalar('sixth', 1 / 6)];

it.each<[string, NodeData[]]>([
  ['Conv', [op('Softmax', ['c'], ['y'])]],
  ['Conv+Relu', [op('Relu', ['c'], ['y'])]],
  ['Conv+Clip', [op('Clip', ['c', 'zero', 'six'], ['y'])]],
  ['Conv+BatchNormalization+Relu', [op('BatchNormalization', ['c', 's', 's', 's', 's'], ['n']), op('Relu', ['n'], ['y'])]],
  ['Conv+SiLU', [op('Sigmoid', ['c'], ['g']), op('Mul', ['c', 'g'], ['y'])]],
  ['Conv+HardSwish', [op('HardSigmoid', ['c'], ['g']), op('Mul', ['g', 'c'], ['y'])]],
  ['Conv+HardSwish', [op('Add', ['c', 'three'], ['a']), op('Clip', ['a', 'zero', 'six'], ['k']), op('Mul', ['c', 'k'], ['p']), op('Div', ['p', 'six'], ['y'])]],
  ['Conv+HardSwish', [op('Add', ['c', 'three'], ['a']), op('Clip', ['a', 'zero', 'six'], ['k']), op('Mul', ['k', 'sixth'], ['p']), op('Mul', ['c', 'p'], ['y'])]],
  // Not a unit with its activation: somebody else reads the value in between.
  ['Conv', [op('Relu', ['c'], ['r']), op('Add', ['r', 'c'], ['y'])]],
  ['Conv', [op('Sigmoid', ['c'], ['g']), op('Mul', ['c', 'g'], ['p']), op('Add', ['p', 'c'], ['y'])]],
])('recognizes %s', async (kind, rest) => {
  const model = makeModel({ inputs: { x: [1, 4, 2, 2] }, outputs: ['y'], initializers, nodes: [op('Conv', ['x', 'w'], ['c']), ...rest] });
  const { model: after, steps } = await runAndCompare(model, ['recognize-units']);
  const units = findUnits(new Graph(after.graph));
  expect(units.map(unitKind)).toEqual([kind]);
  expect(steps[0]).toMatchObject({ changed: false, stats: { units: 1, [kind]: 1 } });
});

it('does not reach over a graph output', () => {
  const model = makeModel({ inputs: { x: [1, 4, 2, 2] }, outputs: ['c', 'y'], initializers, nodes: [op('Conv', ['x', 'w'], ['c']), op('Relu', ['c'], ['y'])] });
  expect(findUnits(new Graph(model.graph)).map(unitKind)).toEqual(['Conv']);
});
