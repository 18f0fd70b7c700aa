/**
 * Two models as one graph on the same inputs, so that values of both can be compared inside the runtime and nothing large has to leave it.
 */
import { capturedNames } from '../onnx/captured.ts';
import { Graph } from '../onnx/graph.ts';
import { renameTensor } from '../onnx/tensor.ts';
import type { Model } from '../onnx/types.ts';
import { copyModel } from '../passes/pipeline.ts';

const PREFIX = 'float/';

/** Name in the joined model of a value of the float model. */
export function floatName(value: string): string {
  return `${PREFIX}${value}`;
}

/** The quantized model, with the float model beside it under names of its own. Nodes with subgraphs are not taken over. */
export function joinModels(float: Model, quantized: Model): { readonly model: Model; readonly graph: Graph } {
  const shared = new Set(quantized.graph.inputs.map((input) => input.name));
  const rename = (name: string): string => (name === '' || shared.has(name) ? name : floatName(name));
  const both = copyModel(quantized);
  const graph = new Graph(both.graph);
  const { initializers, nodes } = float.graph;
  for (const [name, tensor] of initializers) graph.setInitializer(renameTensor(tensor, rename(name)));
  for (const node of nodes) {
    if (capturedNames(node).size > 0) continue;
    graph.addNode({ opType: node.opType, domain: node.domain, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename), attributes: node.attributes });
  }
  return { model: both, graph };
}
