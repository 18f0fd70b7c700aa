import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadWindowState, saveWindowState } from './window-state.ts';

const folder = mkdtempSync(join(tmpdir(), 'edgewise-window-'));
const file = join(folder, 'window.json');
const screens = [{ x: 0, y: 0, width: 1920, height: 1080 }];

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the window\'s place', () => {
  it('comes back', () => {
    saveWindowState(file, { x: 100, y: 50, width: 900, height: 700 }, false);
    expect(loadWindowState(file, screens)).toEqual({ bounds: { x: 100, y: 50, width: 900, height: 700 }, maximized: false });
  });

  it.each([
    ['a screen that is gone', { x: 2500, y: 50, width: 900, height: 700 }],
    ['above the screen, where no title bar can be reached', { x: 100, y: -300, width: 900, height: 700 }],
    ['a sliver at the edge', { x: 1890, y: 50, width: 900, height: 700 }],
  ])('is left to the system on %s; the size stays', (_where, bounds) => {
    saveWindowState(file, bounds, true);
    expect(loadWindowState(file, screens)).toEqual({ bounds: { width: 900, height: 700 }, maximized: true });
  });

  it.each(['', '{', '[]', '{"bounds":{"x":0,"y":0,"width":1e9,"height":700},"maximized":false}', '{"bounds":{"x":"0","y":0,"width":900,"height":700},"maximized":false}'])('is the first one where the file holds %j', (text) => {
    writeFileSync(file, text);
    expect(loadWindowState(file, screens).bounds).toEqual({ width: 1280, height: 800 });
  });

  it('is no reason to fail', () => {
    expect(() => saveWindowState(join(folder, 'no/such/folder.json'), { x: 0, y: 0, width: 900, height: 700 }, false)).not.toThrow();
    expect(loadWindowState(join(folder, 'none.json'), screens).maximized).toBe(false);
  });
});
