/** What a file claims costs what the file costs: a number in an attribute is no reason to make as many of anything. */
import { expect, it } from 'vitest';
import { buildModel, type ModelSpec } from '../../../../test/support/build-model.ts';
import { modelFacts } from '../facts.ts';

const body = buildModel({
  inputs: { sum: [2], next: [2] },
  outputs: { total: [2], each: [2] },
  nodes: [{ op: 'Add', in: ['sum', 'next'], out: ['total'] }, { op: 'Identity', in: ['total'], out: ['each'] }],
}).graph;
const scan = (count: number): ModelSpec => ({
  inputs: { first: [2], x: [3, 2] },
  outputs: ['y', 'z'],
  nodes: [{ op: 'Scan', in: ['first', 'x'], out: ['y', 'z'], attrs: { body: { kind: 'graph', value: body }, num_scan_inputs: count } }],
});
const split = (count: number, size: number | string): ModelSpec => ({
  opset: 18,
  inputs: { x: [2, size] },
  outputs: ['a', 'b'],
  nodes: [{ op: 'Split', in: ['x'], out: ['a', 'b'], attrs: { axis: 1, num_outputs: count } }],
});

it.each<[string, ModelSpec]>([
  ['a Split into 2^31 - 1 parts of a known size', split(2 ** 31 - 1, 8)],
  ['a Split into 2^31 - 1 parts of an open size', split(2 ** 31 - 1, 'n')],
  ['a Split into 2^40 exact parts', split(2 ** 40, 2 ** 40)],
  ['a Split into -1 parts', split(-1, 8)],
  ['a Scan over -2^31 inputs', scan(-(2 ** 31))],
  ['a Scan over 2^40 inputs', scan(2 ** 40)],
])('%s', (_, spec) => {
  expect(modelFacts(buildModel(spec), 100, []).nodes).toBe(1);
});

it('what is claimed rightly is still inferred', () => {
  expect(modelFacts(buildModel(split(2, 7)), 100, []).outputs.map(({ shape }) => shape)).toEqual([[2, 4], [2, 3]]);
  expect(modelFacts(buildModel(scan(1)), 100, []).outputs.map(({ shape }) => shape)).toEqual([[2], [3, 2]]);
});
