/**
 * recognize-attention
 *
 * before, after: the same graph
 * Counts Softmax(Q K / s + mask) V: MatMul, a scale by one number before or behind it (optional), an addition (optional), Softmax, MatMul.
 * There is no portable operator that runtimes have a fast kernel for, so nothing is replaced; the report names what is there.
 */
import type { Graph, Node } from '../onnx/graph.ts';
import { definePass, noOptions } from './define-pass.ts';
import { constantScalar, isOp } from './support/match.ts';

export const recognizeAttention = definePass({
  name: 'recognize-attention',
  family: 'fusion',
  summary: 'Counts attention patterns; changes nothing.',
  options: noOptions,
  run(graph) {
    const count = graph.sorted().filter((node) => isAttention(graph, node)).length;
    return { changed: 0, stats: count > 0 ? { attention: count } : {}, notes: [] };
  },
});

function isAttention(graph: Graph, softmax: Node): boolean {
  if (!isOp(softmax, 'Softmax')) return false;
  const weights = graph.uses(softmax.outputs[0] ?? '').map((use) => use.node);
  if (!weights.some((node) => isOp(node, 'MatMul') && node.inputs[0] === softmax.outputs[0])) return false;
  let scores = graph.producer(softmax.inputs[0] ?? '');
  if (isOp(scores, 'Add')) scores = scores.inputs.map((input) => graph.producer(input)).find((node) => isOp(node, 'MatMul', 'Mul', 'Div'));
  if (isOp(scores, 'Mul', 'Div') && scores.inputs.some((input) => constantScalar(graph, input) !== null)) {
    scores = scores.inputs.map((input) => graph.producer(input)).find((node) => isOp(node, 'MatMul'));
  }
  return isOp(scores, 'MatMul') && scores.inputs.every((input) => graph.constant(input) === undefined);
}
