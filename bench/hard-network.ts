/**
 * Networks that compute what another one does, and that int8 spoils: channels between convolutions are scaled by factors that the next
 * convolution takes back, so ranges of channels differ a hundredfold.
 *
 *     B(relu(A(x)))  =  B'(relu(A'(x)))   with A' = A * s on its output channels, B' = B / s on its input channels, s > 0
 *
 * With `clipped`, each Relu becomes a Clip from 0 to a bound that no value reaches: the same on every picture, but no longer homogeneous,
 * so nobody may move factors across it.
 */
import { seededRandom } from '../src/base/random.ts';
import { intAttribute } from '../src/engine/onnx/attributes.ts';
import { Graph, type Node } from '../src/engine/onnx/graph.ts';
import { floatTensor, tensorFloats } from '../src/engine/onnx/tensor.ts';
import type { Model } from '../src/engine/onnx/types.ts';
import { copyModel } from '../src/engine/passes/pipeline.ts';

const BOUND = 1e6;

export interface HardNetwork {
  readonly model: Model;
  /** Pairs of convolutions between which channels were scaled. */
  readonly pairs: number;
}

/** @param octaves factors are log-uniform from 2^-octaves to 2^octaves */
export function hardNetwork(simplified: Model, { octaves, seed, clipped }: { readonly octaves: number; readonly seed: number; readonly clipped: boolean }): HardNetwork {
  const model = copyModel(simplified);
  const graph = new Graph(model.graph);
  const random = seededRandom(seed);
  let pairs = 0;
  for (const maker of graph.sorted()) {
    const relu = maker.opType === 'Conv' ? graph.soleConsumer(maker.outputs[0] ?? '') : undefined;
    const reader = relu?.opType === 'Relu' ? graph.soleConsumer(relu.outputs[0] ?? '') : undefined;
    if (!relu || reader?.opType !== 'Conv' || reader.inputs[0] !== relu.outputs[0]) continue;
    const channels = graph.constant(maker.inputs[1] ?? '')?.dims[0] ?? 0;
    const factors = Float64Array.from({ length: channels }, () => 2 ** (octaves * (2 * random() - 1)));
    scale(graph, maker, 1, (index, inner) => factors[Math.floor(index / inner)] as number);
    scale(graph, maker, 2, (index) => factors[index] as number);
    const groups = intAttribute(reader, 'group', 1);
    const [outputs = 1, inputs = 1] = graph.constant(reader.inputs[1] ?? '')?.dims ?? [];
    scale(graph, reader, 1, (index, inner) => {
      const output = Math.floor(index / inner);
      const input = Math.floor((index % inner) / (inner / inputs));
      return 1 / (factors[Math.floor(output / (outputs / groups)) * inputs + input] as number);
    });
    if (clipped) bound(graph, relu);
    pairs++;
  }
  return { model: { ...model, graph: graph.toData() }, pairs };
}

/** @param factor of an element; `inner` is the number of elements of one output channel */
function scale(graph: Graph, node: Node, input: number, factor: (index: number, inner: number) => number): void {
  const tensor = graph.constant(node.inputs[input] ?? '');
  if (!tensor) return;
  const inner = tensor.dims.slice(1).reduce((a, b) => a * b, 1);
  // Under a name of its own: weights may be shared.
  const name = graph.uniqueName(`${tensor.name}_hard`);
  graph.setInitializer(floatTensor(name, tensor.dims, tensorFloats(tensor).map((value, index) => value * factor(index, inner))));
  graph.setInput(node, input, name);
}

function bound(graph: Graph, relu: Node): void {
  const limits = [0, BOUND].map((value) => graph.addInitializer(floatTensor(graph.uniqueName('bound'), [], Float32Array.of(value))));
  const [input = '', output = ''] = [relu.inputs[0], relu.outputs[0]];
  graph.removeNode(relu);
  graph.addNode({ name: relu.name, opType: 'Clip', inputs: [input, ...limits], outputs: [output] });
}
