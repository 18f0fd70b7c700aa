/** Drag to move, two fingers to zoom, a click that did not move to choose. */
import type { Point } from './scene.ts';

interface Hands {
  pan(dx: number, dy: number): void;
  zoom(at: Point, factor: number): void;
  click(at: Point): void;
}

const STILL_PX = 4;

export function usePointers(hands: Hands) {
  const down = new Map<number, Point>();
  let start: Point | null = null;
  const at = (event: PointerEvent): Point => ({ x: event.offsetX, y: event.offsetY });
  const apart = (): number => {
    const [a, b] = [...down.values()];
    return a && b ? Math.hypot(a.x - b.x, a.y - b.y) : 0;
  };
  return {
    pointerdown(event: PointerEvent): void {
      if (event.button !== 0) return;
      (event.currentTarget as Element).setPointerCapture(event.pointerId);
      down.set(event.pointerId, at(event));
      start = down.size === 1 ? at(event) : null;
    },
    pointermove(event: PointerEvent): void {
      const before = down.get(event.pointerId);
      if (!before) return;
      const now = at(event);
      const distance = apart();
      down.set(event.pointerId, now);
      if (down.size === 2) {
        const [a, b] = [...down.values()];
        if (a && b && distance > 0) hands.zoom({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, apart() / distance);
      }
      if (start && Math.hypot(now.x - start.x, now.y - start.y) > STILL_PX) start = null;
      if (start === null) hands.pan((before.x - now.x) / down.size, (before.y - now.y) / down.size);
    },
    pointerup(event: PointerEvent): void {
      if (start && down.has(event.pointerId)) hands.click(at(event));
      down.delete(event.pointerId);
      start = null;
    },
    pointercancel(event: PointerEvent): void {
      down.delete(event.pointerId);
      start = null;
    },
  };
}
