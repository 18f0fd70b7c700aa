import { expect, it } from 'vitest';
import { makeModel, op, runAndCompare } from '../../../test/support/pass-testing.ts';
import { floatTensor, tensorBytes } from '../onnx/tensor.ts';
import { DataType } from '../onnx/types.ts';

it('half the bytes, float32 arithmetic, and small or large numbers as they were', async () => {
  const w = floatTensor('w', [8, 3, 3, 3], Float32Array.from({ length: 216 }, (_, i) => (i - 100) / 500));
  const v = floatTensor('v', [4, 8, 1, 1], Float32Array.from({ length: 32 }, (_, i) => (i === 3 ? 7e4 : 1e-3)));
  const b = floatTensor('b', [8], new Float32Array(8).fill(1e-9));
  const model = makeModel({ inputs: { x: ['n', 3, 8, 8] }, outputs: ['y'], initializers: [w, v, b], nodes: [op('Conv', ['x', 'w', 'b'], ['c']), op('Relu', ['c'], ['r']), op('Conv', ['r', 'v'], ['y'])] });
  const { model: after, steps, ops } = await runAndCompare(model, ['fp16-weights'], { tolerance: 1e-3, options: { 'fp16-weights': { minElements: 32 } } });
  expect(ops.filter((opType) => opType === 'Cast')).toHaveLength(1);
  const half = after.graph.initializers.get('w_fp16');
  expect(half?.dataType).toBe(DataType.FLOAT16);
  expect(half && tensorBytes(half).length).toBe(432);
  expect(steps[0]?.notes).toEqual(['"v" stays float32: it has elements beyond float16\'s range.']);
  // And folding constants does not undo it.
  const again = await runAndCompare(after, ['fold-constants'], { tolerance: 0 });
  expect(again.ops).toEqual(ops);
});
