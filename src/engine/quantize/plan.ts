/**
 * Decides which nodes run in int8 and which values are quantized, before anything is measured or changed.
 *
 * 1. Every Conv, Gemm and MatMul with constant float weights is chosen, unless excluded.
 * 2. Around them, an operator that can work on 8-bit numbers is chosen where all its inputs are quantized anyway and where its result
 *    is read by another chosen one. So what follows the last compute operator (the heads of a detector: sigmoids, boxes and scores in
 *    one Concat) stays float: there int8 saves little time and costs most.
 * 3. A Relu, or a Clip from 0, that alone reads a chosen node is absorbed: the QuantizeLinear after it saturates at the same values.
 *    Then nothing stands between the operator and its QuantizeLinear, which is what runtimes fuse.
 * 4. Operators that only move elements share their input's scale, so that they stay in 8 bits without a conversion.
 */
import type { Graph, Node } from '../onnx/graph.ts';
import { DataType } from '../onnx/types.ts';
import { limitsOf, type Limits } from './limits.ts';
import { activationBounds, activationInputs, constantTensor, operatorKind, weightsOf, type OperatorKind, type Weights } from './operators.ts';

export interface PlannedUnit {
  readonly node: Node;
  readonly kind: OperatorKind;
  /** The activation that it absorbs. */
  readonly absorbed: Node | null;
  /** The values that it makes, after the absorbed activation. */
  readonly outputs: readonly string[];
  /** Float inputs that are quantized, by position. */
  readonly activations: readonly number[];
  /** Inputs that are float constants, by position: an Add's or a Concat's. */
  readonly constants: readonly number[];
  /** For `compute`. */
  readonly weights: Weights | null;
}

/** A value that passes through QuantizeLinear and DequantizeLinear. */
export interface PlannedValue extends Limits {
  readonly name: string;
  /** The value whose parameters it has: itself, or what a movement operator took it from. */
  readonly root: string;
  /** True where a chosen unit makes it. */
  readonly made: boolean;
}

export interface QuantizationPlan {
  readonly units: readonly PlannedUnit[];
  readonly values: ReadonlyMap<string, PlannedValue>;
  /** Compute operators that stay float, with the reason. */
  readonly left: readonly { readonly node: Node; readonly reason: string }[];
}

export interface PlanOptions {
  /** True for a node that must stay float. */
  readonly exclude?: (node: Node) => boolean;
}

export function planQuantization(graph: Graph, options: PlanOptions = {}): QuantizationPlan {
  const left: { node: Node; reason: string }[] = [];
  const chosen = choose(graph, options.exclude ?? (() => false), left);
  const absorbedBy = absorb(graph, chosen);
  dropUnfed(graph, chosen, absorbedBy);
  const absorbedOf = new Map([...absorbedBy].map(([activation, owner]) => [owner, activation]));
  const units = [...chosen].filter(([node]) => !absorbedBy.has(node)).map(([node, choice]) => unitOf(graph, node, choice, absorbedOf.get(node) ?? null));
  return { units, values: planValues(graph, units, chosen), left };
}

interface Choice {
  readonly kind: OperatorKind;
  readonly weights: Weights | null;
}

function choose(graph: Graph, exclude: (node: Node) => boolean, left: { node: Node; reason: string }[]): Map<Node, Choice> {
  const chosen = new Map<Node, Choice>();
  for (const node of graph.sorted()) {
    const kind = operatorKind(graph, node);
    if (kind === undefined) continue;
    if (exclude(node)) {
      if (kind === 'compute') left.push({ node, reason: 'it was excluded' });
      continue;
    }
    if (kind !== 'compute') chosen.set(node, { kind, weights: null });
    else {
      const weights = weightsOf(graph, node);
      if (typeof weights === 'string') left.push({ node, reason: weights });
      else chosen.set(node, { kind, weights });
    }
  }
  // A MatMul's bias: the pair is one operator with a float result, and its sum is quantized where a chosen node reads it.
  for (const [node] of chosen) if (node.opType === 'Add' && node.inputs.some((input) => isMatMulSum(graph, input, node, chosen))) chosen.delete(node);
  return chosen;
}

function isMatMulSum(graph: Graph, input: string, add: Node, chosen: ReadonlyMap<Node, Choice>): boolean {
  const producer = graph.producer(input);
  return producer?.opType === 'MatMul' && chosen.has(producer) && add.inputs.some((other) => other !== input && constantTensor(graph, other) !== undefined);
}

