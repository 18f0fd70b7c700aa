/** Nodes of two graphs, and of a report, found by name: their own or that of a value they make. */
import type { ModelGraph } from '../../../../src/contract/records/graph.ts';

export type NameIndex = ReadonlyMap<string, readonly number[]>;

export function nameIndex(graph: ModelGraph): NameIndex {
  const found = new Map<string, number[]>();
  const add = (name: string, node: number): void => {
    const nodes = found.get(name);
    if (!nodes) found.set(name, [node]);
    else if (nodes.at(-1) !== node) nodes.push(node);
  };
  graph.nodes.forEach(({ name, outputs }, node) => {
    add(name, node);
    for (const output of outputs) add(output, node);
  });
  return found;
}

export function nodesNamed(index: NameIndex, names: Iterable<string>): number[] {
  const nodes = new Set<number>();
  for (const name of names) for (const node of index.get(name) ?? []) nodes.add(node);
  return [...nodes];
}

/** Names by which nodes are known elsewhere. */
export function namesOf(graph: ModelGraph, nodes: readonly number[]): string[] {
  return nodes.flatMap((node) => [graph.nodes[node]?.name ?? '', ...(graph.nodes[node]?.outputs ?? [])]).filter((name) => name !== '');
}

/**
 * The nodes of another graph that stand for these. A node that has been merged into another is found through its unit; empty: it is gone.
 */
export function counterparts(graph: ModelGraph, nodes: readonly number[], other: NameIndex): number[] {
  const same = nodesNamed(other, namesOf(graph, nodes));
  if (same.length > 0) return same;
  const units = new Set(nodes.map((node) => graph.nodes[node]?.unit ?? -1));
  return nodesNamed(other, namesOf(graph, [...units].flatMap((unit) => graph.units[unit]?.nodes ?? [])));
}
