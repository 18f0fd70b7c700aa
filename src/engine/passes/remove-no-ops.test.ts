import { describe, expect, it } from 'vitest';
import { makeModel, op, randomTensor, runAndCompare, type ModelSpec } from '../../../test/support/pass-testing.ts';
import { makeInt, makeInts, makeString } from '../onnx/attributes.ts';
import { floatTensor, int64Tensor } from '../onnx/tensor.ts';
import { DataType, type NodeData, type Shape, type Tensor } from '../onnx/types.ts';

interface Case {
  readonly shape?: Shape;
  readonly initializers?: readonly Tensor[];
  readonly opset?: number;
}

/** x -> Relu -> the operator -> Neg -> y, so that it neither touches an input nor an output. */
async function remains(node: NodeData, { shape = ['n', 4, 2, 2], initializers = [], opset = 17 }: Case): Promise<readonly string[]> {
  const spec: ModelSpec = { opset, inputs: { x: shape }, outputs: ['y'], initializers, nodes: [op('Relu', ['x'], ['a']), node, op('Neg', ['b'], ['y'])] };
  return (await runAndCompare(makeModel(spec), ['remove-no-ops'])).ops.slice(1, -1);
}

const ints = (name: string, values: readonly (number | bigint)[]): Tensor => int64Tensor(name, [values.length], values);
const MAX = 9223372036854775807n;

describe('removes', () => {
  it.each<[string, NodeData, Case]>([
    ['Cast to the same type', op('Cast', ['a'], ['b'], { to: makeInt(DataType.FLOAT) }), {}],
    ['Reshape with 0 and -1', op('Reshape', ['a', 's'], ['b']), { initializers: [ints('s', [0, 4, -1, 2])] }],
    ['Reshape to the static shape', op('Reshape', ['a', 's'], ['b']), { shape: [1, 4], initializers: [ints('s', [1, 4])] }],
    ['Transpose', op('Transpose', ['a'], ['b'], { perm: makeInts([0, 1, 2, 3]) }), {}],
    ['Transpose without perm of a vector', op('Transpose', ['a'], ['b']), { shape: [4] }],
    ['Flatten', op('Flatten', ['a'], ['b']), { shape: ['n', 4] }],
    ['Pad, opset 17', op('Pad', ['a', 'p'], ['b']), { initializers: [ints('p', [0, 0, 0, 0, 0, 0, 0, 0])] }],
    ['Pad, opset 10', op('Pad', ['a'], ['b'], { pads: makeInts([0, 0, 0, 0, 0, 0, 0, 0]) }), { opset: 10 }],
    ['Slice to the end', op('Slice', ['a', 'p', 'e', 'p'], ['b']), { initializers: [ints('p', [0]), ints('e', [MAX])] }],
    ['Slice to the known size, opset 9', op('Slice', ['a'], ['b'], { starts: makeInts([0, 0]), ends: makeInts([4, 2]), axes: makeInts([1, -1]) }), { opset: 9 }],
    ['Concat of one', op('Concat', ['a'], ['b'], { axis: makeInt(1) }), {}],
    ['Sum of one', op('Sum', ['a'], ['b']), {}],
    ['Max of one', op('Max', ['a'], ['b']), {}],
    ['Squeeze of no axes', op('Squeeze', ['a', 'p'], ['b']), { initializers: [ints('p', [])] }],
    ['Expand', op('Expand', ['a', 'p'], ['b']), { initializers: [ints('p', [1, 1])] }],
    ['Tile', op('Tile', ['a', 'p'], ['b']), { initializers: [ints('p', [1, 1, 1, 1])] }],
    ['Add 0', op('Add', ['z', 'a'], ['b']), { initializers: [floatTensor('z', [4, 1, 1], new Float32Array(4))] }],
    ['Mul 1', op('Mul', ['a', 'z'], ['b']), { initializers: [floatTensor('z', [], Float32Array.of(1))] }],
    ['Sub 0', op('Sub', ['a', 'z'], ['b']), { initializers: [floatTensor('z', [1], Float32Array.of(0))] }],
    ['Div 1', op('Div', ['a', 'z'], ['b']), { initializers: [floatTensor('z', [1], Float32Array.of(1))] }],
    ['AveragePool of 1', op('AveragePool', ['a'], ['b'], { kernel_shape: makeInts([1, 1]) }), {}],
    ['GlobalAveragePool of 1', op('GlobalAveragePool', ['a'], ['b']), { shape: ['n', 4, 1, 1] }],
  ])('%s', async (_, node, spec) => {
    expect(await remains(node, spec)).toEqual([]);
  });
});

