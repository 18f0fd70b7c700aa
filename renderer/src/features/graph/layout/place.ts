/* oxlint-disable typescript/no-non-null-assertion -- every position is in bounds by construction */
/**
 * Where each item of a row stands, after Brandes and Koepf, "Fast and Simple Horizontal Coordinate Assignment" (2001): items are aligned
 * with the median of their neighbours in four ways (from above or below, to the left or the right), each way is packed, and an item stands
 * in the middle of its four places. Linear in items and steps.
 */
import { neighbours, type Neighbours, type Rows } from './rows.ts';

export interface Spacing {
  readonly widths: Float32Array;
  /** Between two nodes, and beside the place of a long edge. */
  readonly gap: number;
  readonly placeGap: number;
}

const PLACE_WIDTH = 2;

/** Centres of all items; the leftmost edge is at 0. */
export function placeItems(rows: Rows, spacing: Spacing): Float32Array {
  const nodes = spacing.widths.length;
  const width = (item: number): number => (item < nodes ? spacing.widths[item]! : PLACE_WIDTH);
  const apart = (a: number, b: number): number => (width(a) + width(b)) / 2 + (a < nodes && b < nodes ? spacing.gap : spacing.placeGap);
  const above = neighbours(rows.items, rows.steps, 1);
  const below = neighbours(rows.items, rows.steps, 0);
  const conflicts = innerConflicts(rows, nodes, above);
  const ways: Float64Array[] = [];
  for (const up of [true, false]) {
    for (const left of [true, false]) {
      const turned = rows.rows.map((row) => (left ? row : row.toReversed()));
      const x = pack(turned, align(rows.items, up ? turned : turned.toReversed(), up ? above : below, conflicts), apart);
      if (!left) for (let item = 0; item < x.length; item++) x[item] = -x[item]!;
      ways.push(x);
    }
  }
  const x = middle(ways, width);
  straighten(rows.rows, x);
  let left = Number.POSITIVE_INFINITY;
  for (let item = 0; item < rows.items; item++) left = Math.min(left, x[item]! - width(item) / 2);
  return x.map((value) => value - left);
}

/** Steps between nodes give way to those inside of a long edge, which are to be straight. */
function innerConflicts({ rows, items }: Rows, nodes: number, above: Neighbours): Set<number> {
  const conflicts = new Set<number>();
  const position = new Int32Array(items);
  for (let index = 1; index < rows.length; index++) {
    const [upper, lower] = [rows[index - 1]!, rows[index]!];
    upper.forEach((item, at) => (position[item] = at));
    let from = 0;
    let checked = 0;
    for (let at = 0; at < lower.length; at++) {
      const item = lower[at]!;
      const inner = item >= nodes ? above.item[above.start[item]!] : undefined;
      const isInner = inner !== undefined && inner >= nodes;
      if (!isInner && at !== lower.length - 1) continue;
      const to = isInner ? position[inner]! : upper.length - 1;
      for (; checked <= at; checked++) {
        const other = lower[checked]!;
        for (let step = above.start[other]!; step < above.start[other + 1]!; step++) {
          const end = above.item[step]!;
          if ((position[end]! < from || position[end]! > to) && !(end >= nodes && other >= nodes)) conflicts.add(key(end, other, items));
        }
      }
      from = to;
    }
  }
  return conflicts;
}

function key(a: number, b: number, items: number): number {
  return Math.min(a, b) * items + Math.max(a, b);
}

interface Blocks {
  readonly root: Int32Array;
  /** The next item of the same block, in a circle. */
  readonly next: Int32Array;
}

