/* oxlint-disable typescript/no-non-null-assertion -- every position is in bounds by construction */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../../src/base/random.ts';
import { layOut, type Layout } from './layout.ts';

const widths = (nodes: number): Float32Array => new Float32Array(nodes).fill(100);
const laidOut = (nodes: number, pairs: readonly (readonly [number, number])[]): Layout => layOut({ widths: widths(nodes), edges: Int32Array.from(pairs.flat()) });

/** What makes a drawing readable: edges lead down, nothing lies over another. */
function expectReadable(layout: Layout, pairs: readonly (readonly [number, number])[], nodes: number): void {
  const direct = new Set(layout.direct);
  pairs.forEach(([from, to], index) => {
    if (!direct.has(index)) expect(layout.rank[to]!).toBeGreaterThan(layout.rank[from]!);
  });
  const rows = new Map<number, number[]>();
  for (let node = 0; node < nodes; node++) rows.set(layout.rank[node]!, [...(rows.get(layout.rank[node]!) ?? []), layout.x[node]!]);
  for (const xs of rows.values()) {
    xs.sort((a, b) => a - b);
    for (let index = 1; index < xs.length; index++) expect(xs[index]! - xs[index - 1]!).toBeGreaterThanOrEqual(127.9);
    expect(xs[0]).toBeGreaterThanOrEqual(49.9);
    expect(xs.at(-1)).toBeLessThanOrEqual(layout.width - 49.9);
  }
}

describe('the layout', () => {
  it('draws a chain as a straight line', () => {
    const layout = laidOut(4, [[0, 1], [1, 2], [2, 3]]);
    expect([...layout.rank]).toEqual([0, 1, 2, 3]);
    expect(new Set(layout.x)).toEqual(new Set([50]));
  });

  it('leads a shortcut beside the branch, in as many places as rows it crosses', () => {
    const pairs = [[0, 1], [1, 2], [2, 3], [0, 3]] as const;
    const layout = laidOut(4, pairs);
    expect(layout.chainLength[0]).toBe(2);
    expect(layout.placeX).toHaveLength(2);
    for (const place of layout.placeX) expect(Math.abs(place - layout.x[1]!)).toBeGreaterThan(50);
    expectReadable(layout, pairs, 4);
  });

  it('puts what nothing leads to right above what reads it', () => {
    expect([...laidOut(4, [[0, 1], [1, 2], [3, 2]]).rank]).toEqual([0, 1, 2, 1]);
  });

  it('untangles two branches that were listed crosswise', () => {
    const layout = laidOut(6, [[0, 1], [0, 2], [1, 4], [2, 3], [3, 5], [4, 5]]);
    expect(Math.sign(layout.x[1]! - layout.x[2]!)).toBe(Math.sign(layout.x[4]! - layout.x[3]!));
  });

  it('survives what no model should hold: cycles, nodes without edges, nothing at all', () => {
    const cycle = laidOut(3, [[0, 1], [1, 2], [2, 0]]);
    expect(cycle.direct).toHaveLength(1);
    expect(laidOut(3, []).rows).toBe(1);
    expect(laidOut(0, []).rows).toBe(0);
  });

  it.each([1, 2, 3, 4, 5])('keeps random graphs readable (seed %i)', (seed) => {
    const random = seededRandom(seed);
    const nodes = 120;
    const pairs = Array.from({ length: 220 }, () => {
      const from = Math.floor(random() * (nodes - 1));
      return [from, from + 1 + Math.floor(random() * Math.min(30, nodes - 1 - from))] as const;
    });
    expectReadable(laidOut(nodes, pairs), pairs, nodes);
  });

  it('is bounded where every node is read by the last one', () => {
    const nodes = 3000;
    const pairs = Array.from({ length: nodes - 1 }, (_, node) => [[node, node + 1], [node, nodes - 1]] as const).flat();
    const layout = laidOut(nodes, pairs);
    expect(layout.placeX.length).toBeLessThanOrEqual(60_000);
    expect(layout.direct.length).toBeGreaterThan(1000);
    expectReadable(layout, pairs, nodes);
  });
});