/** Relu and Clip(0, ..) by the chosen node that absorbs each; key: the activation. */
function absorb(graph: Graph, chosen: ReadonlyMap<Node, Choice>): Map<Node, Node> {
  const result = new Map<Node, Node>();
  for (const [node, { kind }] of chosen) {
    if (kind === 'activation' || kind === 'movement' || node.outputs.length !== 1) continue;
    // A MatMul without a quantized result has nothing that could saturate.
    if (node.opType === 'MatMul') continue;
    const reader = graph.soleConsumer(node.outputs[0] ?? '');
    if (!reader || !chosen.has(reader) || reader.inputs[0] !== node.outputs[0]) continue;
    const bounds = activationBounds(graph, reader);
    if (bounds?.min === 0 && bounds.max > 0) result.set(reader, node);
  }
  return result;
}

/** Takes away, until nothing changes, what has no quantized input or no chosen reader. */
function dropUnfed(graph: Graph, chosen: Map<Node, Choice>, absorbedBy: Map<Node, Node>): void {
  const feeds = (node: Node): boolean => node.outputs.some((output) => output !== '' && graph.uses(output).some((use) => isRead(use.node, use.index)));
  const isRead = (reader: Node, index: number): boolean => {
    if (!chosen.has(reader) || index < 0 || !activationInputs(reader).includes(index)) return false;
    return true;
  };
  const isFed = (value: string): boolean => {
    const producer = graph.producer(value);
    if (producer) return chosen.has(producer) && (chosen.get(producer)?.kind !== 'compute' || producer.opType === 'Conv' || feeds(producer));
    return graph.inputs.some((input) => input.name === value && input.elemType === DataType.FLOAT) && !graph.initializers.has(value);
  };
  const isFloatConstant = (value: string): boolean => constantTensor(graph, value)?.dataType === DataType.FLOAT;
  const keeps = (node: Node): boolean => {
    const owner = absorbedBy.get(node);
    if (owner) {
      // An absorbed activation lives and dies with its owner; after Conv it stays even as the last one, since it costs nothing there.
      if (!chosen.has(owner)) return false;
      return owner.opType === 'Conv' || feeds(node);
    }
    const inputs = activationInputs(node).map((index) => node.inputs[index] ?? '');
    if (inputs.every(isFloatConstant)) return false;
    if (!inputs.every((value) => isFloatConstant(value) || isFed(value))) return false;
    return feeds(node);
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const [node, { kind }] of chosen) {
      if (kind === 'compute' || keeps(node)) continue;
      chosen.delete(node);
      absorbedBy.delete(node);
      changed = true;
    }
  }
}

function unitOf(graph: Graph, node: Node, { kind, weights }: Choice, absorbed: Node | null): PlannedUnit {
  const positions = activationInputs(node);
  const constants = positions.filter((index) => constantTensor(graph, node.inputs[index]) !== undefined);
  return {
    node,
    kind,
    absorbed,
    outputs: (absorbed ?? node).outputs.filter((output) => output !== ''),
    activations: positions.filter((index) => !constants.includes(index)),
    constants,
    weights,
  };
}

function planValues(graph: Graph, units: readonly PlannedUnit[], chosen: ReadonlyMap<Node, Choice>): Map<string, PlannedValue> {
  const read = new Set<string>();
  for (const unit of units) for (const index of unit.activations) read.add(unit.node.inputs[index] ?? '');
  const values = new Map<string, PlannedValue>();
  const add = (name: string, made: boolean, maker: Node | undefined): void => {
    if (!values.has(name)) values.set(name, { name, root: name, made, ...limitsOf(graph, name, maker) });
  };
  for (const unit of units) {
    for (const index of unit.activations) {
      const name = unit.node.inputs[index] ?? '';
      const producer = graph.producer(name);
      if (!producer || !chosen.has(producer)) add(name, false, producer);
    }
    // Conv has no kernel from int8 to float; Gemm and MatMul have one.
    const quantizes = unit.kind !== 'compute' || unit.node.opType === 'Conv';
    for (const output of unit.outputs) {
      if (!quantizes && !read.has(output)) continue;
      const source = unit.kind === 'movement' ? values.get(unit.node.inputs[0] ?? '') : undefined;
      if (source) values.set(output, { ...source, name: output, made: true });
      else add(output, true, unit.absorbed ?? unit.node);
    }
  }
  return values;
}
