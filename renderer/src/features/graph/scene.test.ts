import { describe, expect, it } from 'vitest';
import type { ModelGraph } from '../../../../src/contract/records/graph.ts';
import { begin, fit, keepIn, reveal, toWorld, zoomAt } from './camera.ts';
import { layOut } from './layout/layout.ts';
import { pictureOf } from './picture.ts';
import { boxAt, boxCentre, buildScene, edgePath, layoutInput, neighbourOf, type Scene } from './scene.ts';

const node = (name: string, op: string, unit: number): ModelGraph['nodes'][number] => ({ name, op, outputs: [`${name}_out`], type: 'float32', shape: [1], macs: 0, parameters: 0, weightBytes: 0, activationBytes: 4, constants: [], attributes: [], inner: 0, unit });

/** x -> conv+relu -> add -> y, with a shortcut from x to add. */
const graph: ModelGraph = {
  nodes: [node('conv', 'Conv', 0), node('relu', 'Relu', 0), node('add', 'Add', 1)],
  units: [{ kind: 'Conv+Relu', core: 0, nodes: [0, 1], precision: 'float32' }, { kind: 'Add', core: 2, nodes: [2], precision: 'float32' }],
  inputs: [{ name: 'x', type: 'float32', shape: [1] }],
  outputs: [{ name: 'y', type: 'float32', shape: [1] }],
  edges: [3, 0, 0, 1, 1, 2, 3, 2, 2, 4],
  leftOut: { nodes: 0, edges: 0 },
};

function sceneOf(detail: 'units' | 'nodes'): Scene {
  const picture = pictureOf(graph, detail);
  return buildScene(picture, layOut(layoutInput(picture)));
}

describe('the picture', () => {
  it('has a box for each unit or node, and edges between them once', () => {
    expect(pictureOf(graph, 'units').boxes.map(({ title }) => title)).toEqual(['Conv + Relu', 'Add', 'x', 'y']);
    expect([...pictureOf(graph, 'units').edges]).toEqual([2, 0, 0, 1, 2, 1, 1, 3]);
    expect(pictureOf(graph, 'nodes').boxes.map(({ title }) => title)).toEqual(['Conv', 'Relu', 'Add', 'x', 'y']);
  });
});

describe('the scene', () => {
  it('finds the box at a point, and none beside it', () => {
    const scene = sceneOf('nodes');
    for (const box of scene.picture.boxes.keys()) expect(boxAt(scene, boxCentre(scene, box))).toBe(box);
    const { x, y } = boxCentre(scene, 0);
    expect(boxAt(scene, { x, y: y + 30 })).toBeNull();
    expect(boxAt(scene, { x: x + 5000, y })).toBeNull();
    expect(boxAt(scene, { x, y: -500 })).toBeNull();
  });

  it('leads an edge through every row that it crosses', () => {
    const scene = sceneOf('units');
    expect(edgePath(scene, 0)).toHaveLength(2);
    // x -> add passes the row of the convolution.
    expect(edgePath(scene, 2)).toHaveLength(4);
    expect(scene.passing.map((row) => row.length)).toEqual([0, 1, 0, 0]);
  });

  it('goes from box to box along the edges', () => {
    const scene = sceneOf('units');
    expect(neighbourOf(scene, 2, 'down')).toBe(0);
    expect(neighbourOf(scene, 1, 'up')).toBe(0);
    expect(neighbourOf(scene, 3, 'down')).toBeNull();
    expect(neighbourOf(scene, 0, 'left')).toBeNull();
  });
});

describe('the camera', () => {
  const [world, view] = [{ width: 400, height: 100_000 }, { width: 800, height: 600 }];

  it('begins where one can read, and fits the whole on demand', () => {
    const start = begin(world, view, { x: 200, y: 0 });
    expect(start.zoom).toBeGreaterThan(0.8);
    expect(toWorld(start, view, { x: 400, y: 0 }).y).toBeLessThan(0);
    const whole = fit(world, view);
    expect(toWorld(whole, view, { x: 0, y: 0 }).y).toBeLessThanOrEqual(0);
    expect(toWorld(whole, view, { x: 0, y: 600 }).y).toBeGreaterThanOrEqual(100_000);
  });

  it('keeps what is under the pointer while zooming', () => {
    const start = begin(world, view, { x: 200, y: 0 });
    const at = { x: 123, y: 456 };
    const held = toWorld(start, view, at);
    const moved = toWorld(zoomAt(start, view, at, 2), view, at);
    expect(moved.x).toBeCloseTo(held.x);
    expect(moved.y).toBeCloseTo(held.y);
  });

  it('never loses the world, and moves only where a point is out of sight', () => {
    expect(keepIn({ x: 1e9, y: -5, zoom: 99 }, world, view)).toEqual({ x: 400, y: 0, zoom: 2.5 });
    const camera = { x: 200, y: 300, zoom: 1 };
    expect(reveal(camera, view, { x: 210, y: 310 })).toEqual(camera);
    expect(reveal(camera, view, { x: 210, y: 5000 }).y).toBe(5000);
  });
});
