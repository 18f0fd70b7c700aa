import { describe, expect, it } from 'vitest';
import { inferGraph, inferNode, plainGraph, plainModel, plainNode as node } from '../../../../test/support/infer-node.ts';
import { makeTensorAttribute } from '../attributes.ts';
import { floatTensor, int64Tensor } from '../tensor.ts';
import { DataType } from '../types.ts';
import { inferShapes } from './infer.ts';

const graphAttribute = (graph: ReturnType<typeof plainGraph>): { kind: 'graph'; value: ReturnType<typeof plainGraph> } => ({ kind: 'graph', value: graph });

describe('shape data', () => {
  it('follows sizes from Shape to Reshape, as exporters write x.view(x.size(0), -1)', () => {
    const map = inferGraph({
      inputs: { x: ['N', 64, 7, 7] },
      constants: [int64Tensor('zero', [], [0]), int64Tensor('rest', [1], [-1]), int64Tensor('axes', [1], [0])],
      nodes: [
        node('Shape', ['x'], ['shape']),
        node('Gather', ['shape', 'zero'], ['batch'], { axis: 0 }),
        node('Unsqueeze', ['batch', 'axes'], ['batch1']),
        node('Concat', ['batch1', 'rest'], ['target'], { axis: 0 }),
        node('Reshape', ['x', 'target'], ['y']),
      ],
    });
    expect(map.data('target')).toEqual(['N', -1]);
    expect(map.get('y')).toEqual({ elemType: DataType.FLOAT, shape: ['N', 3136] });
  });

  it('follows float arithmetic on sizes to Resize, as opset 10 exporters write F.interpolate', () => {
    const map = inferGraph(
      {
        inputs: { x: ['N', 8, 'h', 20] },
        constants: [
          int64Tensor('from', [1], [2]), int64Tensor('to', [1], [4]), int64Tensor('axis', [1], [0]), floatTensor('two', [1], Float32Array.of(2)), int64Tensor('head', [2], [1, 8]),
        ],
        nodes: [
          node('Shape', ['x'], ['shape']),
          node('Slice', ['shape', 'from', 'to', 'axis'], ['hw']),
          node('Cast', ['hw'], ['hwFloat'], { to: DataType.FLOAT }),
          node('Mul', ['hwFloat', 'two'], ['scaled']),
          node('Floor', ['scaled'], ['whole']),
          node('Cast', ['whole'], ['sizesHw'], { to: DataType.INT64 }),
          node('Concat', ['head', 'sizesHw'], ['sizes'], { axis: 0 }),
          node('Resize', ['x', '', '', 'sizes'], ['y']),
        ],
      },
      13,
    );
    expect(map.get('y')?.shape).toEqual([1, 8, '2*h', 40]);
  });

  it('follows the pads that PyTorch computes for F.pad through rank 2', () => {
    const map = inferGraph({
      inputs: { x: [1, 3, 10, 10] },
      constants: [
        int64Tensor('given', [4], [1, 2, 3, 4]), int64Tensor('zeros', [4], [0, 0, 0, 0]), int64Tensor('pairs', [2], [-1, 2]),
        int64Tensor('last', [1], [-1]), int64Tensor('first', [1], [-9007199254740991n]), int64Tensor('axis0', [1], [0]), int64Tensor('flat', [1], [-1]),
      ],
      nodes: [
        node('Concat', ['given', 'zeros'], ['all'], { axis: 0 }),
        node('Reshape', ['all', 'pairs'], ['grid']),
        node('Slice', ['grid', 'last', 'first', 'axis0', 'last'], ['reversed']),
        node('Transpose', ['reversed'], ['turned'], { perm: [1, 0] }),
        node('Reshape', ['turned', 'flat'], ['pads']),
        node('Pad', ['x', 'pads'], ['y']),
      ],
    });
    expect(map.data('pads')).toEqual([0, 0, 3, 1, 0, 0, 4, 2]);
    expect(map.get('y')?.shape).toEqual([1, 3, 17, 13]);
  });

  it.each([
    ['Add', [{ ints: [2, 3] }, { ints: [10] }], [12, 13]],
    ['Sub', [{ ints: [2, 3] }, { ints: [1] }], [1, 2]],
    ['Mul', [{ ints: [2, 3] }, { ints: [4] }], [8, 12]],
    ['Div truncates', [{ ints: [7, -7] }, { ints: [2] }], [3, -3]],
    ['Div by zero is unknown', [{ ints: [7] }, { ints: [0] }], [null]],
    ['Min', [{ ints: [2, 9] }, { ints: [5] }], [2, 5]],
    ['Max', [{ ints: [2, 9] }, { ints: [5] }], [5, 9]],
    ['Range', [{ ints: [1], dims: [] }, { ints: [7], dims: [] }, { ints: [2], dims: [] }], [1, 3, 5]],
    ['ReduceProd', [{ ints: [2, 3, 4] }], [24]],
    ['Equal', [{ ints: [1, 2] }, { ints: [1, 3] }], [1, 0]],
    ['Neg', [{ ints: [4] }], [-4]],
    ['Squeeze', [{ ints: [4] }], [4]],
    ['Tile', [{ ints: [4, 5] }, { ints: [2] }], [4, 5, 4, 5]],
    ['Expand', [{ ints: [4] }, { ints: [3] }], [4, 4, 4]],
    ['Gather', [{ ints: [4, 5, 6] }, { ints: [-1, 0] }], [6, 4]],
  ])('%s computes on constants', (title, inputs, expected) => {
    expect(inferNode({ op: title.split(' ')[0] as string, inputs }).data[0]).toEqual(expected);
  });

  it('is bounded: long lists are not followed', () => {
    const map = inferGraph({ constants: [int64Tensor('many', [65], Array.from({ length: 65 }, () => 1))], nodes: [node('Identity', ['many'], ['y'])] });
    expect(map.data('y')).toBeNull();
    expect(map.get('y')?.shape).toEqual([65]);
  });
});

