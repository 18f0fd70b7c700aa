/**
 * fuse-gelu
 *
 * before: x * (1 + Erf(x / sqrt 2)) * 0.5 in any order of the products, the 0.5 on x, on the sum or on the whole (or a Div by 2);
 *         or the approximation with Tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)) in place of Erf, the cube as Pow or as two products
 * after:  Gelu(x), with approximate = "tanh" for the second
 * when:   opset 20 or later, where Gelu is an operator; before that it is counted and noted. The constants are single numbers that match
 *         to 1e-5 (float16: 1e-3); every value inside is read inside only and is no graph output.
 * why it is exact: these are the definitions of Gelu.
 */
import { makeString } from '../onnx/attributes.ts';
import type { Graph, Node } from '../onnx/graph.ts';
import { definePass, noOptions } from './define-pass.ts';
import { constantScalar, isOp } from './support/match.ts';

const GELU_SINCE = 20;

export const fuseGelu = definePass({
  name: 'fuse-gelu',
  family: 'fusion',
  summary: 'Recognizes GELU written out with Erf or Tanh, and replaces it where the opset has the operator.',
  options: noOptions,
  run(graph, context) {
    const found = graph.sorted().flatMap((node) => matchGelu(graph, node) ?? []);
    if (found.length === 0) return { changed: 0, stats: {}, notes: [] };
    if (context.opset < GELU_SINCE) {
      return { changed: 0, stats: { found: found.length }, notes: [`${found.length} GELU patterns stay written out: the operator exists from opset ${GELU_SINCE}, the model has ${context.opset}.`] };
    }
    for (const { input, nodes, output, approximate } of found) {
      for (const node of nodes) graph.removeNode(node);
      graph.addNode({ opType: 'Gelu', name: graph.uniqueName(`${output}_gelu`), inputs: [input], outputs: [output], ...(approximate ? { attributes: { approximate: makeString('tanh') } } : {}) });
    }
    return { changed: found.length, stats: { fused: found.length }, notes: [] };
  },
});

interface Gelu {
  readonly input: string;
  readonly output: string;
  readonly nodes: readonly Node[];
  readonly approximate: boolean;
}

function near(graph: Graph, name: string | undefined, value: number): boolean {
  const constant = constantScalar(graph, name);
  const tensor = name ? graph.constant(name) : undefined;
  // One number, and not one that raises the rank.
  return constant !== null && (tensor?.dims.length ?? 0) <= 1 && Math.abs(constant - value) <= (tensor?.dataType === 10 ? 1e-3 : 1e-5) * value;
}

/** The operand that is not the constant `value` of a product (or of a quotient with its inverse); null where it is no such node. */
function scaledBy(graph: Graph, node: Node | undefined, value: number): string | null {
  if (isOp(node, 'Div')) return near(graph, node.inputs[1], 1 / value) ? (node.inputs[0] ?? null) : null;
  if (!isOp(node, 'Mul')) return null;
  const [left = '', right = ''] = node.inputs;
  if (near(graph, right, value)) return left;
  return near(graph, left, value) ? right : null;
}

/** What is inside of Erf or Tanh: a function of x, and the nodes that make it. */
interface Inside {
  readonly x: string;
  readonly nodes: readonly Node[];
}

function insideErf(graph: Graph, erf: Node): Inside | null {
  const scale = graph.producer(erf.inputs[0] ?? '');
  const x = scaledBy(graph, scale, Math.SQRT1_2);
  return scale && x !== null ? { x, nodes: [scale] } : null;
}

/** sqrt(2 / pi) * (x + 0.044715 * x^3) */
function insideTanh(graph: Graph, tanh: Node): Inside | null {
  const scale = graph.producer(tanh.inputs[0] ?? '');
  const sum = graph.producer(scaledBy(graph, scale, Math.sqrt(2 / Math.PI)) ?? '');
  if (!scale || !isOp(sum, 'Add')) return null;
  for (const [index, x] of sum.inputs.entries()) {
    const product = graph.producer(sum.inputs[1 - index] ?? '');
    const cube = product && cubeOf(graph, scaledBy(graph, product, 0.044715) ?? '', x);
    if (cube) return { x, nodes: [scale, sum, product, ...cube] };
  }
  return null;
}

/** The nodes that make `value` = x^3; null where it is something else. */
function cubeOf(graph: Graph, value: string, x: string): readonly Node[] | null {
  const node = graph.producer(value);
  if (isOp(node, 'Pow')) return node.inputs[0] === x && near(graph, node.inputs[1], 3) ? [node] : null;
  if (!isOp(node, 'Mul') || !node.inputs.includes(x)) return null;
  const square = graph.producer(other(node, x));
  if (isOp(square, 'Mul')) return square.inputs.every((input) => input === x) ? [node, square] : null;
  return isOp(square, 'Pow') && square.inputs[0] === x && near(graph, square.inputs[1], 2) ? [node, square] : null;
}

function matchGelu(graph: Graph, core: Node): Gelu | null {
  const approximate = isOp(core, 'Tanh');
  const inside = approximate ? insideTanh(graph, core) : isOp(core, 'Erf') ? insideErf(graph, core) : null;
  // Every value inside is read inside only.
  if (!inside || inside.nodes.some((node) => graph.isOutput(node.outputs[0] ?? '') || graph.uses(node.outputs[0] ?? '').length !== 1)) return null;
  const { x } = inside;
  const sum = graph.soleConsumer(core.outputs[0] ?? '');
  if (!isOp(sum, 'Add') || !sum.inputs.some((input) => near(graph, input, 1))) return null;
  const first = graph.soleConsumer(sum.outputs[0] ?? '');
  if (!first) return null;
  const inner = [...inside.nodes, core, sum, first];
  const firstOutput = first.outputs[0] ?? '';
  // (sum * 0.5) * x
  if (scaledBy(graph, first, 0.5) === sum.outputs[0]) {
    const product = graph.soleConsumer(firstOutput);
    return isOp(product, 'Mul') && other(product, firstOutput) === x ? { input: x, output: product.outputs[0] ?? '', nodes: [...inner, product], approximate } : null;
  }
  if (!isOp(first, 'Mul')) return null;
  const operand = other(first, sum.outputs[0] ?? '');
  // (x * sum) * 0.5
  if (operand === x) {
    const half = graph.soleConsumer(firstOutput);
    return half && scaledBy(graph, half, 0.5) === firstOutput ? { input: x, output: half.outputs[0] ?? '', nodes: [...inner, half], approximate } : null;
  }
  // (x * 0.5) * sum
  const halved = graph.producer(operand);
  const isHalf = halved && scaledBy(graph, halved, 0.5) === x && graph.soleConsumer(operand) === first;
  return isHalf ? { input: x, output: firstOutput, nodes: [...inner, halved], approximate } : null;
}

function other(node: Node, value: string): string {
  return (node.inputs[0] === value ? node.inputs[1] : node.inputs[0]) ?? '';
}
