import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { defaultDataFolder, openDataFolder } from './data-folder.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-folder-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const NOW = '2026-01-01T00:00:00.000Z';

describe('the data folder', () => {
  test('two consoles never share one, and the refusal names the process that has it', () => {
    const folder = openDataFolder(root, NOW);
    expect(() => openDataFolder(root, NOW)).toThrowError(expect.objectContaining({ code: 'CONFLICT', message: expect.stringContaining(`process ${process.pid}`) }));
    folder.release();
    openDataFolder(root, NOW).release();
  });

  test('a console that was killed leaves no lock behind', async () => {
    const script = `
      import { openDataFolder } from ${JSON.stringify(join(import.meta.dirname, 'data-folder.ts'))};
      // Held: what is not held is collected, and its lock with it.
      globalThis.folder = openDataFolder(${JSON.stringify(root)}, ${JSON.stringify(NOW)});
      console.log('locked');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', () => reject(new Error('it ended early')));
    });
    expect(() => openDataFolder(root, NOW)).toThrowError(expect.objectContaining({ code: 'CONFLICT', details: { folder: root, pid: child.pid } }));
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    openDataFolder(root, NOW).release();
  });

  test('EDGEWISE_HOME names the folder; an empty one does not', () => {
    expect(defaultDataFolder({ EDGEWISE_HOME: '/x' })).toBe('/x');
    expect(defaultDataFolder({ EDGEWISE_HOME: '' })).not.toBe('');
  });

  test('a path that cannot be a folder is a named error', () => {
    expect(() => openDataFolder('/dev/null/x', NOW)).toThrowError(expect.objectContaining({ code: 'WRITE_FAILED' }));
  });
});
