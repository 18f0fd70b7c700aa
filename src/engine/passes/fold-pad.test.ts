import { expect, it } from 'vitest';
import { makeModel, op, randomTensor, runAndCompare } from '../../../test/support/pass-testing.ts';
import { makeFloat, makeInt, makeInts, makeString } from '../onnx/attributes.ts';
import { floatTensor, int64Tensor } from '../onnx/tensor.ts';
import type { NodeData, Tensor } from '../onnx/types.ts';

const weight = randomTensor('w', [3, 4, 3, 3]);
const conv = op('Conv', ['c', 'w'], ['y'], { pads: makeInts([0, 1, 0, 1]) });
const pads = (values: readonly number[]): Tensor => int64Tensor('p', [8], values);
const SPATIAL = [0, 0, 1, 2, 0, 0, 0, 1];

async function opsOf(nodes: readonly NodeData[], initializers: readonly Tensor[], opset = 17): Promise<readonly string[]> {
  return (await runAndCompare(makeModel({ opset, inputs: { x: ['n', 4, 7, 7] }, outputs: ['y'], initializers: [weight, ...initializers], nodes }), ['fold-pad'])).ops;
}

it('adds the pads to those of a Conv', async () => {
  expect(await opsOf([op('Pad', ['x', 'p'], ['c']), conv], [pads(SPATIAL)])).toEqual(['Conv']);
  expect(await opsOf([op('Pad', ['x', 'p', 'z'], ['c']), op('Conv', ['c', 'w'], ['y'])], [pads(SPATIAL), floatTensor('z', [], Float32Array.of(0))])).toEqual(['Conv']);
  expect(await opsOf([op('Pad', ['x'], ['c'], { pads: makeInts(SPATIAL) }), conv], [], 10)).toEqual(['Conv']);
});

it('makes an average count its padding', async () => {
  const pool = (attributes: NonNullable<Parameters<typeof op>[3]>): NodeData => op('AveragePool', ['c'], ['y'], { kernel_shape: makeInts([3, 3]), ...attributes });
  const pad = op('Pad', ['x', 'p'], ['c']);
  expect(await opsOf([pad, pool({})], [pads(SPATIAL)])).toEqual(['AveragePool']);
  expect(await opsOf([pad, pool({ count_include_pad: makeInt(1), pads: makeInts([1, 0, 1, 0]) })], [pads(SPATIAL)])).toEqual(['AveragePool']);
  // Its own padding does not count, the Pad does: no one number says both.
  expect(await opsOf([pad, pool({ pads: makeInts([1, 0, 1, 0]) })], [pads(SPATIAL)])).toEqual(['Pad', 'AveragePool']);
  expect(await opsOf([pad, pool({ ceil_mode: makeInt(1), strides: makeInts([2, 2]) })], [pads(SPATIAL)])).toEqual(['Pad', 'AveragePool']);
});

it('keeps what is no padding with zeros on spatial axes', async () => {
  const pad = op('Pad', ['x', 'p'], ['c']);
  expect(await opsOf([op('Pad', ['x', 'p', 'z'], ['c']), conv], [pads(SPATIAL), floatTensor('z', [], Float32Array.of(0.5))])).toEqual(['Pad', 'Conv']);
  expect(await opsOf([op('Pad', ['x'], ['c'], { pads: makeInts(SPATIAL), value: makeFloat(1) }), conv], [], 10)).toEqual(['Pad', 'Conv']);
  expect(await opsOf([op('Pad', ['x', 'p'], ['c'], { mode: makeString('reflect') }), conv], [pads(SPATIAL)])).toEqual(['Pad', 'Conv']);
  expect(await opsOf([op('Pad', ['x', 'p'], ['c'], { mode: makeString('edge') }), conv], [pads(SPATIAL)])).toEqual(['Pad', 'Conv']);
  expect(await opsOf([pad, conv], [pads([0, 0, 1, -1, 0, 0, 0, 0])])).toEqual(['Pad', 'Conv']);
  expect(await opsOf([pad, op('Conv', ['c', 'w5'], ['y'])], [pads([0, 1, 0, 0, 0, 0, 0, 0]), randomTensor('w5', [3, 5, 3, 3])])).toEqual(['Pad', 'Conv']);
  expect(await opsOf([pad, op('Conv', ['c', 'w'], ['y'], { auto_pad: makeString('SAME_UPPER') })], [pads(SPATIAL)])).toEqual(['Pad', 'Conv']);
  expect(await opsOf([pad, op('MaxPool', ['c'], ['y'], { kernel_shape: makeInts([3, 3]) })], [pads(SPATIAL)])).toEqual(['Pad', 'MaxPool']);
});

it('keeps a Pad that is read elsewhere', async () => {
  const model = makeModel({ inputs: { x: [1, 4, 7, 7] }, outputs: ['y', 'c'], initializers: [weight, pads(SPATIAL)], nodes: [op('Pad', ['x', 'p'], ['c']), conv] });
  expect((await runAndCompare(model, ['fold-pad'])).ops).toEqual(['Pad', 'Conv']);
});
