import { expect, it } from 'vitest';
import { makeModel, op, runAndCompare } from '../../../test/support/pass-testing.ts';
import { stringAttribute } from '../onnx/attributes.ts';
import { floatTensor } from '../onnx/tensor.ts';
import type { NodeData } from '../onnx/types.ts';

const scalar = (name: string, value: number) => floatTensor(name, [], Float32Array.of(value));
const initializers = [scalar('root', Math.SQRT2), scalar('inverse', Math.SQRT1_2), scalar('one', 1), scalar('half', 0.5), scalar('two', 2), scalar('third', 0.3), scalar('three', 3), scalar('cubic', 0.044715), scalar('scale', Math.sqrt(2 / Math.PI))];
const erf = [op('Div', ['r', 'root'], ['a']), op('Erf', ['a'], ['e']), op('Add', ['e', 'one'], ['s'])];

const forms: [string, NodeData[]][] = [
  ['(x * sum) * 0.5', [...erf, op('Mul', ['r', 's'], ['m']), op('Mul', ['m', 'half'], ['y'])]],
  ['(x * sum) / 2', [...erf, op('Mul', ['s', 'r'], ['m']), op('Div', ['m', 'two'], ['y'])]],
  ['(sum * 0.5) * x', [...erf, op('Mul', ['half', 's'], ['m']), op('Mul', ['r', 'm'], ['y'])]],
  ['(x * 0.5) * sum', [...erf, op('Mul', ['r', 'half'], ['h']), op('Mul', ['h', 's'], ['y'])]],
  ['with x * sqrt(1/2)', [op('Mul', ['inverse', 'r'], ['a']), op('Erf', ['a'], ['e']), op('Add', ['one', 'e'], ['s']), op('Mul', ['r', 's'], ['m']), op('Mul', ['m', 'half'], ['y'])]],
];

const tanh = (cube: NodeData[]): NodeData[] => [
  ...cube, op('Mul', ['cubic', 'c'], ['k']), op('Add', ['r', 'k'], ['p']), op('Mul', ['p', 'scale'], ['a']), op('Tanh', ['a'], ['e']), op('Add', ['e', 'one'], ['s']),
];
const pow = [op('Pow', ['r', 'three'], ['c'])];
const products = [op('Mul', ['r', 'r'], ['q']), op('Mul', ['r', 'q'], ['c'])];
const tanhForms: [string, NodeData[]][] = [
  ['a power, (x * sum) * 0.5', [...tanh(pow), op('Mul', ['r', 's'], ['m']), op('Mul', ['m', 'half'], ['y'])]],
  ['a power, (x * 0.5) * sum', [...tanh(pow), op('Mul', ['r', 'half'], ['h']), op('Mul', ['h', 's'], ['y'])]],
  ['two products', [...tanh(products), op('Mul', ['s', 'half'], ['m']), op('Mul', ['r', 'm'], ['y'])]],
  ['a square and a product', [...tanh([op('Pow', ['r', 'two'], ['q']), op('Mul', ['q', 'r'], ['c'])]), op('Mul', ['r', 's'], ['m']), op('Div', ['m', 'two'], ['y'])]],
];

async function ops(rest: readonly NodeData[], opset = 20, outputs: readonly string[] = ['y']) {
  return runAndCompare(makeModel({ opset, ir: 9, inputs: { x: ['n', 8] }, outputs, initializers, nodes: [op('Neg', ['x'], ['r']), ...rest] }), ['fuse-gelu']);
}

it.each(forms)('fuses %s', async (_, nodes) => {
  expect((await ops(nodes)).ops).toEqual(['Neg', 'Gelu']);
});

it.each(tanhForms)('fuses the approximation with Tanh: %s', async (_, nodes) => {
  const { ops: left, model } = await ops(nodes);
  expect(left).toEqual(['Neg', 'Gelu']);
  expect(stringAttribute(model.graph.nodes[1] as NodeData, 'approximate', '')).toBe('tanh');
});

it('only notes it before opset 20', async () => {
  const { ops: kept, steps } = await ops(forms[0]?.[1] ?? [], 17);
  expect(kept).toHaveLength(6);
  expect(steps[0]).toMatchObject({ changed: false, stats: { found: 1 } });
  expect(steps[0]?.notes[0]).toContain('opset 20');
});

it.each<[string, NodeData[], string[]]>([
  ['another factor', [...erf, op('Mul', ['r', 's'], ['m']), op('Mul', ['m', 'third'], ['y'])], ['y']],
  ['another value multiplied', [...erf, op('Mul', ['x', 's'], ['m']), op('Mul', ['m', 'half'], ['y'])], ['y']],
  ['another argument', [op('Div', ['r', 'two'], ['a']), op('Erf', ['a'], ['e']), op('Add', ['e', 'one'], ['s']), op('Mul', ['r', 's'], ['m']), op('Mul', ['m', 'half'], ['y'])], ['y']],
  ['a cube of another value', [...tanh([op('Pow', ['x', 'three'], ['c'])]), op('Mul', ['r', 's'], ['m']), op('Mul', ['m', 'half'], ['y'])], ['y']],
  ['a fourth power', [...tanh([op('Mul', ['r', 'r'], ['q']), op('Mul', ['q', 'q'], ['c'])]), op('Mul', ['r', 's'], ['m']), op('Mul', ['m', 'half'], ['y'])], ['y']],
  ['a cube that is an output', tanhForms[0]?.[1] ?? [], ['y', 'c']],
  ['an inner value that is an output', forms[0]?.[1] ?? [], ['y', 'e']],
])('does not fuse %s', async (_, nodes, outputs) => {
  expect((await ops(nodes, 20, outputs)).ops).not.toContain('Gelu');
});
