/** Hand-computed shapes, one table per family of operators. */
import { describe, expect, it } from 'vitest';
import { inferNode, type NodeCase } from '../../../../test/support/infer-node.ts';
import { DataType, type Shape } from '../types.ts';

type Row = readonly [string, NodeCase, ...(Shape | null)[]];

function table(name: string, rows: readonly Row[]): void {
  describe(name, () => {
    it.each(rows.map(([title, spec, ...expected]) => ({ title, spec, expected })))('$title', ({ spec, expected }) => {
      const { shapes, notes } = inferNode({ outputs: expected.length, ...spec });
      expect(shapes).toEqual(expected);
      expect(notes).toEqual([]);
    });
  });
}

const image: Shape = ['N', 3, 224, 224];

table('convolutions and pools', [
  ['Conv keeps the batch symbol', { op: 'Conv', inputs: [image, [64, 3, 7, 7]], attributes: { strides: [2, 2], pads: [3, 3, 3, 3] } }, ['N', 64, 112, 112]],
  ['Conv with symbolic height and width', { op: 'Conv', inputs: [['N', 3, 'h', 'w'], [8, 3, 3, 3]], attributes: { strides: [2, 2], pads: [1, 1, 1, 1] } }, ['N', 8, 'floor((h + 1)/2)', 'floor((w + 1)/2)']],
  ['Conv of the same size keeps symbols', { op: 'Conv', inputs: [['N', 3, 'h', 'w'], [8, 3, 3, 3]], attributes: { pads: [1, 1, 1, 1] } }, ['N', 8, 'h', 'w']],
  // reach of kernel 3, dilation 2 is 5: (10 - 5) / 1 + 1
  ['Conv with dilations', { op: 'Conv', inputs: [[1, 4, 10, 10], [4, 1, 3, 3]], attributes: { dilations: [2, 2], group: 4 } }, [1, 4, 6, 6]],
  ['Conv with uneven pads', { op: 'Conv', inputs: [[1, 1, 5, 7], [1, 1, 3, 3]], attributes: { pads: [1, 0, 0, 2] } }, [1, 1, 4, 7]],
  ['Conv SAME_UPPER', { op: 'Conv', inputs: [[1, 1, 7, 7], [1, 1, 3, 3]], attributes: { auto_pad: 'SAME_UPPER', strides: [2, 2] } }, [1, 1, 4, 4]],
  ['Conv VALID', { op: 'Conv', inputs: [[1, 1, 7, 7], [1, 1, 3, 3]], attributes: { auto_pad: 'VALID', strides: [2, 2] } }, [1, 1, 3, 3]],
  ['Conv in one dimension', { op: 'Conv', inputs: [[2, 4, 'l'], [8, 4, 1]] }, [2, 8, 'l']],
  ['Conv of unknown batch', { op: 'Conv', inputs: [[null, 3, 8, 8], [8, 3, 3, 3]] }, [null, 8, 6, 6]],
  // (3 - 1) * 2 + 3 + 1 - 1 - 1
  ['ConvTranspose', { op: 'ConvTranspose', inputs: [[1, 2, 3, 3], [2, 5, 3, 3]], attributes: { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] } }, [1, 5, 6, 6]],
  ['ConvTranspose groups and symbols', { op: 'ConvTranspose', inputs: [['N', 4, 'h', 'w'], [4, 3, 2, 2]], attributes: { strides: [2, 2], group: 2 } }, ['N', 6, '2*h', '2*w']],
  ['ConvTranspose output_shape', { op: 'ConvTranspose', inputs: [[1, 2, 3, 3], [2, 1, 3, 3]], attributes: { strides: [3, 2], output_shape: [10, 8] } }, [1, 1, 10, 8]],
  ['MaxPool floor', { op: 'MaxPool', inputs: [[1, 64, 112, 112]], attributes: { kernel_shape: [3, 3], strides: [2, 2] } }, [1, 64, 55, 55], [1, 64, 55, 55]],
  ['MaxPool ceil', { op: 'MaxPool', inputs: [[1, 64, 112, 112]], attributes: { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 } }, [1, 64, 56, 56]],
  // ceil((5 + 2 - 2) / 3) + 1 = 3, but the third window would start at 6 = 5 + 1: in the right padding, so 2
  ['MaxPool ceil whose last window starts in the padding', { op: 'MaxPool', inputs: [[1, 1, 5, 5]], attributes: { kernel_shape: [2, 2], strides: [3, 3], pads: [1, 1, 1, 1], ceil_mode: 1 } }, [1, 1, 2, 2]],
  ['AveragePool ceil of a symbol', { op: 'AveragePool', inputs: [[1, 1, 'h', 8]], attributes: { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 } }, [1, 1, 'floor((h + 1)/2)', 4]],
  ['GlobalAveragePool', { op: 'GlobalAveragePool', inputs: [['N', 512, 'h', 'w']] }, ['N', 512, 1, 1]],
  ['FusedConv', { op: 'FusedConv', domain: 'com.microsoft', inputs: [image, [8, 3, 3, 3]] }, ['N', 8, 222, 222]],
]);

