/**
 * Coastlines of the world (Natural Earth, 1:50 million), as one path on the plane of `projection.ts`, 1,000,000 wide. Land only: where a border runs is not
 * for this page to say, and a store is found without one.
 */
import { feature } from 'topojson-client';
import land from 'world-atlas/land-50m.json';
import { project } from './projection.ts';

export const PLANE = 1_000_000;

/** A ring that passes the 180th meridian is drawn in pieces: a line from one edge of the map to the other would be no coast. */
function ring(points: readonly (readonly number[])[]): string {
  let path = '';
  let before = Number.NaN;
  for (const [longitude = 0, latitude = 0] of points) {
    const { x, y } = project(latitude, longitude);
    const joined = Math.abs(longitude - before) <= 180;
    path += `${joined ? 'L' : path === '' ? 'M' : 'ZM'}${Math.round(x * PLANE)},${Math.round(y * PLANE)}`;
    before = longitude;
  }
  return `${path}Z`;
}

const topology = land as unknown as Parameters<typeof feature>[0];
const shapes = feature(topology, topology.objects['land'] as Parameters<typeof feature>[1]);

export const LAND_PATH: string = ('features' in shapes ? shapes.features : [shapes])
  .flatMap(({ geometry }) => (geometry.type === 'MultiPolygon' ? geometry.coordinates.flat() : geometry.type === 'Polygon' ? geometry.coordinates : []))
  .map(ring)
  .join('');
