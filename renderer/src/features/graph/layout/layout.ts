/* oxlint-disable typescript/no-non-null-assertion -- every position is in bounds by construction */
/**
 * A graph in rows, from top to bottom (Sugiyama's way): rows, order inside of the rows, places. Every part is linear but for sorting, and
 * bounded: whatever graph comes, no more than `MOST_PLACES` places are made for long edges. Pure, so that it runs in a worker. docs/graph.md
 */
import { placeItems } from './place.ts';
import { linksOf, rankNodes } from './ranks.ts';
import { orderRows } from './rows.ts';

const MOST_PLACES = 60_000;
const GAP = 28;
const PLACE_GAP = 14;

export interface LayoutInput {
  /** Of each node, px. */
  readonly widths: Float32Array;
  /** Pairs from, to. */
  readonly edges: Int32Array;
}

export interface Layout {
  /** Centre of each node. */
  readonly x: Float32Array;
  readonly rank: Int32Array;
  readonly rows: number;
  readonly width: number;
  /** By node: where its long edges begin in `placeX`, one a row below it; -1 where it has none. */
  readonly chain: Int32Array;
  readonly chainLength: Int32Array;
  readonly placeX: Float32Array;
  /** Pairs of `edges` that have no places. */
  readonly direct: Int32Array;
}

export function layOut({ widths, edges }: LayoutInput): Layout {
  const nodes = widths.length;
  const links = linksOf(nodes, edges);
  const ranks = rankNodes(nodes, links);
  const rows = orderRows(nodes, links, ranks, MOST_PLACES);
  const x = placeItems(rows, { widths, gap: GAP, placeGap: PLACE_GAP });
  let width = 0;
  for (let node = 0; node < nodes; node++) width = Math.max(width, x[node]! + widths[node]! / 2);
  for (let item = nodes; item < rows.items; item++) width = Math.max(width, x[item]!);
  return {
    x: x.slice(0, nodes),
    rank: ranks.rank,
    rows: ranks.count,
    width,
    chain: rows.chain.map((place) => (place < 0 ? -1 : place - nodes)),
    chainLength: rows.chainLength,
    placeX: x.slice(nodes),
    direct: Int32Array.from(rows.direct),
  };
}
