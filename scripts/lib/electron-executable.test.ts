/** Finding and fetching, against an installer of the test's own in a folder of its own; nothing is downloaded. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { electronExecutable, electronTryFailed, tryFetchElectron } from './electron-executable.mjs';

let root = '';
const at = (path: string): string => join(root, 'node_modules/electron', path);
const counted = (): number => (existsSync(join(root, 'tries')) ? readFileSync(join(root, 'tries'), 'utf8').length : 0);

/** @param body what the installer does after it has counted itself */
function installer(body: string, version = '1.0.0'): void {
  writeFileSync(at('package.json'), JSON.stringify({ name: 'electron', version }));
  writeFileSync(at('install.js'), `const fs = require('node:fs'); const path = require('node:path'); fs.appendFileSync(${JSON.stringify(join(root, 'tries'))}, '.');\n${body}`);
}

const INSTALLS = `
  fs.mkdirSync(path.join(__dirname, 'dist'));
  fs.writeFileSync(path.join(__dirname, 'dist/electron'), '', { mode: 0o755 });
  fs.writeFileSync(path.join(__dirname, 'path.txt'), 'electron');`;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-electron-'));
  mkdirSync(at(''), { recursive: true });
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

describe.skipIf(process.platform !== 'linux')('Electron\'s executable', () => {
  it('is found where it is, and only where it can be run', () => {
    expect(electronExecutable(root, {})).toBeUndefined();
    mkdirSync(at('dist'));
    writeFileSync(at('dist/electron'), '', { mode: 0o644 });
    writeFileSync(at('path.txt'), 'electron');
    // Root may read a file without the right to run it, but may not run it.
    expect(electronExecutable(root, {})).toBeUndefined();
    chmodSync(at('dist/electron'), 0o755);
    expect(electronExecutable(root, {})).toBe(at('dist/electron'));
    expect(electronExecutable(root, { ELECTRON_OVERRIDE_DIST_PATH: join(root, 'elsewhere') })).toBeUndefined();
    expect(electronExecutable(root, { ELECTRON_OVERRIDE_DIST_PATH: at('dist') })).toBe(at('dist/electron'));
  });

  it('is fetched where it can be', async () => {
    installer(INSTALLS);
    expect(await tryFetchElectron(20, root, {})).toBe(at('dist/electron'));
    expect(electronTryFailed(root)).toBe(false);
    expect(await tryFetchElectron(20, root, {})).toBe(at('dist/electron'));
    expect(counted()).toBe(1);
  });

  it('is tried once for each version where it cannot be fetched', async () => {
    installer('console.error("Error: no such host"); process.exit(1);');
    expect(await tryFetchElectron(20, root, {})).toBeUndefined();
    expect(await tryFetchElectron(20, root, {})).toBeUndefined();
    expect(counted()).toBe(1);
    expect(electronTryFailed(root)).toBe(true);
    expect(JSON.parse(readFileSync(join(root, 'node_modules/.cache/edgewise/electron-try.json'), 'utf8'))).toMatchObject({ version: '1.0.0', reason: 'exit 1: Error: no such host' });
    installer(INSTALLS, '1.0.1');
    expect(await tryFetchElectron(20, root, {})).toBe(at('dist/electron'));
  });

  it('is given up after the time, with everything that the installer has started and written', async () => {
    installer(`
      fs.writeFileSync(path.join(require('node:os').tmpdir(), 'half'), '');
      const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
      fs.writeFileSync(${JSON.stringify(join(root, 'grandchild'))}, String(child.pid));
      setInterval(() => {}, 1000);`);
    expect(await tryFetchElectron(2, root, {})).toBeUndefined();
    expect(electronTryFailed(root)).toBe(true);
    expect(existsSync(join(root, 'node_modules/.cache/edgewise/electron-download'))).toBe(false);
    const grandchild = Number(readFileSync(join(root, 'grandchild'), 'utf8'));
    // The signal has been sent; the system takes a moment to act on it.
    await expect.poll(() => running(grandchild)).toBe(false);
  });

  it('is no reason to fail: a package that is broken or missing is a try that failed', async () => {
    rmSync(at(''), { recursive: true });
    expect(await tryFetchElectron(1, root, {})).toBeUndefined();
    mkdirSync(join(root, 'node_modules/.cache/edgewise'), { recursive: true });
    writeFileSync(join(root, 'node_modules/.cache/edgewise/electron-try.json'), '{');
    expect(electronTryFailed(root)).toBe(false);
  });
});

/** A process that has been ended but not collected yet counts as ended. */
function running(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
