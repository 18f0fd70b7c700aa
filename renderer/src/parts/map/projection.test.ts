import { describe, expect, it } from 'vitest';
import { cluster, fit, project, toScreen, zoom } from './projection.ts';

const shanghai = project(31.23, 121.47);
const berlin = project(52.52, 13.41);

describe('the map', () => {
  it('has the west on the left, the north above and the equator in the middle', () => {
    expect(berlin.x).toBeLessThan(shanghai.x);
    expect(berlin.y).toBeLessThan(shanghai.y);
    expect(project(0, 0)).toEqual({ x: 0.5, y: 0.5 });
    expect(project(90, 0).y).toBeGreaterThanOrEqual(0);
  });

  it('shows every store when it is fitted, also a single one', () => {
    for (const points of [[shanghai, berlin], [shanghai]]) {
      const view = fit(points, 300, 500);
      for (const point of points) {
        const { x, y } = toScreen(point, view, 300, 500);
        expect(x >= 0 && x <= 300 && y >= 0 && y <= 500).toBe(true);
      }
    }
  });

  it('keeps the place under the pointer while it is zoomed', () => {
    const view = fit([shanghai, berlin], 400, 400);
    const before = toScreen(shanghai, view, 400, 400);
    const after = toScreen(shanghai, zoom(view, 3, { x: before.x - 200, y: before.y - 200 }), 400, 400);
    expect(after.x).toBeCloseTo(before.x, 6);
    expect(after.y).toBeCloseTo(before.y, 6);
  });

  it('draws neighbours as one until there is room for each', () => {
    const shops = [shanghai, project(31.24, 121.48), project(31.9, 122.4)];
    const far = cluster(shops, { ...shanghai, scale: 500 }, 400, 400, 16);
    expect(far.map(({ items }) => items.length)).toEqual([3]);
    const near = cluster(shops, { ...shanghai, scale: 60_000 }, 400, 400, 16);
    expect(near.length).toBeGreaterThan(1);
    expect(near.reduce((sum, { items }) => sum + items.length, 0)).toBe(3);
  });
});
