/** Places on the screen: Mercator, as on the maps that people know; a view is a piece of that plane. */

/** On the plane the world is 1 wide, x from the west to the east, y from the north to the south. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The middle of what is seen, and how many px the whole world would be wide. */
export interface View extends Point {
  readonly scale: number;
}

const MOST_LATITUDE = 85;
export const MIN_SCALE = 200;
export const MAX_SCALE = 400_000;
/** Around the stores that are furthest out, px. */
const MARGIN = 48;
/** A single store is shown with its surroundings, some 400 km. */
const LEAST_SPAN = 0.01;

export function project(latitude: number, longitude: number): Point {
  const radians = (Math.min(MOST_LATITUDE, Math.max(-MOST_LATITUDE, latitude)) * Math.PI) / 180;
  return { x: (longitude + 180) / 360, y: 0.5 - Math.log(Math.tan(Math.PI / 4 + radians / 2)) / (2 * Math.PI) };
}

export function toScreen({ x, y }: Point, view: View, width: number, height: number): Point {
  return { x: width / 2 + (x - view.x) * view.scale, y: height / 2 + (y - view.y) * view.scale };
}

/** The view that holds all of them. */
export function fit(points: readonly Point[], width: number, height: number): View {
  if (points.length === 0 || width <= 0 || height <= 0) return { x: 0.5, y: 0.42, scale: Math.max(MIN_SCALE, width) };
  const xs = points.map(({ x }) => x);
  const ys = points.map(({ y }) => y);
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const scale = Math.min(Math.max(40, width - 2 * MARGIN) / Math.max(LEAST_SPAN, right - left), Math.max(40, height - 2 * MARGIN) / Math.max(LEAST_SPAN, bottom - top));
  return { x: (left + right) / 2, y: (top + bottom) / 2, scale: clampScale(scale) };
}

/** Nearer or further, with what is at `at` (px from the middle) staying where it is. */
export function zoom(view: View, factor: number, at: Point = { x: 0, y: 0 }): View {
  const scale = clampScale(view.scale * factor);
  return { x: view.x + at.x / view.scale - at.x / scale, y: view.y + at.y / view.scale - at.y / scale, scale };
}

export interface Cluster<T> extends Point {
  readonly items: readonly T[];
}

/** Things that would lie on each other become one: by cells of the screen, the first of a cell gives the place. */
export function cluster<T extends Point>(items: readonly T[], view: View, width: number, height: number, cellPx: number): readonly Cluster<T>[] {
  const cells = new Map<string, { x: number; y: number; items: T[] }>();
  for (const item of items) {
    const { x, y } = toScreen(item, view, width, height);
    if (x < -cellPx || y < -cellPx || x > width + cellPx || y > height + cellPx) continue;
    // By the plane, not by the window: clusters do not change while the map is dragged.
    const key = `${Math.floor((item.x * view.scale) / cellPx)} ${Math.floor((item.y * view.scale) / cellPx)}`;
    const cell = cells.get(key);
    if (cell) cell.items.push(item);
    else cells.set(key, { x, y, items: [item] });
  }
  return [...cells.values()];
}

function clampScale(scale: number): number {
  return Math.min(MAX_SCALE, Math.max(MIN_SCALE, scale));
}
