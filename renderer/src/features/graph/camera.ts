/** Where one looks: the world's point in the middle of the view, and px of the screen for a px of the world. */
import type { Point } from './scene.ts';

export interface Camera extends Point {
  readonly zoom: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export const MOST_ZOOM = 2.5;
/** Text can still be read. */
const COMFORTABLE = 0.9;
const MARGIN = 28;

export function zoomLimits(world: Size, view: Size): { readonly least: number; readonly most: number } {
  return { least: Math.min(fitting(world, view), 0.2), most: MOST_ZOOM };
}

/** The whole world in sight. */
export function fit(world: Size, view: Size): Camera {
  return { x: world.width / 2, y: world.height / 2, zoom: Math.min(1, fitting(world, view)) };
}

/** All of it where it can be read then; else its beginning. */
export function begin(world: Size, view: Size, top: Point): Camera {
  const zoom = Math.min(1, fitting(world, view));
  if (zoom >= COMFORTABLE) return fit(world, view);
  return { x: top.x, y: view.height / 2 / COMFORTABLE - MARGIN, zoom: COMFORTABLE };
}

function fitting(world: Size, view: Size): number {
  return Math.max(0.002, Math.min((view.width - MARGIN) / Math.max(1, world.width), (view.height - MARGIN) / Math.max(1, world.height)));
}

export function toWorld(camera: Camera, view: Size, point: Point): Point {
  return { x: camera.x + (point.x - view.width / 2) / camera.zoom, y: camera.y + (point.y - view.height / 2) / camera.zoom };
}

/** Zooms so that what is under `at` (px of the view) stays there. */
export function zoomAt(camera: Camera, view: Size, at: Point, zoom: number): Camera {
  const held = toWorld(camera, view, at);
  return { zoom, x: held.x - (at.x - view.width / 2) / zoom, y: held.y - (at.y - view.height / 2) / zoom };
}

export function pan(camera: Camera, dx: number, dy: number): Camera {
  return { ...camera, x: camera.x + dx / camera.zoom, y: camera.y + dy / camera.zoom };
}

/** No further out than the edge of the world in the middle of the view. */
export function keepIn(camera: Camera, world: Size, view: Size): Camera {
  const { least, most } = zoomLimits(world, view);
  return {
    zoom: Math.min(most, Math.max(least, camera.zoom)),
    x: Math.min(world.width, Math.max(0, camera.x)),
    y: Math.min(world.height, Math.max(0, camera.y)),
  };
}

/** Moves no more than it takes to have the point well in sight; comes close enough to read it. */
export function reveal(camera: Camera, view: Size, point: Point): Camera {
  const zoom = Math.max(camera.zoom, COMFORTABLE);
  const inside = (value: number, centre: number, extent: number): number => {
    const room = Math.max(0, extent / zoom / 2 - 110);
    return Math.abs(value - centre) <= room && zoom === camera.zoom ? centre : value;
  };
  return { zoom, x: inside(point.x, camera.x, view.width), y: inside(point.y, camera.y, view.height) };
}
