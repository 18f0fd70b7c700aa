/** A network of any number of nodes as a real ONNX file with few weights: what a viewer has to bear, and nothing else. */
import { makeInt, makeInts } from '../../src/engine/onnx/attributes.ts';
import { Graph } from '../../src/engine/onnx/graph.ts';
import { encodeModel } from '../../src/engine/onnx/index.ts';
import { floatTensor } from '../../src/engine/onnx/tensor.ts';
import { DataType } from '../../src/engine/onnx/types.ts';

const CHANNELS = 8;

/** Blocks of four branches of different depth, joined, with a shortcut around each: 20 nodes a block. */
export function largeGraph(nodes: number): Buffer {
  const shape = (name: string) => ({ name, elemType: DataType.FLOAT, shape: ['batch', CHANNELS, 16, 16] });
  const graph = new Graph({ name: 'large', docString: '', nodes: [], inputs: [shape('picture')], outputs: [], initializers: new Map(), valueInfo: new Map(), rest: [] });
  graph.setInitializer(floatTensor('kernel', [CHANNELS, CHANNELS, 3, 3], new Float32Array(CHANNELS * CHANNELS * 9).fill(0.01)));
  graph.setInitializer(floatTensor('join', [CHANNELS, 4 * CHANNELS, 1, 1], new Float32Array(CHANNELS * 4 * CHANNELS).fill(0.01)));
  let last = 'picture';
  const add = (name: string, opType: string, inputs: string[], attributes = {}): string => {
    graph.addNode({ opType, name, inputs, outputs: [`${name}_out`], attributes });
    return `${name}_out`;
  };
  for (let block = 0; graph.nodeCount < nodes; block++) {
    const at = `stage${Math.floor(block / 25)}/block${block}`;
    const ends = [1, 2, 2, 3].map((depth, branch) => {
      let value = last;
      for (let layer = 0; layer < depth; layer++) {
        value = add(`${at}/branch${branch}/conv${layer}`, 'Conv', [value, 'kernel'], { pads: makeInts([1, 1, 1, 1]) });
        value = add(`${at}/branch${branch}/relu${layer}`, 'Relu', [value]);
      }
      return value;
    });
    const joined = add(`${at}/concat`, 'Concat', ends, { axis: makeInt(1) });
    const narrowed = add(`${at}/join`, 'Conv', [joined, 'join']);
    last = add(`${at}/relu`, 'Relu', [add(`${at}/add`, 'Add', [narrowed, last])]);
  }
  graph.setOutputInfo([shape(last)]);
  const { chunks } = encodeModel({
    irVersion: 8, opsets: [{ domain: '', version: 17 }], producerName: 'large-graph', producerVersion: '', domain: '', modelVersion: 0n, docString: '', graph: graph.toData(), metadata: [], functions: [], rest: [],
  });
  return Buffer.concat([...chunks]);
}
