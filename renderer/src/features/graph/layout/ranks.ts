/* oxlint-disable typescript/no-non-null-assertion -- every position is in bounds by construction */
/** Which row each node stands in: the longest path from a source, so that every edge leads downwards. */

export interface Links {
  /** Pairs from, to. */
  readonly edges: Int32Array;
  /** By node: positions in `edges` (of pairs) that lead away from it, `start[node]` to `start[node + 1]`. */
  readonly out: { readonly start: Int32Array; readonly pair: Int32Array };
}

export function linksOf(nodes: number, edges: Int32Array): Links {
  const start = new Int32Array(nodes + 1);
  for (let at = 0; at < edges.length; at += 2) start[(edges[at] ?? 0) + 1]!++;
  for (let node = 0; node < nodes; node++) start[node + 1]! += start[node]!;
  const fill = start.slice();
  const pair = new Int32Array(edges.length / 2);
  for (let at = 0; at < edges.length; at += 2) pair[fill[edges[at]!]!++] = at / 2;
  return { edges, out: { start, pair } };
}

export interface Ranks {
  readonly rank: Int32Array;
  readonly count: number;
  /** Nodes in an order in which every edge but those of cycles leads forwards. */
  readonly order: Int32Array;
  /** Pairs that lead upwards or sideways: those that close a cycle. */
  readonly backwards: readonly number[];
}

export function rankNodes(nodes: number, { edges, out }: Links): Ranks {
  const waiting = new Int32Array(nodes);
  for (let at = 1; at < edges.length; at += 2) waiting[edges[at]!]!++;
  const rank = new Int32Array(nodes);
  const order = new Int32Array(nodes);
  const done = new Uint8Array(nodes);
  let taken = 0;
  let read = 0;
  let next = 0;
  const take = (node: number): void => {
    done[node] = 1;
    order[taken++] = node;
  };
  for (let node = 0; node < nodes; node++) if (waiting[node] === 0) take(node);
  const sources = taken;
  for (;;) {
    if (read === taken) {
      if (taken === nodes) break;
      // A cycle: the first node that is left begins it.
      while (done[next]) next++;
      take(next);
    }
    const node = order[read++]!;
    for (let index = out.start[node]!; index < out.start[node + 1]!; index++) {
      const to = edges[out.pair[index]! * 2 + 1]!;
      if (done[to]) continue;
      rank[to] = Math.max(rank[to]!, rank[node]! + 1);
      if (--waiting[to]! === 0) take(to);
    }
  }
  // What nothing leads to stands right above what reads it first.
  for (let index = 0; index < sources; index++) {
    const node = order[index]!;
    let above = Number.POSITIVE_INFINITY;
    for (let at = out.start[node]!; at < out.start[node + 1]!; at++) above = Math.min(above, rank[edges[out.pair[at]! * 2 + 1]!]! - 1);
    if (Number.isFinite(above) && above > 0) rank[node] = above;
  }
  const backwards: number[] = [];
  let count = 0;
  for (let node = 0; node < nodes; node++) count = Math.max(count, rank[node]! + 1);
  for (let at = 0; at < edges.length; at += 2) if (rank[edges[at]!]! >= rank[edges[at + 1]!]!) backwards.push(at / 2);
  return { rank, count, order, backwards };
}
