/** The camera of one canvas: moves at once under a hand, and glides where the page moves it. */
import { shallowRef, type Ref } from 'vue';
import { begin, fit, keepIn, pan, reveal, zoomAt, type Camera, type Size } from './camera.ts';
import { boxCentre, type Point, type Scene } from './scene.ts';

const GLIDE_MS = 160;

export function useCamera(scene: () => Scene, size: Ref<Size>) {
  const camera = shallowRef<Camera>({ x: 0, y: 0, zoom: 1 });
  let gliding = 0;
  const set = (next: Camera): void => {
    cancelAnimationFrame(gliding);
    camera.value = keepIn(next, scene(), size.value);
  };
  function glide(to: Camera): void {
    cancelAnimationFrame(gliding);
    const from = camera.value;
    const end = keepIn(to, scene(), size.value);
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) {
      camera.value = end;
      return;
    }
    const started = performance.now();
    const step = (now: number): void => {
      const share = Math.min(1, Math.max(0, (now - started) / GLIDE_MS));
      const eased = 1 - (1 - share) ** 3;
      const mix = (a: number, b: number): number => a + (b - a) * eased;
      camera.value = share === 1 ? end : { x: mix(from.x, end.x), y: mix(from.y, end.y), zoom: from.zoom * (end.zoom / from.zoom) ** eased };
      if (share < 1) gliding = requestAnimationFrame(step);
    };
    gliding = requestAnimationFrame(step);
  }
  const middle = (): Point => ({ x: size.value.width / 2, y: size.value.height / 2 });
  return {
    camera,
    stop: () => cancelAnimationFrame(gliding),
    /** At the beginning of the graph, or, where something is to be seen first, there. */
    begin: (box: number | null) => {
      set(begin(scene(), size.value, boxCentre(scene(), scene().rows[0]?.[0] ?? 0)));
      if (box !== null) set(reveal(camera.value, size.value, boxCentre(scene(), box)));
    },
    fit: () => glide(fit(scene(), size.value)),
    zoomBy: (factor: number) => glide(zoomAt(camera.value, size.value, middle(), camera.value.zoom * factor)),
    zoomAround: (at: Point, factor: number) => {
      // Held within the limits first: what is under the pointer would slide away else.
      const zoom = keepIn({ ...camera.value, zoom: camera.value.zoom * factor }, scene(), size.value).zoom;
      set(zoomAt(camera.value, size.value, at, zoom));
    },
    panBy: (dx: number, dy: number) => set(pan(camera.value, dx, dy)),
    moveTo: (point: Point) => set({ ...camera.value, ...point }),
    show: (box: number) => glide(reveal(camera.value, size.value, boxCentre(scene(), box))),
  };
}