table('elementwise', [
  ['Add broadcasts', { op: 'Add', inputs: [['N', 3, 1, 5], [4, 1]] }, ['N', 3, 4, 5]],
  ['Add of equal symbols', { op: 'Add', inputs: [['N', 'h'], ['N', 'h']] }, ['N', 'h']],
  ['Add of a number and a symbol', { op: 'Add', inputs: [['N', 8], ['N', 'h']] }, ['N', 8]],
  ['Add of two symbols is the larger', { op: 'Add', inputs: [['a'], ['b']] }, ['max(a, b)']],
  ['Mul with an empty tensor', { op: 'Mul', inputs: [[0, 3], [1, 3]] }, [0, 3]],
  ['Relu', { op: 'Relu', inputs: [['N', 'h']] }, ['N', 'h']],
  ['PRelu keeps the first shape', { op: 'PRelu', inputs: [[1, 8, 4, 4], [8, 1, 1]] }, [1, 8, 4, 4]],
  ['Where', { op: 'Where', inputs: [[3, 1], ['N', 1, 4], [1]] }, ['N', 3, 4]],
  ['Dropout', { op: 'Dropout', inputs: [['N', 4]] }, ['N', 4], ['N', 4]],
]);

table('matrix products', [
  ['MatMul with batches', { op: 'MatMul', inputs: [['N', 12, 's', 64], ['N', 12, 64, 's']] }, ['N', 12, 's', 's']],
  ['MatMul by a weight', { op: 'MatMul', inputs: [['N', 's', 768], [768, 3072]] }, ['N', 's', 3072]],
  ['MatMul of vectors', { op: 'MatMul', inputs: [[7], [7]] }, []],
  ['MatMul of a matrix and a vector', { op: 'MatMul', inputs: [[2, 3, 7], [7]] }, [2, 3]],
  ['Gemm transposed', { op: 'Gemm', inputs: [[20, 'N'], [10, 20], [10]], attributes: { transA: 1, transB: 1 } }, ['N', 10]],
  ['Einsum', { op: 'Einsum', inputs: [['b', 'i', 4], ['b', 4, 6]], attributes: { equation: 'bij, bjk -> bik' } }, ['b', 'i', 6]],
  ['Einsum with an ellipsis, implicit output', { op: 'Einsum', inputs: [[2, 3, 4, 4]], attributes: { equation: '...ii' } }, [2, 3]],
  ['MatMulNBits', { op: 'MatMulNBits', domain: 'com.microsoft', inputs: [['N', 's', 64], [32, 2, 16], [64]], attributes: { K: 64, N: 32, bits: 4, block_size: 32 } }, ['N', 's', 32]],
]);

