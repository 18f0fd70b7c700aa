import { describe, expect, it } from 'vitest';
import { makeModel, op, randomTensor, runAndCompare } from '../../../test/support/pass-testing.ts';
import { makeFloat, makeInt, makeInts, makeString } from '../onnx/attributes.ts';
import { floatTensor } from '../onnx/tensor.ts';
import { opsetOf, type Attribute, type NodeData, type Shape, type Tensor } from '../onnx/types.ts';
import { runPasses } from './pipeline.ts';

const floats = (...values: number[]): Attribute => ({ kind: 'floats', value: values });
const NAMES = ['upgrade-opset'];
const upgrade = (to: number): { options: Record<string, Record<string, unknown>> } => ({ options: { 'upgrade-opset': { to } } });

/** [what, opset, input shape, nodes from x to y, constants] */
const cases: [string, number, Shape, readonly NodeData[], (readonly Tensor[])?][] = [
  ['BatchNormalization of opset 7', 7, [2, 3, 4, 4], [op('BatchNormalization', ['x', 's', 'b', 'm', 'v'], ['y'], { spatial: makeInt(1) })], [randomTensor('s', [3]), randomTensor('b', [3]), randomTensor('m', [3]), randomTensor('v', [3], 5, 0.1, 2)]],
  ['Upsample with scales as attribute', 7, [1, 2, 3, 5], [op('Upsample', ['x'], ['y'], { mode: makeString('nearest'), scales: floats(1, 1, 2, 3) })]],
  ['Upsample with scales as input', 9, [1, 2, 3, 5], [op('Upsample', ['x', 'scales'], ['y'], { mode: makeString('linear') })], [floatTensor('scales', [4], Float32Array.of(1, 1, 2, 2))]],
  ['Resize of opset 10', 10, [1, 2, 6, 6], [op('Resize', ['x', 'scales'], ['y'], { mode: makeString('nearest') })], [floatTensor('scales', [4], Float32Array.of(1, 1, 1.5, 0.5))]],
  ['Slice with attributes', 9, [4, 6, 8], [op('Slice', ['x'], ['y'], { starts: makeInts([1, -3]), ends: makeInts([3, 9223372036854775807n]), axes: makeInts([0, 2]) })]],
  ['Slice without axes', 7, [4, 6], [op('Slice', ['x'], ['y'], { starts: makeInts([1]), ends: makeInts([3]) })]],
  ['TopK with k as attribute', 9, [3, 7], [op('TopK', ['x'], ['y', 'indices'], { k: makeInt(2), axis: makeInt(1) })]],
  ['Clip with both bounds', 7, [3, 7], [op('Clip', ['x'], ['y'], { min: makeFloat(-0.2), max: makeFloat(0.3) })]],
  ['Clip with one bound', 9, [3, 7], [op('Clip', ['x'], ['y'], { max: makeFloat(0.3) })]],
  ['Pad with a value', 9, [2, 3], [op('Pad', ['x'], ['y'], { pads: makeInts([1, 0, 0, 2]), value: makeFloat(0.5) })]],
  ['Pad by reflection', 9, [2, 4], [op('Pad', ['x'], ['y'], { pads: makeInts([0, 1, 0, 2]), mode: makeString('reflect') })]],
  ['Dropout with a ratio', 10, [2, 4], [op('Dropout', ['x'], ['d'], { ratio: makeFloat(0.3) }), op('Relu', ['d'], ['y'])]],
  ['Softmax over the last axis', 11, [2, 5], [op('Softmax', ['x'], ['y'])]],
  ['Softmax over all behind axis 1', 11, [2, 5, 3], [op('Softmax', ['x'], ['y'])]],
  ['Softmax of a map of one pixel', 11, [2, 5, 1, 1], [op('Softmax', ['x'], ['y'], { axis: makeInt(1) })]],
  ['LogSoftmax over all behind axis 0', 9, [2, 5, 3], [op('LogSoftmax', ['x'], ['y'], { axis: makeInt(0) })]],
  ['Squeeze and Unsqueeze', 11, [1, 5, 1, 3], [op('Squeeze', ['x'], ['s'], { axes: makeInts([0, 2]) }), op('Unsqueeze', ['s'], ['y'], { axes: makeInts([1]) })]],
  ['Squeeze of all', 11, [1, 5, 1], [op('Squeeze', ['x'], ['y'])]],
  ['ReduceSum with axes', 12, [2, 5, 3], [op('ReduceSum', ['x'], ['y'], { axes: makeInts([1, 2]), keepdims: makeInt(0) })]],
  ['ReduceMean with axes', 11, [2, 5, 3], [op('ReduceMean', ['x'], ['y'], { axes: makeInts([-1]) })]],
  ['Split in parts', 11, [2, 6], [op('Split', ['x'], ['y', 'z'], { axis: makeInt(1), split: makeInts([2, 4]) })]],
  ['Split in equal parts', 11, [2, 6], [op('Split', ['x'], ['y', 'z'], { axis: makeInt(1) })]],
];

describe('keeps the outputs of', () => {
  for (const to of [13, 18, 21, 23]) {
    it.each(cases)(`%s, to opset ${to}`, async (_what, opset, shape, nodes, constants) => {
      const model = makeModel({ opset, ir: 4, inputs: { x: shape }, outputs: ['y'], initializers: constants ?? [], nodes });
      const { model: after } = await runAndCompare(model, NAMES, upgrade(to));
      expect(opsetOf(after)).toBe(to);
    });
  }
});

describe('refuses', () => {
  it.each([
    ['BatchNormalization with statistics for each activation', 7, [op('BatchNormalization', ['x', 's', 's', 's', 's'], ['y'], { spatial: makeInt(0) })], 'UNSUPPORTED_OP'],
    ['Dropout whose mask is read', 10, [op('Dropout', ['x'], ['d', 'y'])], 'UNSUPPORTED_OP'],
    ['LayerNormalization from before it was standard', 11, [op('LayerNormalization', ['x', 's', 's'], ['y'])], 'UNSUPPORTED_OP'],
    ['opset 6', 6, [op('Relu', ['x'], ['y'])], 'UNSUPPORTED_VERSION'],
  ])('%s', async (_, opset, nodes, code) => {
    const model = makeModel({ opset, inputs: { x: [1, 3, 2, 2] }, outputs: ['y'], initializers: [randomTensor('s', [3])], nodes });
    await expect(runPasses(model, NAMES, { clock: () => 0, ...upgrade(17) })).rejects.toMatchObject({ code });
  });
});

it('leaves a model that is new enough as it is', async () => {
  const model = makeModel({ opset: 15, inputs: { x: [1, 3] }, outputs: ['y'], nodes: [op('Relu', ['x'], ['y'])] });
  const { steps } = await runAndCompare(model, NAMES, upgrade(13));
  expect(steps[0]?.changed).toBe(false);
});
