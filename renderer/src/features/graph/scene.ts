/**
 * A laid-out picture, indexed by row: what is in sight, and what is under the pointer, are found without looking at the rest. World
 * coordinates are px at a zoom of 1.
 */
import type { Layout, LayoutInput } from './layout/layout.ts';
import type { Picture } from './picture.ts';

export const BOX_WIDTH = 190;
export const BOX_HEIGHT = 44;
export const TERMINAL_WIDTH = 130;
export const PITCH = 76;

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Scene {
  readonly picture: Picture;
  readonly layout: Layout;
  readonly width: number;
  readonly height: number;
  /** Boxes of each row, from left to right. */
  readonly rows: readonly Int32Array[];
  /** By row: pairs of x, at its lower edge and at the upper edge of the next row. */
  readonly segments: readonly Float32Array[];
  /** By row: x of long edges that pass through it. */
  readonly passing: readonly Float32Array[];
  readonly from: Links;
  readonly to: Links;
}

/** By box: positions of pairs in the picture's edges. */
export type Links = readonly (readonly number[])[];

export function layoutInput({ boxes, edges }: Picture): LayoutInput {
  return { widths: Float32Array.from(boxes, ({ terminal }) => (terminal === null ? BOX_WIDTH : TERMINAL_WIDTH)), edges };
}

export function buildScene(picture: Picture, layout: Layout): Scene {
  const { boxes, edges } = picture;
  const rows: number[][] = Array.from({ length: layout.rows }, () => []);
  const segments: number[][] = rows.map(() => []);
  const passing: number[][] = rows.map(() => []);
  boxes.forEach((_, box) => rows[layout.rank[box] ?? 0]?.push(box));
  for (const row of rows) row.sort((a, b) => (layout.x[a] ?? 0) - (layout.x[b] ?? 0));
  boxes.forEach((_, box) => {
    const length = layout.chainLength[box] ?? 0;
    for (let place = 0; place < length; place++) {
      const row = (layout.rank[box] ?? 0) + place;
      segments[row]?.push(chainX(layout, box, place - 1), chainX(layout, box, place));
      passing[row + 1]?.push(chainX(layout, box, place));
    }
  });
  const from: number[][] = boxes.map(() => []);
  const to: number[][] = boxes.map(() => []);
  const direct = new Set(layout.direct);
  for (let pair = 0; pair * 2 < edges.length; pair++) {
    const [a, b] = [edges[pair * 2] ?? 0, edges[pair * 2 + 1] ?? 0];
    from[a]?.push(pair);
    to[b]?.push(pair);
    if (direct.has(pair)) continue;
    const row = (layout.rank[b] ?? 0) - 1;
    segments[row]?.push(chainX(layout, a, row - (layout.rank[a] ?? 0) - 1), layout.x[b] ?? 0);
  }
  return {
    picture, layout,
    width: Math.max(layout.width, BOX_WIDTH),
    height: Math.max(0, layout.rows - 1) * PITCH + BOX_HEIGHT,
    rows: rows.map((row) => Int32Array.from(row)),
    segments: segments.map((row) => Float32Array.from(row)),
    passing: passing.map((row) => Float32Array.from(row)),
    from, to,
  };
}

/** @param place -1: the box itself */
function chainX({ x, chain, placeX }: Layout, box: number, place: number): number {
  return (place < 0 ? x[box] : placeX[(chain[box] ?? 0) + place]) ?? 0;
}

/** Where an edge runs: a point for each row that it crosses, ends included; two where it has no places. */
export function edgePath({ picture: { edges }, layout }: Scene, pair: number): Point[] {
  const [from, to] = [edges[pair * 2] ?? 0, edges[pair * 2 + 1] ?? 0];
  const [top, bottom] = [layout.rank[from] ?? 0, layout.rank[to] ?? 0];
  const path: Point[] = [{ x: layout.x[from] ?? 0, y: top * PITCH + BOX_HEIGHT }];
  if (!layout.direct.includes(pair)) {
    for (let row = top + 1; row < bottom; row++) {
      const x = chainX(layout, from, row - top - 1);
      path.push({ x, y: row * PITCH }, { x, y: row * PITCH + BOX_HEIGHT });
    }
  }
  path.push({ x: layout.x[to] ?? 0, y: bottom * PITCH });
  return path;
}

export function boxWidth({ picture }: Scene, box: number): number {
  return picture.boxes[box]?.terminal === null ? BOX_WIDTH : TERMINAL_WIDTH;
}

export function boxCentre({ layout }: Scene, box: number): Point {
  return { x: layout.x[box] ?? 0, y: (layout.rank[box] ?? 0) * PITCH + BOX_HEIGHT / 2 };
}

/** The box at a point, or null. */
export function boxAt(scene: Scene, { x, y }: Point): number | null {
  const index = Math.floor(y / PITCH);
  const row = scene.rows[index];
  if (!row || y - index * PITCH > BOX_HEIGHT) return null;
  const box = row[firstFrom(scene, row, x)];
  return box !== undefined && Math.abs((scene.layout.x[box] ?? 0) - x) <= boxWidth(scene, box) / 2 ? box : null;
}

/** Position in the row of the first box that ends at or behind x. */
export function firstFrom(scene: Scene, row: Int32Array, x: number): number {
  let [low, high] = [0, row.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const box = row[middle] ?? 0;
    if ((scene.layout.x[box] ?? 0) + boxWidth(scene, box) / 2 < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The box one step away: along an edge, or beside it in its row. */
export function neighbourOf(scene: Scene, box: number, direction: 'up' | 'down' | 'left' | 'right'): number | null {
  const { edges } = scene.picture;
  if (direction === 'up' || direction === 'down') {
    const pair = (direction === 'down' ? scene.from : scene.to)[box]?.[0];
    return pair === undefined ? null : (edges[pair * 2 + (direction === 'down' ? 1 : 0)] ?? null);
  }
  const row = scene.rows[scene.layout.rank[box] ?? 0];
  return row?.[row.indexOf(box) + (direction === 'right' ? 1 : -1)] ?? null;
}
