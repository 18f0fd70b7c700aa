/**
 * Units: a layer with what a runtime computes in the same kernel. Conv + BatchNormalization + Relu is one unit (CBR): a quantizer puts no
 * rounding between its parts, and the report counts it as one.
 *
 *   Conv | ConvTranspose | Gemm | MatMul (constant weight)  [+ Add of a constant bias]  [+ BatchNormalization]  [+ activation]
 *   activation: Relu, Clip, LeakyRelu, PRelu, HardSigmoid, Sigmoid, Tanh, HardSwish, Gelu, and the decomposed forms
 *   SiLU x * Sigmoid(x) and HardSwish x * HardSigmoid(x), x * Clip(x + 3, 0, 6) / 6
 * Every value inside is read inside of the unit only, and is no graph output.
 */
import type { Graph, Node } from '../onnx/graph.ts';
import { constantFloats, constantScalar, isOp, type StandardNode } from './support/match.ts';

export interface Unit {
  /** Conv, ConvTranspose, Gemm or MatMul. */
  readonly core: Node;
  /** All nodes, the core first and the one that makes the output last. */
  readonly nodes: readonly Node[];
  readonly norm: Node | null;
  /** For example Relu, Clip, SiLU, HardSwish; null: none. */
  readonly activation: string | null;
  /** The value that the core reads as its data. */
  readonly input: string;
  readonly output: string;
}

const SIMPLE = ['Relu', 'Clip', 'LeakyRelu', 'PRelu', 'HardSigmoid', 'Sigmoid', 'Tanh', 'HardSwish', 'Gelu', 'Elu', 'Softplus', 'Mish'];

/** All units of the graph in topological order; a layer without anything around it is a unit of one node. */
export function findUnits(graph: Graph): Unit[] {
  const units: Unit[] = [];
  for (const core of graph.sorted()) {
    if (isOp(core, 'Conv', 'ConvTranspose', 'Gemm', 'MatMul') && graph.constant(core.inputs[1] ?? '')) units.push(unitOf(graph, core));
  }
  return units;
}

/** For example `Conv+BatchNormalization+Relu`. */
export function unitKind(unit: Unit): string {
  return [unit.core.opType, ...(unit.norm ? ['BatchNormalization'] : []), ...(unit.activation === null ? [] : [unit.activation])].join('+');
}

function unitOf(graph: Graph, core: Node): Unit {
  const nodes: Node[] = [core];
  let norm: Node | null = null;
  const last = (): string => nodes.at(-1)?.outputs[0] ?? '';
  const bias = graph.soleConsumer(last());
  if (isOp(bias, 'Add') && bias.inputs.some((input) => constantFloats(graph, input))) nodes.push(bias);
  const next = graph.soleConsumer(last());
  if (isOp(next, 'BatchNormalization') && next.inputs[0] === last()) {
    norm = next;
    nodes.push(next);
  }
  const activation = activationAfter(graph, last());
  if (activation) nodes.push(...activation.nodes);
  return { core, nodes, norm, activation: activation?.name ?? null, input: core.inputs[0] ?? '', output: last() };
}

interface Activation {
  readonly name: string;
  readonly nodes: readonly Node[];
}

function activationAfter(graph: Graph, value: string): Activation | null {
  const only = graph.soleConsumer(value);
  if (only) return isOp(only, ...SIMPLE) && only.inputs[0] === value ? { name: only.opType, nodes: [only] } : null;
  const uses = graph.uses(value);
  if (graph.isOutput(value) || uses.length !== 2 || uses.some((use) => use.index < 0)) return null;
  const gate = uses.map((use) => use.node).find((node) => !isOp(node, 'Mul'));
  const product = uses.map((use) => use.node).find((node) => isOp(node, 'Mul'));
  if (!gate || !product) return null;
  const gated = gate.outputs[0] ?? '';
  if (isOp(gate, 'Sigmoid', 'HardSigmoid') && graph.soleConsumer(gated) === product) return { name: gate.opType === 'Sigmoid' ? 'SiLU' : 'HardSwish', nodes: [gate, product] };
  return decomposedHardSwish(graph, gate, product);
}

/** x * Clip(x + 3, 0, 6) / 6, the division before or after the product, as a Div by 6 or a Mul by 1/6. */
function decomposedHardSwish(graph: Graph, shift: Node, product: Node): Activation | null {
  if (!isOp(shift, 'Add') || !shift.inputs.some((input) => constantScalar(graph, input) === 3)) return null;
  const clip = graph.soleConsumer(shift.outputs[0] ?? '');
  if (!isOp(clip, 'Clip') || constantScalar(graph, clip.inputs[1]) !== 0 || constantScalar(graph, clip.inputs[2]) !== 6) return null;
  const after = graph.soleConsumer(clip.outputs[0] ?? '');
  if (after === product) {
    const scaled = graph.soleConsumer(product.outputs[0] ?? '');
    return dividesBySix(graph, scaled) ? { name: 'HardSwish', nodes: [shift, clip, product, scaled] } : null;
  }
  return dividesBySix(graph, after) && graph.soleConsumer(after.outputs[0] ?? '') === product ? { name: 'HardSwish', nodes: [shift, clip, after, product] } : null;
}

function dividesBySix(graph: Graph, node: Node | undefined): node is StandardNode {
  if (isOp(node, 'Div')) return constantScalar(graph, node.inputs[1]) === 6;
  return isOp(node, 'Mul') && node.inputs.some((input) => Math.abs((constantScalar(graph, input) ?? 0) - 1 / 6) < 1e-6);
}
