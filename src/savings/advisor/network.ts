/** What a model costs, layer by layer and in the order of computation, as the estimates need it: counts of numbers, no bytes yet. */
import type { GraphNode, ModelGraph } from '../../contract/records/graph.ts';
import type { ComputeType } from '../../contract/records/hardware.ts';

export interface NetworkLayer {
  readonly name: string;
  /** Operator that it is there for; `ops` are all that a runtime computes with it. */
  readonly op: string;
  readonly ops: readonly string[];
  readonly macs: number;
  /** Numbers: of the weights, read from other layers, and written. */
  readonly weights: number;
  readonly inputs: number;
  readonly outputs: number;
  /** As the file has it. */
  readonly precision: ComputeType;
}

export interface Network {
  readonly layers: readonly NetworkLayer[];
  /** Numbers that are still needed between layers: `cut[i]` before layer i, `cut[0]` the inputs, the last the outputs. */
  readonly cut: readonly number[];
  readonly weights: number;
  readonly macs: number;
  readonly quantized: boolean;
  /** A dimension is not a number, the first of an input aside. */
  readonly dynamic: boolean;
  /** Layers whose cost could not be counted. */
  readonly unknown: number;
}

/** Folded away or free in every runtime. */
const FREE: ReadonlySet<string> = new Set(['Identity', 'Dropout', 'Shape', 'Constant', 'BatchNormalization', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'QuantizeLinear', 'DequantizeLinear']);
/** Beside another operator: rounding belongs to it, and every recipe begins with folding the others into it. */
const GONE: ReadonlySet<string> = new Set(['QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear', 'BatchNormalization', 'Identity', 'Dropout', 'Constant', 'Cast']);
const BYTES: Readonly<Record<string, number>> = { float32: 4, float16: 2, float64: 8, bfloat16: 2, int64: 8, int32: 4, int16: 2, int8: 1, uint8: 1, bool: 1 };
/** Values so small are the small change of a graph: shapes, bounds. */
const SMALL = 16;

export function networkOf(graph: ModelGraph): Network {
  const { nodes, units, edges, inputs } = graph;
  const order = units.map((_, index) => index).toSorted((a, b) => lastNode(units[a]) - lastNode(units[b]));
  const positionOfUnit = new Map(order.map((unit, position) => [unit, position]));
  const positionOf = (node: number): number => positionOfUnit.get(nodes[node]?.unit ?? -1) ?? 0;
  const inputSize = (index: number): number => (inputs[index]?.shape ?? []).reduce<number>((product, size) => product * (typeof size === 'number' && size > 0 ? size : 1), 1);

  /** Where what a node or an input makes is needed last; the outputs of the model are needed behind all layers. */
  const neededUntil = new Map<number, number>();
  const feeds = new Map<number, Set<number>>();
  for (let at = 0; at + 1 < edges.length; at += 2) {
    const [from, to] = [edges[at] ?? 0, edges[at + 1] ?? 0];
    const end = to < nodes.length ? positionOf(to) : order.length;
    neededUntil.set(from, Math.max(neededUntil.get(from) ?? -1, end));
    if (to < nodes.length && (from >= nodes.length || positionOf(from) !== positionOf(to))) {
      const unit = nodes[to]?.unit ?? 0;
      feeds.set(unit, (feeds.get(unit) ?? new Set()).add(from));
    }
  }
  const sizeOf = (from: number): number => (from < nodes.length ? elements(nodes[from]) : inputSize(from - nodes.length));

  const layers = order.map((unit): NetworkLayer => {
    const members = (units[unit]?.nodes ?? []).flatMap((index) => nodes[index] ?? []);
    const core = nodes[units[unit]?.core ?? 0];
    const precision = units[unit]?.precision ?? 'float32';
    const leaving = (units[unit]?.nodes ?? []).filter((index) => (neededUntil.get(index) ?? -1) > (positionOfUnit.get(unit) ?? 0));
    return {
      name: core?.name ?? '',
      op: core?.op ?? '',
      ops: [...new Set(members.map(({ op }) => op).filter((op) => op === core?.op || !GONE.has(op)))],
      macs: members.reduce((sum, node) => sum + (node.macs ?? 0), 0),
      weights: members.reduce((sum, node) => sum + node.parameters, 0),
      inputs: [...(feeds.get(unit) ?? [])].reduce((sum, from) => sum + sizeOf(from), 0),
      outputs: leaving.reduce((sum, index) => sum + elements(nodes[index]), 0),
      precision: precision === 'float16' ? 'fp16' : precision === 'int8' ? 'int8' : precision === 'int4' ? 'int4' : 'fp32',
    };
  });

  const cut = Array.from({ length: order.length + 1 }, () => 0);
  for (const [from, until] of neededUntil) {
    const made = from < nodes.length ? positionOf(from) + 1 : 0;
    for (let at = made; at <= until; at++) cut[at] = (cut[at] ?? 0) + sizeOf(from);
  }
  const counted = layers.map((layer, index) => ({ layer, cut: cut[index] ?? 0 })).filter(({ layer }) => !isFree(layer));
  return {
    layers: counted.map(({ layer }) => layer),
    cut: [...counted.map((entry) => entry.cut), cut.at(-1) ?? 0],
    weights: layers.reduce((sum, layer) => sum + layer.weights, 0),
    macs: layers.reduce((sum, layer) => sum + layer.macs, 0),
    quantized: layers.some(({ precision }) => precision === 'int8' || precision === 'int4'),
    dynamic: inputs.some(({ shape }) => shape === null || shape.slice(1).some((size) => typeof size !== 'number' || size < 0)),
    unknown: nodes.filter(({ macs, activationBytes }) => macs === null || activationBytes === null).length,
  };
}

function lastNode(unit: ModelGraph['units'][number] | undefined): number {
  return unit === undefined ? -1 : Math.max(unit.core, ...unit.nodes);
}

function isFree({ op, ops, macs, weights, outputs }: NetworkLayer): boolean {
  if (macs > 0) return false;
  return outputs <= SMALL && weights <= SMALL ? true : FREE.has(op) && ops.every((name) => FREE.has(name));
}

function elements(node: GraphNode | undefined): number {
  return node === undefined || node.activationBytes === null ? 0 : node.activationBytes / (BYTES[node.type] ?? 4);
}
