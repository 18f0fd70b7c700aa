import { describe, expect, it } from 'vitest';
import { makeModel, op, outputsOf, randomTensor, runAndCompare } from '../../../test/support/pass-testing.ts';
import { modelBytes } from '../../../test/support/build-model.ts';
import type { TensorElementType, TensorValue } from '../../base/ports.ts';
import { makeInt, makeInts, makeTensorAttribute } from '../onnx/attributes.ts';
import { floatTensor, int64Tensor, makeTensor, tensorIntegers } from '../onnx/tensor.ts';
import { DataType, type Model, type NodeData, type Tensor } from '../onnx/types.ts';

const fold = ['fold-constants', 'remove-dead-nodes'];
const ints = (name: string, values: readonly number[]): Tensor => int64Tensor(name, [values.length], values);

/** The port as the runtime implements it. */
async function evaluate(model: Model): Promise<Record<string, TensorValue>> {
  const outputs = await outputsOf(model);
  return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => {
    const data = tensor.data as Float32Array;
    return [name, { type: tensor.type as TensorElementType, dims: tensor.dims, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice() }];
  }));
}

describe('the engine itself folds', () => {
  const w = randomTensor('w', [2, 3, 4]);
  it.each<[string, NodeData[], Tensor[], { readonly opset?: number; readonly left?: readonly string[] }?]>([
    ['Transpose', [op('Transpose', ['w'], ['c'], { perm: makeInts([2, 0, 1]) })], [w]],
    ['Reshape', [op('Reshape', ['w', 's'], ['c'])], [w, ints('s', [0, -1])]],
    ['Squeeze and Unsqueeze', [op('Unsqueeze', ['w', 's'], ['u']), op('Squeeze', ['u', 't'], ['c'])], [w, ints('s', [0, -1]), ints('t', [-1])]],
    ['Unsqueeze, opset 11', [op('Unsqueeze', ['w'], ['c'], { axes: makeInts([1]) })], [w], { opset: 11 }],
    ['Concat', [op('Concat', ['w', 'v', 'w'], ['c'], { axis: makeInt(-2) })], [w, randomTensor('v', [2, 1, 4])]],
    ['Gather', [op('Gather', ['w', 's'], ['c'], { axis: makeInt(2) })], [w, int64Tensor('s', [2, 2], [0, -1, 3, 1])]],
    ['Slice', [op('Slice', ['w', 's', 'e', 'a', 'p'], ['c'])], [w, ints('s', [-1, 0]), ints('e', [-99, 2]), ints('a', [2, 1]), ints('p', [-2, 1])]],
    ['Slice, opset 9', [op('Slice', ['w'], ['c'], { starts: makeInts([1]), ends: makeInts([-1]), axes: makeInts([2]) })], [w], { opset: 9 }],
    ['arithmetic with broadcasting', [op('Mul', ['w', 'v'], ['p']), op('Sub', ['p', 'w'], ['q']), op('Div', ['q', 'v'], ['r']), op('Add', ['r', 'v'], ['c'])], [w, randomTensor('v', [3, 1], 9)]],
    ['Sqrt, Reciprocal, Neg, Abs', [op('Abs', ['w'], ['p']), op('Sqrt', ['p'], ['q']), op('Reciprocal', ['q'], ['r']), op('Neg', ['r'], ['c'])], [w]],
    ['Cast there and back', [op('Cast', ['w'], ['p'], { to: makeInt(DataType.INT32) }), op('Cast', ['p'], ['c'], { to: makeInt(DataType.FLOAT) })], [randomTensor('w', [8], 3, -100, 100)]],
    // A Cast to a wider float is how a compressed weight is stored: it stays.
    ['Cast to float16', [op('Cast', ['w'], ['p'], { to: makeInt(DataType.FLOAT16) }), op('Cast', ['p'], ['c'], { to: makeInt(DataType.FLOAT) })], [randomTensor('w', [64], 3, -1e-4, 1e-4)], { left: ['Cast'] }],
    ['ConstantOfShape', [op('ConstantOfShape', ['s'], ['c'], { value: makeTensorAttribute(floatTensor('', [1], Float32Array.of(7))) })], [ints('s', [2, 3])]],
  ])('%s', async (_, nodes, initializers, { opset = 17, left = [] } = {}) => {
    const model = makeModel({ opset, inputs: { x: [1] }, outputs: ['y'], initializers, nodes: [...nodes, op('Add', ['x', 'c'], ['y'])] });
    const { ops, steps } = await runAndCompare(model, fold, { tolerance: 0 });
    expect(ops).toEqual([...left, 'Add']);
    expect(steps[0]?.changed).toBe(true);
  });

  it('integers as the runtime does: division truncates, overflow wraps', async () => {
    const model = makeModel({
      inputs: { x: [1] }, outputs: ['y'], types: { x: DataType.INT64, y: DataType.INT64 },
      initializers: [ints('a', [-7, 7, -7, 9]), ints('b', [2, -2, -2, 4]), int64Tensor('big', [1], [9223372036854775807n])],
      nodes: [op('Div', ['a', 'b'], ['d']), op('Add', ['big', 'd'], ['s']), op('Add', ['x', 's'], ['y'])],
    });
    expect((await runAndCompare(model, fold, { tolerance: 0 })).ops).toEqual(['Add']);
  });

  it('shape arithmetic of static dimensions, around a symbolic one', async () => {
    const model = makeModel({
      inputs: { x: ['n', 4, 2, 2] }, outputs: ['y', 'z'], types: { z: DataType.INT64 }, initializers: [ints('one', [1]), ints('rest', [4]), ints('minus', [-1]), ints('two', [2])],
      nodes: [
        op('Relu', ['x'], ['r']), op('Shape', ['r'], ['s']), op('Slice', ['s', 'one', 'rest'], ['tail']), op('Gather', ['tail', 'one'], ['h']), op('Mul', ['h', 'two'], ['h2']),
        op('Concat', ['minus', 'h2'], ['t'], { axis: makeInt(0) }), op('Reshape', ['r', 't'], ['y']), op('Shape', ['y'], ['z']),
      ],
    });
    const { ops, model: after } = await runAndCompare(model, fold);
    expect(ops).toEqual(['Relu', 'Reshape', 'Shape']);
    expect(tensorIntegers(after.graph.initializers.get('t') as Tensor)).toEqual([-1n, 4n]);
  });
});

