/** What is drawn of a graph: a box for each unit or for each node, and boxes for inputs and outputs. */
import type { ModelGraph } from '../../../../src/contract/records/graph.ts';

export type Detail = 'units' | 'nodes';

export interface Box {
  readonly title: string;
  readonly name: string;
  /** Positions in the graph's nodes; empty for inputs and outputs. */
  readonly nodes: readonly number[];
  readonly unit: number | null;
  readonly terminal: 'input' | 'output' | null;
}

export interface Picture {
  readonly boxes: readonly Box[];
  /** Pairs of boxes, each once. */
  readonly edges: Int32Array;
  /** By node. */
  readonly boxOf: Int32Array;
}

export function pictureOf(graph: ModelGraph, detail: Detail): Picture {
  const boxes: Box[] = detail === 'units'
    ? graph.units.map((unit, index) => ({ title: shortKind(unit.kind), name: graph.nodes[unit.core]?.name ?? '', nodes: unit.nodes, unit: index, terminal: null }))
    : graph.nodes.map((node, index) => ({ title: shortKind(node.op), name: node.name, nodes: [index], unit: node.unit, terminal: null }));
  const boxOf = new Int32Array(graph.nodes.length);
  boxes.forEach((box, index) => box.nodes.forEach((node) => (boxOf[node] = index)));
  const first = boxes.length;
  for (const { name } of graph.inputs) boxes.push({ title: name, name, nodes: [], unit: null, terminal: 'input' });
  for (const { name } of graph.outputs) boxes.push({ title: name, name, nodes: [], unit: null, terminal: 'output' });
  const place = (end: number): number => (end < graph.nodes.length ? (boxOf[end] ?? 0) : first + end - graph.nodes.length);
  const seen = new Set<number>();
  const edges: number[] = [];
  for (let at = 0; at + 1 < graph.edges.length; at += 2) {
    const [from, to] = [place(graph.edges[at] ?? 0), place(graph.edges[at + 1] ?? 0)];
    const key = from * boxes.length + to;
    if (from === to || seen.has(key)) continue;
    seen.add(key);
    edges.push(from, to);
  }
  return { boxes, edges: Int32Array.from(edges), boxOf };
}

const SHORT: readonly (readonly [RegExp, string])[] = [
  [/BatchNormalization/g, 'BN'],
  [/LayerNormalization/g, 'LN'],
  [/InstanceNormalization/g, 'IN'],
  [/\+/g, ' + '],
];

/** Conv+BatchNormalization+Relu reads Conv + BN + Relu. */
export function shortKind(kind: string): string {
  return SHORT.reduce((text, [long, short]) => text.replace(long, short), kind);
}