table('movement', [
  ['Reshape to [batch, -1]', { op: 'Reshape', inputs: [['N', 512, 7, 7], { ints: [0, -1] }] }, ['N', 25088]],
  ['Reshape to [-1, n]', { op: 'Reshape', inputs: [['N', 512, 7, 7], { ints: [-1, 25088] }] }, ['N', 25088]],
  ['Reshape folds symbols', { op: 'Reshape', inputs: [['N', 's', 768], { ints: [-1, 768] }] }, ['N*s', 768]],
  ['Reshape of an unknown size', { op: 'Reshape', inputs: [[null, 4, 2], { ints: [0, -1] }] }, [null, 8]],
  ['Reshape allowzero', { op: 'Reshape', inputs: [[0, 4], { ints: [3, 0] }], attributes: { allowzero: 1 }, opset: 14 }, [3, 0]],
  ['Reshape by a graph input knows the rank', { op: 'Reshape', inputs: [[2, 3], { elemType: DataType.INT64, shape: [3] }] }, [null, null, null]],
  ['Transpose', { op: 'Transpose', inputs: [['N', 3, 'h', 'w']], attributes: { perm: [0, 2, 3, 1] } }, ['N', 'h', 'w', 3]],
  ['Transpose by default reverses', { op: 'Transpose', inputs: [[1, 2, 3]] }, [3, 2, 1]],
  ['Squeeze, axes as attribute', { op: 'Squeeze', inputs: [['N', 1, 5, 1]], attributes: { axes: [-1] }, opset: 11 }, ['N', 1, 5]],
  ['Squeeze, axes as input', { op: 'Squeeze', inputs: [['N', 1, 5, 1], { ints: [1, 3] }], opset: 13 }, ['N', 5]],
  ['Squeeze without axes', { op: 'Squeeze', inputs: [[2, 1, 5, 1]] }, [2, 5]],
  ['Unsqueeze, axes as attribute', { op: 'Unsqueeze', inputs: [['N', 5]], attributes: { axes: [0, 3] }, opset: 11 }, [1, 'N', 5, 1]],
  ['Unsqueeze, axes as input', { op: 'Unsqueeze', inputs: [['N', 5], { ints: [-1] }], opset: 13 }, ['N', 5, 1]],
  ['Flatten', { op: 'Flatten', inputs: [['N', 64, 7, 7]] }, ['N', 3136]],
  ['Flatten at 0', { op: 'Flatten', inputs: [['N', 2]], attributes: { axis: 0 } }, [1, '2*N']],
  ['Expand', { op: 'Expand', inputs: [['N', 1, 4], { ints: [1, 3, 1] }] }, ['N', 3, 4]],
  ['Tile', { op: 'Tile', inputs: [['N', 3], { ints: [2, 4] }] }, ['2*N', 12]],
  ['DepthToSpace', { op: 'DepthToSpace', inputs: [['N', 12, 'h', 5]], attributes: { blocksize: 2 } }, ['N', 3, '2*h', 10]],
  ['SpaceToDepth', { op: 'SpaceToDepth', inputs: [[1, 3, 416, 416]], attributes: { blocksize: 2 } }, [1, 12, 208, 208]],
]);

table('slicing', [
  ['Slice, attributes', { op: 'Slice', inputs: [['N', 10, 8]], attributes: { axes: [1, 2], starts: [2, -3], ends: [2 ** 62, -1] }, opset: 9 }, ['N', 8, 2]],
  ['Slice, inputs with steps', { op: 'Slice', inputs: [[1, 3, 416, 416], { ints: [1] }, { ints: [2 ** 31 - 1] }, { ints: [2] }, { ints: [2] }] }, [1, 3, 208, 416]],
  ['Slice every second of a symbol', { op: 'Slice', inputs: [['N', 'h'], { ints: [0] }, { ints: [2 ** 62] }, { ints: [1] }, { ints: [2] }] }, ['N', 'floor((h + 1)/2)']],
  ['Slice backwards', { op: 'Slice', inputs: [[7], { ints: [-1] }, { ints: [-(2 ** 62)] }, { ints: [0] }, { ints: [-2] }] }, [4]],
  ['Slice beyond the end', { op: 'Slice', inputs: [[7], { ints: [9] }, { ints: [20] }] }, [0]],
  ['Slice of a symbol that may be shorter is unknown', { op: 'Slice', inputs: [['s'], { ints: [0] }, { ints: [5] }] }, [null]],
  ['Gather', { op: 'Gather', inputs: [[30522, 768], { elemType: DataType.INT64, shape: ['N', 's'] }] }, ['N', 's', 768]],
  ['Gather along an axis by a scalar', { op: 'Gather', inputs: [['N', 's', 768], { ints: [0], dims: [] }], attributes: { axis: 1 } }, ['N', 768]],
  ['GatherND', { op: 'GatherND', inputs: [[2, 3, 4], { elemType: DataType.INT64, shape: [5, 2] }] }, [5, 4]],
  ['Concat', { op: 'Concat', inputs: [['N', 64, 'h', 'w'], ['N', 32, 'h', 'w']], attributes: { axis: 1 } }, ['N', 96, 'h', 'w']],
  ['Concat of symbols', { op: 'Concat', inputs: [['N', 'a'], ['N', 'b'], ['N', 1]], attributes: { axis: -1 } }, ['N', 'a + b + 1']],
  ['Split, attribute', { op: 'Split', inputs: [['N', 6]], attributes: { axis: 1, split: [2, 4] }, opset: 11 }, ['N', 2], ['N', 4]],
  ['Split, input', { op: 'Split', inputs: [['N', 6], { ints: [1, 5] }], attributes: { axis: 1 }, opset: 13 }, ['N', 1], ['N', 5]],
  ['Split in equal parts of a symbol', { op: 'Split', inputs: [['N', 6]], opset: 13 }, [null, 6], [null, 6]],
  ['Split unevenly from opset 18 on', { op: 'Split', inputs: [[7, 2]], attributes: { num_outputs: 3 }, opset: 18 }, [3, 2], [3, 2], [1, 2]],
  ['Pad, attribute', { op: 'Pad', inputs: [['N', 3, 5, 5]], attributes: { pads: [0, 0, 1, 1, 0, 0, 2, 2] }, opset: 2 }, ['N', 3, 8, 8]],
  ['Pad, input', { op: 'Pad', inputs: [['N', 3, 'h', 5], { ints: [0, 0, 1, 1, 0, 0, 2, -2] }], opset: 11 }, ['N', 3, 'h + 3', 4]],
  ['Pad, axes', { op: 'Pad', inputs: [[1, 3, 5, 5], { ints: [1, 2] }, null, { ints: [-1] }], opset: 18 }, [1, 3, 5, 8]],
]);