describe('the runtime folds', () => {
  it('what the engine does not compute, at the last value that is needed', async () => {
    const model = makeModel({
      inputs: { x: [1] }, outputs: ['y'], initializers: [randomTensor('w', [8])],
      nodes: [op('Erf', ['w'], ['a']), op('Softmax', ['a'], ['b']), op('Add', ['x', 'b'], ['y'])],
    });
    const { ops, steps, model: after } = await runAndCompare(model, fold, { evaluate });
    expect(ops).toEqual(['Add']);
    expect(steps[0]?.stats).toEqual({ evaluated: 1 });
    expect([...after.graph.initializers.keys()]).toEqual(['b']);
  });

  it('and where it fails, nothing changes and a note says so', async () => {
    const model = makeModel({ inputs: { x: [1] }, outputs: ['y'], initializers: [randomTensor('w', [8])], nodes: [op('Erf', ['w'], ['a']), op('Add', ['x', 'a'], ['y'])] });
    const { ops, steps } = await runAndCompare(model, fold, { evaluate: () => Promise.reject(new Error('out of memory')) });
    expect(ops).toEqual(['Erf', 'Add']);
    expect(steps[0]?.notes[0]).toContain('out of memory');
  });
});

describe('does not fold', () => {
  it('an expansion beyond the bound, by the engine or the runtime', async () => {
    const model = makeModel({
      inputs: { x: [1] }, outputs: ['y', 'z'], initializers: [ints('s', [300, 300]), floatTensor('o', [1], Float32Array.of(1))],
      nodes: [op('ConstantOfShape', ['s'], ['c']), op('Add', ['x', 'c'], ['y']), op('Expand', ['o', 's'], ['e']), op('Mul', ['x', 'e'], ['z'])],
    });
    const { ops } = await runAndCompare(model, fold, { evaluate });
    expect(ops).toEqual(['ConstantOfShape', 'Add', 'Expand', 'Mul']);
  });

  it('a second copy of a large weight that is read elsewhere', async () => {
    const model = makeModel({
      inputs: { x: [1, 200] }, outputs: ['y', 'z'], initializers: [randomTensor('w', [200, 200])],
      nodes: [op('Transpose', ['w'], ['t']), op('MatMul', ['x', 't'], ['y']), op('MatMul', ['x', 'w'], ['z'])],
    });
    expect((await runAndCompare(model, fold)).ops).toEqual(['Transpose', 'MatMul', 'MatMul']);
  });

  it('random numbers, quantized weights, or a float16 weight that is widened', async () => {
    const scale = floatTensor('s', [], Float32Array.of(0.1));
    const quantized = makeModel({ inputs: { x: [4] }, outputs: ['y'], initializers: [makeTensor('q', DataType.INT8, [4], Uint8Array.of(1, 2, 3, 255)), scale, makeTensor('zp', DataType.INT8, [], Uint8Array.of(0))], nodes: [op('DequantizeLinear', ['q', 's', 'zp'], ['d']), op('Add', ['x', 'd'], ['y'])] });
    expect((await runAndCompare(quantized, fold, { evaluate })).ops).toEqual(['DequantizeLinear', 'Add']);
    const half = makeModel({ inputs: { x: [4] }, outputs: ['y'], initializers: [makeTensor('h', DataType.FLOAT16, [4], new Uint8Array(8))], nodes: [op('Cast', ['h'], ['d'], { to: makeInt(DataType.FLOAT) }), op('Add', ['x', 'd'], ['y'])] });
    expect((await runAndCompare(half, fold, { evaluate })).ops).toEqual(['Cast', 'Add']);
    const random = makeModel({ inputs: { x: [4] }, outputs: ['y'], initializers: [randomTensor('w', [4])], nodes: [op('RandomNormalLike', ['w'], ['d']), op('Sub', ['d', 'd'], ['e']), op('Add', ['x', 'e'], ['y'])] });
    expect((await runAndCompare(random, fold, { evaluate })).ops).toEqual(['RandomNormalLike', 'Sub', 'Add']);
  });

  it('the shape of a symbolic dimension, or one that only a declaration tells', async () => {
    const model = makeModel({ inputs: { x: ['n', 2] }, outputs: ['y'], types: { y: DataType.INT64 }, nodes: [op('Relu', ['x'], ['r']), op('Shape', ['r'], ['y'])] });
    model.graph.valueInfo.set('r', { name: 'r', elemType: DataType.FLOAT, shape: [7, 2] });
    expect((await runAndCompare(model, fold)).ops).toEqual(['Relu', 'Shape']);
  });

  it('an integer division by zero, which would end the runtime', async () => {
    const model = makeModel({ inputs: { x: [1] }, outputs: ['y'], types: { x: DataType.INT64, y: DataType.INT64 }, initializers: [ints('a', [1]), ints('zero', [0])], nodes: [op('Div', ['a', 'zero'], ['d']), op('Add', ['x', 'd'], ['y'])] });
    const { runPasses } = await import('./pipeline.ts');
    const { model: after } = await runPasses(model, fold, { clock: () => 0 });
    expect(after.graph.nodes.map((node) => node.opType)).toEqual(['Div', 'Add']);
    expect(modelBytes(after).length).toBeGreaterThan(0);
  });
});

it('a folded graph output stays the output of a node', async () => {
  const model = makeModel({ inputs: { x: [2] }, outputs: ['y', 'c'], initializers: [randomTensor('w', [2, 2])], nodes: [op('Relu', ['x'], ['y']), op('Transpose', ['w'], ['c'])] });
  const { ops } = await runAndCompare(model, ['fold-constants', 'remove-identity', 'remove-dead-nodes']);
  expect(ops).toEqual(['Relu', 'Identity']);
});
