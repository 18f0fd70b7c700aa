/**
 * fuse-layer-norm
 *
 * before: d = x - ReduceMean(x);  y = d / Sqrt(ReduceMean(d * d) + eps) * g + b     (d * d also as Pow(d, 2); b may be missing)
 * after:  LayerNormalization(x, g, b; axis, epsilon = eps)
 * when:   opset 17 or later, where it is an operator; before that it is counted and noted. Both means are over the last axis and keep it;
 *         g and b are constants with one number per element of that axis; every value inside is read inside only.
 * why it is exact: it is the definition of the operator.
 */
import { intAttribute, intsAttribute, makeFloat, makeInt } from '../onnx/attributes.ts';
import type { Graph, Node } from '../onnx/graph.ts';
import { definePass, noOptions, type PassContext } from './define-pass.ts';
import { constantIntegers, constantScalar, isOp } from './support/match.ts';
import { isFloat } from './support/numbers.ts';

const LAYER_NORM_SINCE = 17;

export const fuseLayerNorm = definePass({
  name: 'fuse-layer-norm',
  family: 'fusion',
  summary: 'Recognizes layer normalization written out, and replaces it where the opset has the operator.',
  options: noOptions,
  run(graph, context) {
    const found = graph.sorted().filter((node) => isOp(node, 'Sqrt')).flatMap((root) => matchLayerNorm(graph, root, context) ?? []);
    if (found.length === 0) return { changed: 0, stats: {}, notes: [] };
    if (context.opset < LAYER_NORM_SINCE) {
      return { changed: 0, stats: { found: found.length }, notes: [`${found.length} layer normalizations stay written out: the operator exists from opset ${LAYER_NORM_SINCE}, the model has ${context.opset}.`] };
    }
    for (const { inputs, nodes, output, epsilon } of found) {
      for (const node of nodes) graph.removeNode(node);
      graph.addNode({ opType: 'LayerNormalization', name: graph.uniqueName(`${output}_layer_norm`), inputs, outputs: [output], attributes: { axis: makeInt(-1), epsilon: makeFloat(epsilon) } });
    }
    return { changed: found.length, stats: { fused: found.length }, notes: [] };
  },
});

interface LayerNorm {
  readonly inputs: readonly string[];
  readonly output: string;
  readonly nodes: readonly Node[];
  readonly epsilon: number;
}

function matchLayerNorm(graph: Graph, root: Node, context: PassContext): LayerNorm | null {
  const inside = (value: string, ...readers: readonly Node[]): boolean => !graph.isOutput(value) && graph.uses(value).every((use) => use.index >= 0 && readers.includes(use.node));
  const sum = graph.producer(root.inputs[0] ?? '');
  if (!isOp(sum, 'Add')) return null;
  const variance = sum.inputs.map((input) => graph.producer(input)).find((node) => isOp(node, 'ReduceMean'));
  const epsilon = sum.inputs.map((input) => constantScalar(graph, input)).find((value) => value !== null);
  const square = graph.producer(variance?.inputs[0] ?? '');
  const quotient = graph.soleConsumer(root.outputs[0] ?? '');
  if (!variance || epsilon === undefined || epsilon < 0 || !square || !isOp(quotient, 'Div') || quotient.inputs[1] !== root.outputs[0]) return null;
  const deviation = square.inputs[0] ?? '';
  const isSquare = isOp(square, 'Pow') ? exponentIsTwo(graph, square.inputs[1]) : isOp(square, 'Mul') && square.inputs[1] === deviation;
  const difference = graph.producer(deviation);
  const mean = graph.producer(difference?.inputs[1] ?? '');
  const x = difference?.inputs[0] ?? '';
  if (!isSquare || !isOp(difference, 'Sub') || !isOp(mean, 'ReduceMean') || mean.inputs[0] !== x || quotient.inputs[0] !== deviation) return null;
  const shape = context.shapes.get(x)?.shape;
  const size = shape?.at(-1);
  if (!shape || typeof size !== 'number' || ![mean, variance].every((node) => reducesLastAxis(graph, node, shape.length, context))) return null;
  if (!inside(deviation, square, quotient) || !inside(mean.outputs[0] ?? '', difference) || !inside(square.outputs[0] ?? '', variance) || !inside(variance.outputs[0] ?? '', sum) || !inside(sum.outputs[0] ?? '', root)) return null;
  const perElement = (name: string): boolean => {
    const tensor = graph.constant(name);
    return tensor !== undefined && isFloat(tensor.dataType) && tensor.dims.length === 1 && tensor.dims[0] === size;
  };
  const nodes = [mean, difference, square, variance, sum, root, quotient];
  const scaled = graph.soleConsumer(quotient.outputs[0] ?? '');
  const scale = scaled?.inputs.find(perElement);
  if (!isOp(scaled, 'Mul') || scale === undefined) return null;
  const shifted = graph.soleConsumer(scaled.outputs[0] ?? '');
  const bias = shifted?.inputs.find(perElement);
  if (isOp(shifted, 'Add') && bias !== undefined) return { inputs: [x, scale, bias], output: shifted.outputs[0] ?? '', nodes: [...nodes, scaled, shifted], epsilon };
  return { inputs: [x, scale], output: scaled.outputs[0] ?? '', nodes: [...nodes, scaled], epsilon };
}

function exponentIsTwo(graph: Graph, name: string | undefined): boolean {
  return constantScalar(graph, name) === 2 || constantIntegers(graph, name)?.join() === '2';
}

function reducesLastAxis(graph: Graph, node: Node, rank: number, context: PassContext): boolean {
  const axes = context.opset < 18 ? intsAttribute(node, 'axes') : constantIntegers(graph, node.inputs[1]);
  return intAttribute(node, 'keepdims', 1) === 1 && axes?.length === 1 && (axes[0] === -1 || axes[0] === rank - 1);
}
