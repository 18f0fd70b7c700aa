// Where Electron's executable is, and one short try to fetch it. The package `electron` brings everything but the executable.
import { spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newEnoughNode } from './node24.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');

/**
 * Path of Electron's executable, or undefined where it is not here. Downloads nothing.
 * ELECTRON_OVERRIDE_DIST_PATH names the folder of another copy, as Electron itself understands it.
 */
export function electronExecutable(root = ROOT, env = process.env) {
  const electron = join(root, 'node_modules/electron');
  const name = read(join(electron, 'path.txt')) ?? executableName();
  const override = env.ELECTRON_OVERRIDE_DIST_PATH;
  const path = override ? join(override, name) : join(electron, 'dist', name);
  return isExecutable(path) ? path : undefined;
}

/** Whether a try to fetch this version has already failed on this machine, so that nobody waits for it again. */
export function electronTryFailed(root = ROOT) {
  try {
    return JSON.parse(readFileSync(tryFile(root), 'utf8')).version === electronVersion(root);
  } catch {
    return false;
  }
}

/**
 * Asks Electron's own installer for the executable, once, for at most `timeoutSeconds`. A failed try is remembered in
 * node_modules/.cache/edgewise/electron-try.json, and the same version is not tried again until that file is gone.
 * @returns the executable's path, or undefined. Never throws.
 */
export async function tryFetchElectron(timeoutSeconds, root = ROOT, env = process.env) {
  const present = electronExecutable(root, env);
  if (present !== undefined) return present;
  try {
    if (electronTryFailed(root)) return undefined;
    const reason = await runInstaller(timeoutSeconds, root, env);
    const fetched = electronExecutable(root, env);
    if (fetched !== undefined) return fetched;
    writeFileSync(tryFile(root), `${JSON.stringify({ version: electronVersion(root), at: new Date().toISOString(), reason })}\n`);
  } catch {
    // A window is a convenience: whatever went wrong here, the browser host works.
  }
  return undefined;
}

/** @returns why it ended without an executable, for the note that is kept */
async function runInstaller(timeoutSeconds, root, env) {
  const node = newEnoughNode(root);
  if (node === undefined) return 'no Node 24';
  // The installer's half-finished download goes with this folder.
  const temporary = join(root, 'node_modules/.cache/edgewise/electron-download');
  mkdirSync(temporary, { recursive: true });
  try {
    return await new Promise((resolve) => {
      // A group of its own, so that a time-out ends whatever the installer has started too.
      const child = spawn(node, [join(root, 'node_modules/electron/install.js')], {
        detached: process.platform !== 'win32',
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...env, TMPDIR: temporary, TEMP: temporary, TMP: temporary },
      });
      let errors = '';
      let timedOut = false;
      child.stderr.on('data', (chunk) => (errors = (errors + chunk).slice(0, 2000)));
      const timer = setTimeout(() => {
        timedOut = true;
        endGroup(child);
      }, timeoutSeconds * 1000);
      const done = (reason) => {
        clearTimeout(timer);
        resolve(reason);
      };
      child.on('error', (error) => done(error.message));
      child.on('exit', (code) => done(timedOut ? `no answer within ${timeoutSeconds} s` : `exit ${code}: ${errors.split('\n')[0]}`));
    });
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function endGroup(child) {
  try {
    if (process.platform === 'win32') child.kill();
    else process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Gone between the time-out and here.
  }
}

function electronVersion(root) {
  return JSON.parse(readFileSync(join(root, 'node_modules/electron/package.json'), 'utf8')).version;
}

function tryFile(root) {
  return join(root, 'node_modules/.cache/edgewise/electron-try.json');
}

function executableName() {
  if (process.platform === 'darwin') return 'Electron.app/Contents/MacOS/Electron';
  return process.platform === 'win32' ? 'electron.exe' : 'electron';
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function read(path) {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
