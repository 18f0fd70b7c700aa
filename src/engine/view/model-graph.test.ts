import { describe, expect, test } from 'vitest';
import { modelGraph as graphRecord } from '../../contract/records/graph.ts';
import { Graph } from '../onnx/graph.ts';
import { makeInt, makeInts } from '../onnx/attributes.ts';
import { floatTensor, makeTensor } from '../onnx/tensor.ts';
import { DataType, type GraphData, type Model, type ValueInfo } from '../onnx/types.ts';
import { modelGraph } from './model-graph.ts';

const value = (name: string, shape: (number | string)[], elemType: number = DataType.FLOAT): ValueInfo => ({ name, elemType, shape });

function modelOf(inputs: ValueInfo[], outputs: ValueInfo[], build: (graph: Graph) => void): Model {
  const data: GraphData = { name: 'g', docString: '', nodes: [], inputs, outputs, initializers: new Map(), valueInfo: new Map(), rest: [] };
  const graph = new Graph(data);
  build(graph);
  return { irVersion: 8, opsets: [{ domain: '', version: 17 }], producerName: '', producerVersion: '', domain: '', modelVersion: 0n, docString: '', graph: graph.toData(), metadata: [], functions: [], rest: [] };
}

/** Conv + BatchNormalization + Relu, and a sum with the input. */
const float = (): Model =>
  modelOf([value('x', ['n', 4, 8, 8])], [value('y', ['n', 4, 8, 8])], (graph) => {
    for (const name of ['scale', 'bias', 'mean', 'var']) graph.setInitializer(floatTensor(name, [4], new Float32Array(4).fill(1)));
    graph.setInitializer(floatTensor('w', [4, 4, 3, 3], new Float32Array(144)));
    graph.addNode({ opType: 'Conv', name: 'conv', inputs: ['x', 'w'], outputs: ['a'], attributes: { pads: makeInts([1, 1, 1, 1]) } });
    graph.addNode({ opType: 'BatchNormalization', name: 'bn', inputs: ['a', 'scale', 'bias', 'mean', 'var'], outputs: ['b'] });
    graph.addNode({ opType: 'Relu', inputs: ['b'], outputs: ['c'] });
    graph.addNode({ opType: 'Add', name: 'sum', inputs: ['c', 'x'], outputs: ['y'] });
  });

/** The same convolution in int8: weights and values rounded. */
const rounded = (): Model =>
  modelOf([value('x', [1, 4, 8, 8])], [value('c', [1, 4, 8, 8])], (graph) => {
    graph.setInitializer(makeTensor('wq', DataType.INT8, [4, 4, 3, 3], new Uint8Array(144)));
    graph.setInitializer(floatTensor('s', [], new Float32Array([0.1])));
    graph.setInitializer(makeTensor('z', DataType.UINT8, [], new Uint8Array(1)));
    graph.addNode({ opType: 'QuantizeLinear', inputs: ['x', 's', 'z'], outputs: ['xq'] });
    graph.addNode({ opType: 'DequantizeLinear', inputs: ['xq', 's', 'z'], outputs: ['xr'] });
    graph.addNode({ opType: 'DequantizeLinear', inputs: ['wq', 's'], outputs: ['wr'], attributes: { axis: makeInt(0) } });
    graph.addNode({ opType: 'Conv', name: 'conv', inputs: ['xr', 'wr'], outputs: ['b'], attributes: { pads: makeInts([1, 1, 1, 1]) } });
    graph.addNode({ opType: 'Relu', name: 'relu', inputs: ['b'], outputs: ['c'] });
  });

describe('a graph for drawing', () => {
  test('units, cost, constants and edges of a float network', () => {
    const graph = graphRecord.parse(modelGraph(float()));
    expect(graph.nodes.map(({ name, op }) => [name, op])).toEqual([['conv', 'Conv'], ['bn', 'BatchNormalization'], ['c', 'Relu'], ['sum', 'Add']]);
    expect(graph.units).toEqual([
      { kind: 'Conv+BatchNormalization+Relu', core: 0, nodes: [0, 1, 2], precision: 'float32' },
      { kind: 'Add', core: 3, nodes: [3], precision: 'float32' },
    ]);
    expect(graph.nodes[0]).toMatchObject({ macs: 4 * 64 * 36, parameters: 144, weightBytes: 576, shape: ['n', 4, 8, 8], type: 'float32', unit: 0, attributes: [['pads', '1, 1, 1, 1']] });
    expect(graph.nodes[0]?.constants).toEqual([{ name: 'w', type: 'float32', shape: [4, 4, 3, 3] }]);
    // 4 nodes, then the input (4), then the output (5).
    expect(pairs(graph.edges)).toEqual(['0>1', '1>2', '2>3', '3>5', '4>0', '4>3']);
    expect(graph.leftOut).toEqual({ nodes: 0, edges: 0 });
  });

  test('roundings belong to the layer: the int8 network shows the same box', () => {
    const graph = modelGraph(rounded());
    const unit = graph.units.find(({ kind }) => kind === 'Conv+Relu');
    expect(unit).toMatchObject({ precision: 'int8' });
    expect(unit?.nodes.map((index) => graph.nodes[index]?.op)).toEqual(['DequantizeLinear', 'Conv', 'Relu']);
    // The rounding of the input follows no layer: a box of its own.
    expect(graph.units.map(({ kind }) => kind).sort()).toEqual(['Conv+Relu', 'QuantizeLinear']);
    expect(graph.nodes.every((node) => graph.units[node.unit]?.nodes.includes(graph.nodes.indexOf(node)))).toBe(true);
  });

  test('a very large graph is cut, and says so', () => {
    const model = modelOf([value('x0', [1])], [value('x20500', [1])], (graph) => {
      for (let index = 0; index < 20_500; index++) graph.addNode({ opType: 'Relu', inputs: [`x${index}`], outputs: [`x${index + 1}`] });
    });
    const graph = modelGraph(model);
    expect(graph.nodes).toHaveLength(20_000);
    expect(graph.leftOut).toEqual({ nodes: 500, edges: 0 });
    expect(Math.max(...graph.edges)).toBeLessThan(20_002);
  });
});

function pairs(edges: readonly number[]): string[] {
  return Array.from({ length: edges.length / 2 }, (_, index) => `${edges[index * 2]}>${edges[index * 2 + 1]}`).sort();
}
