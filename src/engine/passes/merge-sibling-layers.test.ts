import { expect, it } from 'vitest';
import { makeModel, op, randomTensor, runAndCompare } from '../../../test/support/pass-testing.ts';
import { makeFloat, makeInt, makeInts } from '../onnx/attributes.ts';
import { Graph } from '../onnx/graph.ts';
import type { NodeData, Shape, Tensor } from '../onnx/types.ts';
import { siblingGroups } from './merge-sibling-layers.ts';
import { copyModel } from './pipeline.ts';

async function opsOf(x: Shape, layers: readonly NodeData[], initializers: readonly Tensor[], opset = 17): Promise<readonly string[]> {
  const outputs = layers.map((layer) => layer.outputs[0] ?? '');
  return (await runAndCompare(makeModel({ opset, inputs: { x }, outputs, initializers, nodes: layers }), ['merge-sibling-layers'], { tolerance: 4e-6 })).ops;
}

it.each([17, 11])('merges convolutions, with and without bias, opset %i', async (opset) => {
  const pads = { pads: makeInts([1, 1, 1, 1]) };
  const layers = [op('Conv', ['x', 'w1', 'b1'], ['p'], pads), op('Conv', ['x', 'w22'], ['q'], pads), op('Conv', ['x', 'w333', 'b333'], ['r'], pads)];
  const constants = [randomTensor('w1', [3, 4, 3, 3]), randomTensor('w22', [5, 4, 3, 3]), randomTensor('w333', [2, 4, 3, 3]), randomTensor('b1', [3]), randomTensor('b333', [2])];
  expect(await opsOf(['n', 4, 6, 6], layers, constants, opset)).toEqual(['Conv', 'Split']);
});

it('merges Gemm of both layouts, and MatMul', async () => {
  const scaled = { alpha: makeFloat(0.5), beta: makeFloat(2) };
  expect(await opsOf([2, 4], [op('Gemm', ['x', 'w1', 'b1'], ['p'], scaled), op('Gemm', ['x', 'w22', 'b22'], ['q'], scaled)], [randomTensor('w1', [4, 3]), randomTensor('w22', [4, 5]), randomTensor('b1', [3]), randomTensor('b22', [5])])).toEqual(['Gemm', 'Split']);
  const transposed = { transB: makeInt(1) };
  expect(await opsOf([2, 4], [op('Gemm', ['x', 'w1'], ['p'], transposed), op('Gemm', ['x', 'w22'], ['q'], transposed)], [randomTensor('w1', [3, 4]), randomTensor('w22', [5, 4])])).toEqual(['Gemm', 'Split']);
  expect(await opsOf([2, 3, 4], [op('MatMul', ['x', 'w1'], ['p']), op('MatMul', ['x', 'w22'], ['q'])], [randomTensor('w1', [4, 3]), randomTensor('w22', [4, 5])])).toEqual(['MatMul', 'Split']);
});

it('merges the groups that are asked for only', async () => {
  const layers = [op('Gemm', ['x', 'w1'], ['p']), op('Gemm', ['x', 'w22'], ['q']), op('Gemm', ['p', 'v1'], ['r']), op('Gemm', ['p', 'v22'], ['s'])];
  const constants = [randomTensor('w1', [4, 4]), randomTensor('w22', [4, 5]), randomTensor('v1', [4, 2]), randomTensor('v22', [4, 3])];
  const model = makeModel({ inputs: { x: [2, 4] }, outputs: ['q', 'r', 's'], initializers: constants, nodes: layers });
  expect(siblingGroups(new Graph(copyModel(model).graph), 2)).toEqual([['Gemm_p', 'Gemm_q'], ['Gemm_r', 'Gemm_s']]);
  expect((await runAndCompare(model, ['merge-sibling-layers'], { options: { 'merge-sibling-layers': { only: ['Gemm_s'] } }, tolerance: 4e-6 })).ops).toEqual(['Gemm', 'Gemm', 'Gemm', 'Split']);
});

it('keeps siblings of another kernel, stride or group apart', async () => {
  const x = [1, 4, 6, 6];
  const [one, two] = [randomTensor('w1', [4, 4, 3, 3]), randomTensor('w22', [4, 4, 1, 1])];
  expect(await opsOf(x, [op('Conv', ['x', 'w1'], ['p']), op('Conv', ['x', 'w22'], ['q'])], [one, two])).toEqual(['Conv', 'Conv']);
  expect(await opsOf(x, [op('Conv', ['x', 'w22'], ['p'], { strides: makeInts([2, 2]) }), op('Conv', ['x', 'w22'], ['q'])], [two])).toEqual(['Conv', 'Conv']);
  const grouped = { group: makeInt(4) };
  expect(await opsOf(x, [op('Conv', ['x', 'd1'], ['p'], grouped), op('Conv', ['x', 'd22'], ['q'], grouped)], [randomTensor('d1', [4, 1, 3, 3]), randomTensor('d22', [4, 1, 3, 3])])).toEqual(['Conv', 'Conv']);
});
