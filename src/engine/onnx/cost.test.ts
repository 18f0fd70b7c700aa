import { describe, expect, it } from 'vitest';
import { plainGraph, plainModel, plainNode as node, type PlainGraph } from '../../../test/support/infer-node.ts';
import { makeTensorAttribute } from './attributes.ts';
import { modelCost, type ModelCost } from './cost.ts';
import { inferShapes } from './shapes/infer.ts';
import { floatTensor, int64Tensor, makeTensor } from './tensor.ts';
import { DataType, type Tensor } from './types.ts';

function costOf(graph: PlainGraph): ModelCost {
  const model = plainModel(graph);
  return modelCost(model, inferShapes(model));
}

const zeros = (name: string, ...dims: number[]): Tensor => floatTensor(name, dims, new Float32Array(dims.reduce((a, b) => a * b, 1)));
const bytes = (name: string, dataType: number, ...dims: number[]): Tensor => makeTensor(name, dataType, dims, new Uint8Array(dims.reduce((a, b) => a * b, 1)));

describe('multiply-adds, by hand', () => {
  it.each<[string, PlainGraph, number]>([
    // 64 x 112 x 112 outputs, 3 x 7 x 7 each
    ['Conv', { inputs: { x: [1, 3, 224, 224] }, constants: [zeros('w', 64, 3, 7, 7)], nodes: [node('Conv', ['x', 'w'], ['y'], { strides: [2, 2], pads: [3, 3, 3, 3] })] }, 118_013_952],
    // 8 x 10 x 10 outputs, 9 each
    ['depthwise Conv', { inputs: { x: [1, 8, 10, 10] }, constants: [zeros('w', 8, 1, 3, 3)], nodes: [node('Conv', ['x', 'w'], ['y'], { group: 8, pads: [1, 1, 1, 1] })] }, 7200],
    // 2 x 3 x 3 inputs, 5 x 2 x 2 each
    ['ConvTranspose', { inputs: { x: [1, 2, 3, 3] }, constants: [zeros('w', 2, 5, 2, 2)], nodes: [node('ConvTranspose', ['x', 'w'], ['y'], { strides: [2, 2] })] }, 360],
    ['Gemm', { inputs: { x: [4, 20] }, constants: [zeros('w', 10, 20)], nodes: [node('Gemm', ['x', 'w'], ['y'], { transB: 1 })] }, 800],
    ['MatMul with a batch', { inputs: { a: [2, 12, 7, 64], b: [2, 12, 64, 7] }, nodes: [node('MatMul', ['a', 'b'], ['y'])] }, 2 * 12 * 7 * 7 * 64],
    ['MatMulNBits', { inputs: { x: [1, 5, 64] }, constants: [bytes('w', DataType.UINT8, 32, 2, 16), zeros('s', 64)], nodes: [node('MatMulNBits', ['x', 'w', 's'], ['y'], { K: 64, N: 32, bits: 4, block_size: 32 }, 'com.microsoft')] }, 5 * 64 * 32],
    [
      'QLinearConv',
      {
        inputs: { x: { elemType: DataType.UINT8, shape: [1, 3, 8, 8] } },
        constants: [zeros('s'), bytes('z', DataType.UINT8), bytes('w', DataType.INT8, 4, 3, 3, 3), bytes('wz', DataType.INT8)],
        nodes: [node('QLinearConv', ['x', 's', 'z', 'w', 's', 'wz', 's', 'z'], ['y'])],
      },
      4 * 36 * 27,
    ],
    // 5 steps, batch 2: W 4 x 20 x 10, R 4 x 20 x 20
    ['LSTM', { inputs: { x: [5, 2, 10] }, constants: [zeros('w', 1, 80, 10), zeros('r', 1, 80, 20)], nodes: [node('LSTM', ['x', 'w', 'r'], ['y'], { hidden_size: 20 })] }, 10 * 2400],
    ['Relu', { inputs: { x: [1, 100] }, nodes: [node('Relu', ['x'], ['y'])] }, 0],
  ])('%s', (_, graph, expected) => {
    const cost = costOf(graph);
    expect(cost.macs).toBe(expected);
    expect(cost.layers.map((layer) => layer.macs)).toEqual([expected]);
  });

  it('counts one sample of a symbolic batch and says so', () => {
    const cost = costOf({ inputs: { x: ['batch', 20] }, constants: [zeros('w', 20, 10)], nodes: [node('MatMul', ['x', 'w'], ['y'])] });
    expect(cost.macs).toBe(200);
    expect(cost.layers[0]).toMatchObject({ outputShape: ['batch', 10], activationBytes: 40, parameters: 200 });
    expect(cost.warnings).toEqual(['Counted for one sample: "batch" taken as 1.']);
  });

  it('counts one sample where the batch has no name and is folded into another dimension', () => {
    const cost = costOf({ inputs: { x: [null, 4, 20] }, constants: [int64Tensor('s', [2], [-1, 20]), zeros('w', 20, 10)], nodes: [node('Reshape', ['x', 's'], ['r']), node('MatMul', ['r', 'w'], ['y'])] });
    expect(cost.macs).toBe(800);
  });

  it('says null, not 0, where a size is not known', () => {
    const cost = costOf({ inputs: { x: [1, 3, 'h', 'w'] }, constants: [zeros('k', 8, 3, 3, 3)], nodes: [node('Conv', ['x', 'k'], ['y'])] });
    expect(cost.layers[0]).toMatchObject({ macs: null, activationBytes: null, outputShape: [1, 8, 'h - 2', 'w - 2'] });
    expect(cost.warnings.join()).toMatch(/lower bound: not counted are 1 Conv/);
  });

  it('says null for a foreign operator and for a branch that holds a convolution', () => {
    const branch = plainGraph({ nodes: [node('MatMul', ['x', 'x'], ['r'])], outputs: [{ name: 'r', elemType: 0, shape: null }] });
    const cost = costOf({
      inputs: { x: [2, 2], c: { elemType: DataType.BOOL, shape: [] } },
      nodes: [node('If', ['c'], ['y'], { then_branch: { kind: 'graph', value: branch }, else_branch: { kind: 'graph', value: branch } }), node('Fancy', ['y'], ['z'], {}, 'com.example')],
    });
    expect(cost.layers.map((layer) => layer.macs)).toEqual([null, null]);
    expect(cost.layers[1]?.op).toBe('com.example.Fancy');
  });
});