function align(items: number, rows: readonly Int32Array[], side: Neighbours, conflicts: ReadonlySet<number>): Blocks {
  const root = Int32Array.from({ length: items }, (_, item) => item);
  const next = root.slice();
  const position = new Int32Array(items);
  for (const row of rows) row.forEach((item, at) => (position[item] = at));
  for (const row of rows) {
    let last = -1;
    for (const item of row) {
      const ends = side.item.slice(side.start[item]!, side.start[item + 1]!).sort((a, b) => position[a]! - position[b]!);
      if (ends.length === 0) continue;
      const half = (ends.length - 1) / 2;
      for (let at = Math.floor(half); at <= Math.ceil(half); at++) {
        const end = ends[at]!;
        if (next[item] !== item || last >= position[end]! || conflicts.has(key(end, item, items))) continue;
        next[end] = item;
        root[item] = root[end]!;
        next[item] = root[item]!;
        last = position[end]!;
      }
    }
  }
  return { root, next };
}

/** Blocks as far left as they go, then as far right as their neighbours let them. */
function pack(rows: readonly Int32Array[], { root, next }: Blocks, apart: (a: number, b: number) => number): Float64Array {
  const items = root.length;
  const right = new Int32Array(items).fill(-1);
  const waiting = new Int32Array(items);
  for (const row of rows) {
    for (let at = 1; at < row.length; at++) {
      right[row[at - 1]!] = row[at]!;
      waiting[root[row[at]!]!]!++;
    }
  }
  const x = new Float64Array(items);
  const order: number[] = [];
  for (let item = 0; item < items; item++) if (root[item] === item && waiting[item] === 0) order.push(item);
  const eachRight = (block: number, visit: (item: number, neighbour: number) => void): void => {
    let item = block;
    do {
      if (right[item]! >= 0) visit(item, right[item]!);
      item = next[item]!;
    } while (item !== block);
  };
  for (let read = 0; read < order.length; read++) {
    const block = order[read]!;
    eachRight(block, (item, neighbour) => {
      const other = root[neighbour]!;
      x[other] = Math.max(x[other]!, x[block]! + apart(item, neighbour));
      if (--waiting[other]! === 0) order.push(other);
    });
  }
  for (let read = order.length - 1; read >= 0; read--) {
    const block = order[read]!;
    let least = Number.POSITIVE_INFINITY;
    eachRight(block, (item, neighbour) => (least = Math.min(least, x[root[neighbour]!]! - apart(item, neighbour))));
    if (Number.isFinite(least)) x[block] = Math.max(x[block]!, least);
  }
  for (let item = 0; item < items; item++) x[item] = x[root[item]!]!;
  return x;
}

function middle(ways: readonly Float64Array[], width: (item: number) => number): Float32Array {
  const items = ways[0]?.length ?? 0;
  const spans = ways.map((x) => {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let item = 0; item < items; item++) {
      low = Math.min(low, x[item]! - width(item) / 2);
      high = Math.max(high, x[item]! + width(item) / 2);
    }
    return { low, high };
  });
  const narrowest = spans.reduce((best, span) => (span.high - span.low < best.high - best.low ? span : best), spans[0] ?? { low: 0, high: 0 });
  // Ways 0 and 2 lean to the left, 1 and 3 to the right.
  const shift = spans.map((span, way) => (way % 2 === 0 ? narrowest.low - span.low : narrowest.high - span.high));
  const result = new Float32Array(items);
  for (let item = 0; item < items; item++) {
    const places = ways.map((x, way) => x[item]! + shift[way]!).sort((a, b) => a - b);
    result[item] = (places[1]! + places[2]!) / 2;
  }
  return result;
}

/**
 * Medians of a few neighbours lean to one side, and over hundreds of rows that adds up to a slope. Where a row holds a single item the
 * drawing hangs by it: what is below moves as a whole, so that all of these stand in one line.
 */
function straighten(rows: readonly Int32Array[], x: Float32Array): void {
  let shift: number | null = null;
  let pending: Int32Array[] = [];
  const move = (row: Int32Array, by: number): void => {
    for (const item of row) x[item]! -= by;
  };
  for (const row of rows) {
    const only = row.length === 1 ? row[0]! : undefined;
    if (only !== undefined) {
      shift = x[only]!;
      for (const above of pending) move(above, shift);
      pending = [];
    }
    if (shift === null) pending.push(row);
    else move(row, shift);
  }
}
