/** A model file as layers with their cost; open dimensions of its inputs are given sizes, since a cost without sizes is none. */
import { EdgewiseError } from '../../base/errors.ts';
import type { Model, Shape } from '../../engine/onnx/index.ts';
import { modelGraph } from '../../engine/recipe/index.ts';
import { networkOf, type Network } from '../../savings/advisor/network.ts';
import { withModelFile } from '../models/model-file.ts';

export interface ReadNetwork {
  readonly network: Network;
  readonly opset: number;
  /** Sizes that open dimensions were given, as words; empty: none was open, the batch aside. */
  readonly assumed: string;
}

/** As in measurements on generated numbers: pictures are 224 high and wide, everything else is 1. */
const OPEN_SIZE = 224;

/** @throws whatever is wrong with the model; BAD_GRAPH where nothing in it can be counted */
export function readNetwork(path: string, name: string): Promise<ReadNetwork> {
  return withModelFile(path, ({ model, facts }) => {
    const { bound, assumed } = withSizes(model);
    const network = { ...networkOf(modelGraph(bound)), dynamic: assumed !== '' };
    if (network.layers.length === 0) throw new EdgewiseError('BAD_GRAPH', `The model "${name}" has no layer that costs anything, so there is nothing to estimate.`, { hint: 'Choose a model that computes something.' });
    if (network.macs === 0 && network.unknown > 0) {
      throw new EdgewiseError('BAD_GRAPH', `The cost of "${name}" cannot be counted: the sizes of ${network.unknown} of its values are not known.`, { hint: 'Export it with the size of its inputs fixed.' });
    }
    return { network, opset: facts.opset, assumed };
  });
}

function withSizes(model: Model): { readonly bound: Model; readonly assumed: string } {
  const { graph } = model;
  const words: string[] = [];
  const inputs = graph.inputs.map((input) => {
    if (graph.initializers.has(input.name) || input.shape === null) return input;
    const sizes = sized(input.shape);
    if (input.shape.some((dim, index) => index > 0 && !isSize(dim))) words.push(`${input.name} ${sizes.join(' x ')}`);
    return { ...input, shape: sizes };
  });
  if (words.length === 0) return { bound: model, assumed: '' };
  // What the file declares between the ends holds symbols of its own; the sizes follow from the inputs.
  return { bound: { ...model, graph: { ...graph, inputs, valueInfo: new Map(), outputs: graph.outputs.map((output) => ({ ...output, shape: null })) } }, assumed: words.join(', ') };
}

function isSize(dim: Shape[number] | undefined): dim is number {
  return typeof dim === 'number' && dim > 0;
}

/** Four dimensions are a picture's: height and width stand behind the channels, or before them where the last is 1 or 3. */
function sized(shape: Shape): number[] {
  const last = shape[3] === 1 || shape[3] === 3;
  return shape.map((dim, axis) => (isSize(dim) ? dim : shape.length === 4 && (last ? axis === 1 || axis === 2 : axis >= 2) ? OPEN_SIZE : 1));
}