table('resize', [
  ['Upsample 9', { op: 'Upsample', inputs: [['N', 3, 4, 'w'], { floats: [1, 1, 2, 2] }], opset: 9 }, ['N', 3, 8, '2*w']],
  ['Upsample 7', { op: 'Upsample', inputs: [[1, 3, 4, 4]], attributes: { scales: { kind: 'floats', value: [1, 1, 2, 2] } }, opset: 7 }, [1, 3, 8, 8]],
  ['Resize 10', { op: 'Resize', inputs: [[1, 3, 4, 4], { floats: [1, 1, 0.5, 0.6] }], opset: 10 }, [1, 3, 2, 2]],
  ['Resize 11 by scales', { op: 'Resize', inputs: [['N', 3, 'h', 5], null, { floats: [1, 1, 2, 1.5] }], opset: 11 }, ['N', 3, '2*h', 7]],
  ['Resize 13 by sizes', { op: 'Resize', inputs: [['N', 3, 4, 5], null, null, { ints: [1, 3, 9, 11] }], opset: 13 }, [1, 3, 9, 11]],
  ['Resize 18 with axes', { op: 'Resize', inputs: [['N', 3, 4, 5], null, null, { ints: [9, 11] }], attributes: { axes: [2, 3] }, opset: 18 }, ['N', 3, 9, 11]],
  ['Resize 18 not larger', { op: 'Resize', inputs: [[1, 1, 2, 4], null, null, { ints: [7, 8] }], attributes: { axes: [2, 3], keep_aspect_ratio_policy: 'not_larger' }, opset: 18 }, [1, 1, 4, 8]],
  ['Resize 18 not smaller', { op: 'Resize', inputs: [[1, 1, 2, 4], null, null, { ints: [7, 8] }], attributes: { axes: [2, 3], keep_aspect_ratio_policy: 'not_smaller' }, opset: 18 }, [1, 1, 7, 14]],
]);

table('reductions', [
  ['ReduceMean, axes as attribute', { op: 'ReduceMean', inputs: [['N', 64, 7, 7]], attributes: { axes: [2, 3] }, opset: 13 }, ['N', 64, 1, 1]],
  ['ReduceMean, axes as input', { op: 'ReduceMean', inputs: [['N', 64, 7, 7], { ints: [-1, -2] }], attributes: { keepdims: 0 }, opset: 18 }, ['N', 64]],
  ['ReduceSum 13', { op: 'ReduceSum', inputs: [['N', 's', 4], { ints: [1] }], opset: 13 }, ['N', 1, 4]],
  ['ReduceMax of everything', { op: 'ReduceMax', inputs: [['N', 4]], attributes: { keepdims: 0 } }, []],
  ['ReduceSum without axes, noop', { op: 'ReduceSum', inputs: [['N', 4]], attributes: { noop_with_empty_axes: 1 } }, ['N', 4]],
  ['ArgMax', { op: 'ArgMax', inputs: [['N', 1000]], attributes: { axis: -1, keepdims: 0 } }, ['N']],
  ['TopK, attribute', { op: 'TopK', inputs: [['N', 1000]], attributes: { k: 5 }, opset: 9 }, ['N', 5], ['N', 5]],
  ['TopK, input', { op: 'TopK', inputs: [['N', 1000], { ints: [5] }] }, ['N', 5], ['N', 5]],
]);