describe('what is trusted', () => {
  const relu = [node('Relu', ['x'], ['y'])];

  it('takes inferred sizes before declared ones, and says that they differ', () => {
    const map = inferGraph({ inputs: { x: ['N', 8] }, nodes: relu, outputs: [{ name: 'y', elemType: DataType.FLOAT, shape: [1, 9] }] });
    expect(map.get('y')?.shape).toEqual(['N', 8]);
    expect(map.notes.join()).toMatch(/"y" is declared as \[1, 9\]/);
  });

  it('keeps a symbolic batch over a stale number that a file declares', () => {
    const map = inferGraph({ inputs: { x: [null, 8] }, nodes: relu, valueInfo: [{ name: 'y', elemType: DataType.FLOAT, shape: [1, 8] }] });
    expect(map.get('y')?.shape).toEqual([null, 8]);
    expect(map.notes).toEqual([]);
  });

  it('takes the declaration of an operator that it does not know', () => {
    const map = inferGraph({
      inputs: { x: ['N', 8] },
      nodes: [node('Fancy', ['x'], ['m'], {}, 'com.example'), node('Relu', ['m'], ['y'])],
      valueInfo: [{ name: 'm', elemType: DataType.FLOAT16, shape: ['N', 4] }],
    });
    expect(map.get('y')).toEqual({ elemType: DataType.FLOAT16, shape: ['N', 4] });
    expect(map.unknownOperators).toEqual(['com.example:Fancy']);
    expect(inferGraph({ inputs: { x: ['N', 8] }, nodes: [node('Fancy', ['x'], ['m'])] }).get('m')).toBeUndefined();
  });

  it('does not take the elements of an initializer that a caller may replace', () => {
    const graph = { inputs: { x: [2, 6], shape: { elemType: DataType.INT64, shape: [2] } }, constants: [int64Tensor('shape', [2], [3, 4])], nodes: [node('Reshape', ['x', 'shape'], ['y'])] };
    expect(inferShapes(plainModel(graph, 17, 8)).get('y')?.shape).toEqual([null, null]);
    expect(inferShapes(plainModel(graph, 17, 8), { assumeDefaults: true }).get('y')?.shape).toEqual([3, 4]);
    // Before IR 4 every initializer had to be listed as an input and is a constant.
    expect(inferShapes(plainModel(graph, 8, 3)).get('y')?.shape).toEqual([3, 4]);
  });

  it('keeps unnamed dimensions apart from each other and equal to themselves', () => {
    const map = inferGraph({ inputs: { x: [null, 4], z: [null, 4] }, constants: [int64Tensor('s', [2], [-1, 2])], nodes: [node('Reshape', ['x', 's'], ['y']), node('Add', ['x', 'z'], ['sum'])] });
    expect(map.get('y')?.shape).toEqual([null, 2]);
    const bound = map.bind(new Map([['x:0', 3], ['z:0', 1]]));
    expect(bound.get('y')?.shape).toEqual([6, 2]);
    expect(bound.get('sum')?.shape).toEqual([3, 4]);
  });
});

