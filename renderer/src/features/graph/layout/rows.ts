/* oxlint-disable typescript/no-non-null-assertion -- every position is in bounds by construction */
/**
 * The order inside of each row. Edges over several rows get a place in each row that they cross; edges out of the same node share them.
 * Then rows are sorted by where their neighbours stand, downwards and upwards in turn, and the order with the fewest crossings is kept.
 */
import type { Links, Ranks } from './ranks.ts';

/** Sweeps are worth the most at the beginning; a bound in items keeps the time linear. */
const MOST_SWEEPS = 16;
const SWEPT_ITEMS = 600_000;
const IDLE_SWEEPS = 4;

/** Nodes and, behind them in number, the places of long edges. */
export interface Rows {
  readonly items: number;
  /** Of every item. */
  readonly rank: Int32Array;
  /** Items of each row, from left to right. */
  readonly rows: readonly Int32Array[];
  /** Pairs of items in adjacent rows, upper first. */
  readonly steps: Int32Array;
  /** By node: its first place, or -1; places of one node are numbered on, one a row. */
  readonly chain: Int32Array;
  readonly chainLength: Int32Array;
  /** Pairs without a place: too many rows to cross, or against the direction. */
  readonly direct: readonly number[];
}

export function orderRows(nodes: number, links: Links, ranks: Ranks, mostPlaces: number): Rows {
  const { edges } = links;
  const { chainLength, direct } = chainsOf(nodes, links, ranks, mostPlaces);
  const chain = new Int32Array(nodes).fill(-1);
  let items = nodes;
  for (let node = 0; node < nodes; node++) {
    if (chainLength[node] === 0) continue;
    chain[node] = items;
    items += chainLength[node]!;
  }
  const rank = new Int32Array(items);
  rank.set(ranks.rank);
  const steps: number[] = [];
  for (let node = 0; node < nodes; node++) {
    for (let place = 0; place < chainLength[node]!; place++) {
      const item = chain[node]! + place;
      rank[item] = ranks.rank[node]! + 1 + place;
      steps.push(place === 0 ? node : item - 1, item);
    }
  }
  const skipped = new Set(direct);
  for (let pair = 0; pair * 2 < edges.length; pair++) {
    if (skipped.has(pair)) continue;
    const [from, to] = [edges[pair * 2]!, edges[pair * 2 + 1]!];
    const span = rank[to]! - rank[from]!;
    steps.push(span === 1 ? from : chain[from]! + span - 2, to);
  }
  const flat = Int32Array.from(steps);
  const rows = sortRows(items, ranks, flat, startOrder(nodes, ranks, chain, chainLength));
  return { items, rank, rows, steps: flat, chain, chainLength, direct };
}

/** Short edges get their places first; where places run out, the long ones go without. */
function chainsOf(nodes: number, { edges }: Links, { rank, backwards }: Ranks, mostPlaces: number): { chainLength: Int32Array; direct: number[] } {
  const chainLength = new Int32Array(nodes);
  const direct = [...backwards];
  const against = new Set(backwards);
  const long: number[] = [];
  const span = (pair: number): number => rank[edges[pair * 2 + 1]!]! - rank[edges[pair * 2]!]!;
  for (let pair = 0; pair * 2 < edges.length; pair++) if (!against.has(pair) && span(pair) > 1) long.push(pair);
  long.sort((a, b) => span(a) - span(b));
  let places = 0;
  for (const pair of long) {
    const from = edges[pair * 2]!;
    const more = Math.max(0, span(pair) - 1 - chainLength[from]!);
    if (places + more > mostPlaces) direct.push(pair);
    else {
      places += more;
      chainLength[from]! += more;
    }
  }
  return { chainLength, direct };
}

/** Every node in order of computation, its places with it. */
function startOrder(nodes: number, { rank, order, count }: Ranks, chain: Int32Array, chainLength: Int32Array): number[][] {
  const rows: number[][] = Array.from({ length: count }, () => []);
  for (let index = 0; index < nodes; index++) {
    const node = order[index]!;
    rows[rank[node]!]!.push(node);
    for (let place = 0; place < chainLength[node]!; place++) rows[rank[node]! + 1 + place]!.push(chain[node]! + place);
  }
  return rows;
}

function sortRows(items: number, { count }: Ranks, steps: Int32Array, start: readonly number[][]): Int32Array[] {
  const above = neighbours(items, steps, 1);
  const below = neighbours(items, steps, 0);
  const rows = start.map((row) => Int32Array.from(row));
  const position = new Int32Array(items);
  const number = (row: Int32Array): void => row.forEach((item, index) => (position[item] = index));
  rows.forEach(number);
  const key = new Float64Array(items);
  const sort = (row: Int32Array, side: Neighbours): void => {
    for (const item of row) {
      let sum = 0;
      const [from, to] = [side.start[item]!, side.start[item + 1]!];
      for (let index = from; index < to; index++) sum += position[side.item[index]!]!;
      key[item] = to > from ? sum / (to - from) : position[item]!;
    }
    row.sort((a, b) => key[a]! - key[b]! || position[a]! - position[b]!);
    number(row);
  };
  let best = rows.map((row) => row.slice());
  let fewest = crossings(rows, below, position);
  const sweeps = Math.max(2, Math.min(MOST_SWEEPS, Math.floor(SWEPT_ITEMS / Math.max(1, items))));
  for (let sweep = 0, idle = 0; sweep < sweeps && idle < IDLE_SWEEPS && fewest > 0; sweep++) {
    if (sweep % 2 === 0) for (let row = 1; row < count; row++) sort(rows[row]!, above);
    else for (let row = count - 2; row >= 0; row--) sort(rows[row]!, below);
    const found = crossings(rows, below, position);
    idle = found < fewest ? 0 : idle + 1;
    if (found >= fewest) continue;
    fewest = found;
    best = rows.map((row) => row.slice());
  }
  return best;
}

export interface Neighbours {
  readonly start: Int32Array;
  readonly item: Int32Array;
}

/** @param side 0: by upper item, its lower ones; 1: by lower item, its upper ones */
export function neighbours(items: number, steps: Int32Array, side: 0 | 1): Neighbours {
  const start = new Int32Array(items + 1);
  for (let at = side; at < steps.length; at += 2) start[steps[at]! + 1]!++;
  for (let item = 0; item < items; item++) start[item + 1]! += start[item]!;
  const fill = start.slice();
  const item = new Int32Array(steps.length / 2);
  for (let at = 0; at < steps.length; at += 2) item[fill[steps[at + side]!]!++] = steps[at + 1 - side]!;
  return { start, item };
}

/** Pairs of steps that cross, counted row by row with a Fenwick tree. */
function crossings(rows: readonly Int32Array[], below: Neighbours, position: Int32Array): number {
  let total = 0;
  for (let index = 0; index + 1 < rows.length; index++) {
    const size = rows[index + 1]!.length;
    const tree = new Int32Array(size + 1);
    let seen = 0;
    for (const item of rows[index]!) {
      const ends = below.item.slice(below.start[item]!, below.start[item + 1]!).map((lower) => position[lower]!).sort();
      for (const end of ends) {
        let before = 0;
        for (let at = end + 1; at > 0; at -= at & -at) before += tree[at]!;
        total += seen - before;
      }
      for (const end of ends) for (let at = end + 1; at <= size; at += at & -at) tree[at]!++;
      seen += ends.length;
    }
  }
  return total;
}