table('normalization and recurrence', [
  ['BatchNormalization', { op: 'BatchNormalization', inputs: [image, [3], [3], [3], [3]] }, image],
  ['LayerNormalization', { op: 'LayerNormalization', inputs: [['N', 's', 768], [768]] }, ['N', 's', 768], ['N', 's', 1]],
  ['Softmax', { op: 'Softmax', inputs: [['N', 's']] }, ['N', 's']],
  ['LSTM', { op: 'LSTM', inputs: [['t', 'N', 10], [2, 80, 10], [2, 80, 20]], attributes: { hidden_size: 20, direction: 'bidirectional' } }, ['t', 2, 'N', 20], [2, 'N', 20], [2, 'N', 20]],
  ['Attention', { op: 'Attention', inputs: [['N', 's', 64], ['N', 't', 64], ['N', 't', 32]], attributes: { q_num_heads: 4, kv_num_heads: 4 }, opset: 23 }, ['N', 's', 32]],
]);

describe('element types', () => {
  it.each([
    ['Equal', { op: 'Equal', inputs: [['N'], ['N']] }, DataType.BOOL],
    ['Shape', { op: 'Shape', inputs: [['N']] }, DataType.INT64],
    ['Cast', { op: 'Cast', inputs: [['N']], attributes: { to: DataType.FLOAT16 } }, DataType.FLOAT16],
    ['ArgMin', { op: 'ArgMin', inputs: [['N', 2]] }, DataType.INT64],
    ['QuantizeLinear without a zero point', { op: 'QuantizeLinear', inputs: [['N', 2], []] }, DataType.UINT8],
    ['QuantizeLinear with one', { op: 'QuantizeLinear', inputs: [['N', 2], [], { elemType: DataType.INT8, shape: [] }] }, DataType.INT8],
    ['DequantizeLinear takes the type of its scale', { op: 'DequantizeLinear', inputs: [{ elemType: DataType.INT8, shape: [4] }, { elemType: DataType.FLOAT16, shape: [] }] }, DataType.FLOAT16],
    ['ConvInteger', { op: 'ConvInteger', inputs: [{ elemType: DataType.UINT8, shape: [1, 1, 4, 4] }, { elemType: DataType.INT8, shape: [1, 1, 3, 3] }] }, DataType.INT32],
    ['Where takes its branches', { op: 'Where', inputs: [{ elemType: DataType.BOOL, shape: [1] }, [2], [2]] }, DataType.FLOAT],
  ] as const)('%s', (_, spec, expected) => {
    expect(inferNode(spec).types[0]).toBe(expected);
  });
});

describe('contradictions become notes, never errors', () => {
  it.each<[string, NodeCase, RegExp]>([
    ['broadcast', { op: 'Add', inputs: [[2], [3]] }, /do not broadcast/],
    ['inner sizes', { op: 'MatMul', inputs: [[2, 3], [4, 5]] }, /inner sizes 3 and 4/],
    ['channels', { op: 'Conv', inputs: [[1, 3, 8, 8], [4, 5, 3, 3]] }, /3 channels/],
    ['kernel larger than the input', { op: 'Conv', inputs: [[1, 3, 2, 2], [4, 3, 5, 5]] }, /would have the size/],
    ['elements', { op: 'Reshape', inputs: [[2, 3], { ints: [4, 2] }] }, /6 elements/],
    ['axis out of range', { op: 'ReduceMean', inputs: [[2, 3]], attributes: { axes: [5] }, opset: 13 }, /do not fit rank 2/],
    ['perm', { op: 'Transpose', inputs: [[2, 3]], attributes: { perm: [0, 0] } }, /does not order/],
    ['attribute of the wrong kind', { op: 'Flatten', inputs: [[2, 3]], attributes: { axis: 'one' } }, /should be an integer/],
    ['split', { op: 'Split', inputs: [[6], { ints: [1, 2] }], outputs: 2 }, /do not make 6/],
  ])('%s', (_, spec, message) => {
    expect(inferNode(spec).notes.join('\n')).toMatch(message);
  });

  it.each(['Conv', 'Reshape', 'Slice', 'Gather', 'Concat', 'Split', 'Resize', 'Pad', 'Gemm', 'MatMul', 'Loop', 'If', 'LSTM', 'Einsum', 'TopK', 'QLinearConv', 'Expand'])(
    '%s without any inputs',
    (op) => {
      expect(() => inferNode({ op, inputs: [] })).not.toThrow();
    },
  );
});
