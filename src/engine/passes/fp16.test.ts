import { expect, it } from 'vitest';
import { makeModel, op, randomTensor, runAndCompare } from '../../../test/support/pass-testing.ts';
import { makeInts, makeString } from '../onnx/attributes.ts';
import { floatTensor } from '../onnx/tensor.ts';
import { DataType, type Model } from '../onnx/types.ts';

const scales = floatTensor('scales', [4], Float32Array.of(1, 1, 2, 2));

function network(): Model {
  return makeModel({
    inputs: { x: ['n', 3, 8, 8] }, outputs: ['y', 'r'], initializers: [randomTensor('w', [8, 3, 3, 3], 1, -0.2, 0.2), randomTensor('b', [8]), randomTensor('v', [4, 8, 1, 1]), scales],
    nodes: [
      op('Conv', ['x', 'w', 'b'], ['c'], { pads: makeInts([1, 1, 1, 1]) }), op('Relu', ['c'], ['r']), op('Resize', ['r', '', 'scales'], ['u'], { mode: makeString('nearest') }),
      op('Conv', ['u', 'v'], ['d']), op('Sigmoid', ['d'], ['y']),
    ],
  });
}

it('computes in float16, keeps the types of inputs and outputs, and casts around what takes float32 only', async () => {
  const { ops, model, steps } = await runAndCompare(network(), ['fp16', 'remove-dead-nodes'], { tolerance: 5e-3 });
  // x in; r out and into Resize; u back in; y out.
  expect(ops.filter((opType) => opType === 'Cast')).toHaveLength(4);
  expect(model.graph.outputs.map((output) => output.elemType)).toEqual([DataType.FLOAT, DataType.FLOAT]);
  expect([...model.graph.initializers.values()].filter((tensor) => tensor.dataType === DataType.FLOAT).map((tensor) => tensor.name)).toEqual(['scales']);
  expect(steps[0]?.stats).toEqual({ nodes: 4, weights: 3, casts: 4 });
  expect(steps[0]?.notes).toEqual(['1 nodes stay float32: Resize.']);
});

it('keeps float32 where a constant is beyond float16, or would vanish in it', async () => {
  for (const value of [1e6, 1e-12]) {
    const model = makeModel({ inputs: { x: [4] }, outputs: ['y'], initializers: [floatTensor('k', [], Float32Array.of(value))], nodes: [op('Abs', ['x'], ['a']), op('Add', ['a', 'k'], ['y'])] });
    const { model: after } = await runAndCompare(model, ['fp16'], { tolerance: 1e-3 });
    expect(after.graph.initializers.get('k')?.dataType).toBe(DataType.FLOAT);
  }
});

it('keeps what the options name', async () => {
  const { model } = await runAndCompare(network(), ['fp16'], { tolerance: 5e-3, options: { fp16: { block: ['Conv'] } } });
  expect(model.graph.initializers.get('w')?.dataType).toBe(DataType.FLOAT);
});
