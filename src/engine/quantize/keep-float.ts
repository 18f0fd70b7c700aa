/**
 * Keeps float what the plan left in float.
 *
 * onnxruntime (since 1.22, WeightBiasQuantization) rounds the float weights of a Conv, ConvTranspose or Gemm to 8 bits with one scale for
 * the whole tensor as soon as its input comes out of a DequantizeLinear with one scale. A layer that was left in float because it is
 * sensitive would become the worst of all. It does not do so where the input has one scale a channel; so such a layer reads through a
 * DequantizeLinear of its own, whose channels all have the same scale.
 */
import { intAttribute, makeInt } from '../onnx/attributes.ts';
import type { Graph, Node } from '../onnx/graph.ts';
import { makeTensor, tensorBytes, tensorFloats, floatTensor } from '../onnx/tensor.ts';
import { DataType } from '../onnx/types.ts';
import { constantTensor } from './operators.ts';

/** @returns number of layers */
export function keepFloat(graph: Graph): number {
  let count = 0;
  const made = new Map<string, string>();
  for (const node of graph.sorted()) {
    const channels = floatInputChannels(graph, node);
    const source = channels === 0 ? undefined : graph.producer(node.inputs[0] ?? '');
    if (source?.opType !== 'DequantizeLinear' || source.attributes.has('axis')) continue;
    const key = `${source.outputs[0]}\n${channels}`;
    let value = made.get(key);
    if (value === undefined) made.set(key, (value = channelwise(graph, source, channels)));
    graph.setInput(node, 0, value);
    if (graph.uses(source.outputs[0] ?? '').length === 0 && !graph.isOutput(source.outputs[0] ?? '')) graph.removeNode(source);
    count++;
  }
  return count;
}

/** Channels (axis 1) of the first input of an operator with float weights; 0 for others. */
function floatInputChannels(graph: Graph, node: Node): number {
  if (node.domain !== '') return 0;
  const weights = constantTensor(graph, node.inputs[1]);
  if (!weights || weights.dataType !== DataType.FLOAT) return 0;
  const [first = 0, second = 0] = weights.dims;
  switch (node.opType) {
    case 'Conv':
      return second * intAttribute(node, 'group', 1);
    case 'ConvTranspose':
      return first;
    case 'Gemm':
      if (intAttribute(node, 'transA', 0) !== 0) return 0;
      return intAttribute(node, 'transB', 0) !== 0 ? second : first;
    default:
      return 0;
  }
}

function channelwise(graph: Graph, source: Node, channels: number): string {
  const [quantized = '', scaleName = '', zeroName = ''] = source.inputs;
  const scale = graph.constant(scaleName);
  const zero = graph.constant(zeroName);
  if (!scale || !zero) return source.outputs[0] ?? '';
  const scales = graph.addInitializer(floatTensor(`${scaleName}c`, [channels], new Float32Array(channels).fill(tensorFloats(scale)[0] as number)));
  const zeros = graph.addInitializer(makeTensor(`${zeroName}c`, zero.dataType, [channels], new Uint8Array(channels).fill(tensorBytes(zero)[0] as number)));
  const output = graph.uniqueName(`${quantized}f`);
  graph.addNode({ opType: 'DequantizeLinear', inputs: [quantized, scales, zeros], outputs: [output], attributes: { axis: makeInt(1) } });
  return output;
}