describe('keeps', () => {
  it.each<[string, NodeData, Case]>([
    ['Reshape that swaps equal sizes of an unknown one', op('Reshape', ['a', 's'], ['b']), { initializers: [ints('s', [4, -1, 2, 2])] }],
    ['Reshape to another rank', op('Reshape', ['a', 's'], ['b']), { initializers: [ints('s', [0, -1])] }],
    ['Transpose without perm of a matrix', op('Transpose', ['a'], ['b']), { shape: [2, 2] }],
    ['Flatten at axis 0', op('Flatten', ['a'], ['b'], { axis: makeInt(0) }), { shape: [1, 4] }],
    ['Flatten of more dimensions', op('Flatten', ['a'], ['b']), {}],
    ['Pad by one', op('Pad', ['a', 'p'], ['b']), { initializers: [ints('p', [0, 0, 0, 0, 0, 0, 0, 1])] }],
    ['Slice that reverses', op('Slice', ['a', 'p', 'e', 'z', 'p'], ['b']), { initializers: [ints('p', [-1]), ints('e', [-9]), ints('z', [0])] }],
    ['Slice of a part', op('Slice', ['a', 'p', 'e', 'one'], ['b']), { initializers: [ints('p', [0]), ints('e', [3]), ints('one', [1])] }],
    ['Squeeze without axes', op('Squeeze', ['a'], ['b']), { shape: [4, 1] }],
    ['Expand to a higher rank', op('Expand', ['a', 'p'], ['b']), { shape: [4], initializers: [ints('p', [1, 1])] }],
    ['Add 0 that broadcasts up', op('Add', ['a', 'z'], ['b']), { shape: [1, 4], initializers: [floatTensor('z', [3, 4], new Float32Array(12))] }],
    ['Add 0 that raises the rank', op('Add', ['a', 'z'], ['b']), { shape: [2, 4], initializers: [floatTensor('z', [1, 1, 1], new Float32Array(1))] }],
    ['Add of a sign', op('Add', ['a', 'z'], ['b']), { initializers: [randomTensor('z', [1])] }],
    ['Sub from 0', op('Sub', ['z', 'a'], ['b']), { initializers: [floatTensor('z', [1], Float32Array.of(0))] }],
    ['1 divided by', op('Div', ['z', 'a'], ['b']), { initializers: [floatTensor('z', [1], Float32Array.of(1))] }],
    ['AveragePool with stride', op('AveragePool', ['a'], ['b'], { kernel_shape: makeInts([1, 1]), strides: makeInts([2, 2]) }), {}],
    ['MaxPool with automatic padding', op('MaxPool', ['a'], ['b'], { kernel_shape: makeInts([1, 1]), auto_pad: makeString('SAME_UPPER') }), {}],
    ['Cast to double and back', op('Cast', ['a'], ['c'], { to: makeInt(DataType.DOUBLE) }), {}],
  ])('%s', async (_, node, spec) => {
    const nodes = node.outputs[0] === 'c' ? [node, op('Cast', ['c'], ['b'], { to: makeInt(DataType.FLOAT) })] : [node];
    const model = makeModel({ opset: spec.opset ?? 17, inputs: { x: spec.shape ?? ['n', 4, 2, 2] }, outputs: ['y'], initializers: spec.initializers ?? [], nodes: [op('Relu', ['x'], ['a']), ...nodes, op('Neg', ['b'], ['y'])] });
    const { ops } = await runAndCompare(model, ['remove-no-ops']);
    expect(ops.slice(1, -1)).toEqual(nodes.map((each) => each.opType));
  });

  it('a no-op between a graph input and a graph output', async () => {
    const model = makeModel({ inputs: { x: ['n', 4] }, outputs: ['y'], nodes: [op('Transpose', ['x'], ['y'], { perm: makeInts([0, 1]) })] });
    expect((await runAndCompare(model, ['remove-no-ops'])).ops).toEqual(['Transpose']);
  });

  it('a Cast whose input type only a stale declaration tells', async () => {
    const model = makeModel({ inputs: { x: [4] }, outputs: ['y'], types: { y: DataType.INT64 }, nodes: [op('Relu', ['x'], ['a']), op('Cast', ['a'], ['b'], { to: makeInt(DataType.INT64) }), op('Neg', ['b'], ['y'])] });
    model.graph.valueInfo.set('a', { name: 'a', elemType: DataType.INT64, shape: [4] });
    const { runPasses } = await import('./pipeline.ts');
    const { model: after } = await runPasses(model, ['remove-no-ops'], { clock: () => 0 });
    expect(after.graph.nodes).toHaveLength(3);
  });
});