describe('graphs in odd order and nested', () => {
  it('sorts nodes and survives a cycle', () => {
    const map = inferGraph({ inputs: { x: ['N', 4] }, nodes: [node('Relu', ['a'], ['b']), node('Relu', ['x'], ['a']), node('Add', ['c', 'x'], ['d']), node('Relu', ['d'], ['c'])] });
    expect(map.get('b')?.shape).toEqual(['N', 4]);
    expect(map.get('c')?.shape ?? null).toBeNull();
  });

  it('keeps of an If what both branches agree on, or the branch that a constant chooses', () => {
    const branch = (op: string): ReturnType<typeof plainGraph> =>
      plainGraph({ nodes: [node(op, ['x'], ['r'])], outputs: [{ name: 'r', elemType: 0, shape: null }] });
    const nodes = [node('If', ['c'], ['y'], { then_branch: graphAttribute(branch('Relu')), else_branch: graphAttribute(branch('GlobalMaxPool')) })];
    const x = ['N', 3, 8, 8] as const;
    expect(inferGraph({ inputs: { x, c: { elemType: DataType.BOOL, shape: [] } }, nodes }).get('y')).toEqual({ elemType: DataType.FLOAT, shape: ['N', 3, null, null] });
    const constant = node('Constant', [], ['c'], { value: makeTensorAttribute({ name: '', dataType: DataType.BOOL, dims: [], payload: { kind: 'raw', bytes: Uint8Array.of(0) } }) });
    expect(inferGraph({ inputs: { x }, nodes: [constant, ...nodes] }).get('y')?.shape).toEqual(['N', 3, 1, 1]);
  });

  it('keeps of a Loop what every round leaves as it is', () => {
    const body = plainGraph({
      inputs: { i: { elemType: DataType.INT64, shape: [] }, go: { elemType: DataType.BOOL, shape: [] }, grows: { elemType: DataType.FLOAT, shape: null }, stays: { elemType: DataType.FLOAT, shape: null } },
      nodes: [node('Concat', ['grows', 'stays'], ['grown'], { axis: 0 }), node('Relu', ['stays'], ['kept']), node('Identity', ['go'], ['on'])],
      outputs: ['on', 'grown', 'kept', 'kept'].map((name) => ({ name, elemType: 0, shape: null })),
    });
    const map = inferGraph({
      inputs: { n: { elemType: DataType.INT64, shape: [] }, a: [1, 4], b: [2, 4] },
      nodes: [node('Loop', ['n', '', 'a', 'b'], ['grown', 'kept', 'scanned'], { body: graphAttribute(body) })],
    });
    expect(map.get('grown')?.shape).toEqual([null, 4]);
    expect(map.get('kept')?.shape).toEqual([2, 4]);
    expect(map.get('scanned')?.shape).toEqual([null, 2, 4]);
  });

  it('stops at deep nesting', () => {
    const leaf = plainGraph({ nodes: [node('Relu', ['x'], ['r'])], outputs: [{ name: 'r', elemType: 0, shape: null }] });
    let inner = leaf;
    for (let depth = 0; depth < 40; depth++) {
      inner = plainGraph({ nodes: [node('If', ['c'], ['r'], { then_branch: graphAttribute(inner), else_branch: graphAttribute(leaf) })], outputs: [{ name: 'r', elemType: 0, shape: null }] });
    }
    const map = inferGraph({ inputs: { x: [1], c: { elemType: DataType.BOOL, shape: [] } }, nodes: inner.nodes });
    expect(map.get('r')).toBeUndefined();
  });
});
