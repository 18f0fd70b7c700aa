/** Where the window was: kept in the data folder, and believed only where it is still on a screen. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

const rectangle = z.object({ x: z.number().int(), y: z.number().int(), width: z.number().int().min(400).max(20_000), height: z.number().int().min(300).max(20_000) });
const stored = z.object({ bounds: rectangle, maximized: z.boolean() });

export type Rectangle = z.infer<typeof rectangle>;

export interface WindowState {
  /** Without x and y the system places the window. */
  readonly bounds: { readonly x?: number; readonly y?: number; readonly width: number; readonly height: number };
  readonly maximized: boolean;
}

/** Part of the window that must be on a screen for its title bar to be reachable. */
const VISIBLE_PX = 100;
const FIRST: WindowState = { bounds: { width: 1280, height: 800 }, maximized: false };

/** What was kept last time, or the first size where there is nothing usable. @param screens work areas of the present displays */
export function loadWindowState(file: string, screens: readonly Rectangle[]): WindowState {
  let raw: unknown;
  try {
    raw = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return FIRST;
  }
  const parsed = stored.safeParse(raw);
  if (!parsed.success) return FIRST;
  const { bounds, maximized } = parsed.data;
  if (screens.some((screen) => overlaps(bounds, screen))) return { bounds, maximized };
  return { bounds: { width: bounds.width, height: bounds.height }, maximized };
}

/** Keeps it for the next start. Losing it costs nobody anything, so a full disk is no error here. */
export function saveWindowState(file: string, bounds: Rectangle, maximized: boolean): void {
  try {
    writeFileSync(`${file}.tmp`, JSON.stringify({ bounds, maximized }));
    renameSync(`${file}.tmp`, file);
  } catch {
    // The next start opens at the first size.
  }
}

function overlaps(window: Rectangle, screen: Rectangle): boolean {
  const width = Math.min(window.x + window.width, screen.x + screen.width) - Math.max(window.x, screen.x);
  const height = Math.min(window.y + window.height, screen.y + screen.height) - Math.max(window.y, screen.y);
  // The title bar must not be above the screen.
  return width >= VISIBLE_PX && height >= VISIBLE_PX && window.y >= screen.y - 10;
}