describe('parameters', () => {
  it('count once, at the first layer that reads them', () => {
    const cost = costOf({ inputs: { x: [1, 4] }, constants: [zeros('w', 4, 4), zeros('b', 4)], nodes: [node('MatMul', ['x', 'w'], ['a']), node('Add', ['a', 'b'], ['c']), node('MatMul', ['c', 'w'], ['y'])] });
    expect(cost.parameters).toBe(20);
    expect(cost.layers.map((layer) => layer.parameters)).toEqual([16, 4, 0]);
  });

  it('reach through DequantizeLinear to the layer that computes with them', () => {
    const cost = costOf({
      inputs: { x: [1, 3, 8, 8] },
      constants: [bytes('q', DataType.INT8, 4, 3, 3, 3), zeros('scale', 4), bytes('zero', DataType.INT8, 4)],
      nodes: [node('DequantizeLinear', ['q', 'scale', 'zero'], ['w'], { axis: 0 }), node('Conv', ['x', 'w'], ['y'])],
    });
    expect(cost.layers.map((layer) => layer.parameters)).toEqual([0, 116]);
  });

  it('are found in Constant nodes, whose sizes and bounds are none', () => {
    const constant = (name: string, tensor: Tensor): ReturnType<typeof node> => node('Constant', [], [name], { value: makeTensorAttribute(tensor) });
    const cost = costOf({
      inputs: { x: [1, 4] },
      nodes: [constant('w', zeros('', 4, 4)), constant('s', int64Tensor('', [2], [2, 2])), constant('low', zeros('')), node('MatMul', ['x', 'w'], ['a']), node('Clip', ['a', 'low'], ['b']), node('Reshape', ['b', 's'], ['y'])],
    });
    expect(cost.parameters).toBe(16);
    expect(cost.layers.map((layer) => [layer.op, layer.parameters])).toEqual([['MatMul', 16], ['Clip', 0], ['Reshape', 0]]);
  });

  it('that nobody reads are in the sum and in a warning', () => {
    const cost = costOf({ inputs: { x: [1] }, constants: [zeros('lost', 7)], nodes: [node('Relu', ['x'], ['y'])] });
    expect(cost.parameters).toBe(7);
    expect(cost.warnings.join()).toMatch(/1 initializer\(s\) are read by no node/);
  });
});

it('packs the bytes of 4-bit activations', () => {
  const cost = costOf({ inputs: { x: { elemType: DataType.INT4, shape: [3, 3] } }, nodes: [node('Identity', ['x'], ['y'])] });
  expect(cost.layers[0]?.activationBytes).toBe(5);
});
