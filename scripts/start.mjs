// `npm start`: sets up what is missing and opens the console, in Electron where its executable is there, else in the browser.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { electronExecutable, electronTryFailed, tryFetchElectron } from './lib/electron-executable.mjs';
import { newEnoughNode } from './lib/node24.mjs';
import { setUp, toolEnvironment } from './lib/setup.mjs';

const FETCH_SECONDS = 8;
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const say = (line) => console.log(line);

try {
  await setUp({ root, log: say });
  const args = process.argv.slice(2);
  const display = process.platform !== 'linux' || Boolean(process.env.DISPLAY ?? process.env.WAYLAND_DISPLAY);
  let electron = electronExecutable();
  if (electron === undefined && display && !electronTryFailed()) {
    say(`desktop window: Electron's executable is not here; trying to fetch it (once, at most ${FETCH_SECONDS} s) ...`);
    electron = await tryFetchElectron(FETCH_SECONDS);
  }
  if (electron !== undefined && display) {
    // Chromium refuses to run as root with its sandbox; a desktop is not used as root, a test machine may be.
    const asRoot = process.getuid?.() === 0;
    say(`desktop window: opening${asRoot ? ' (without Chromium\'s sandbox, since this is root)' : ''}`);
    launch(electron, [root, '--first-run', ...(asRoot ? ['--no-sandbox'] : []), ...args]);
  } else {
    say(display ? 'desktop window: Electron\'s executable could not be fetched; opening the console in the browser instead' : 'desktop window: no display here; serving the console for a browser');
    launch(newEnoughNode(root), ['--disable-warning=ExperimentalWarning', join(root, 'bin/edgewise.mjs'), 'serve', '--first-run', ...(display ? ['--open'] : []), ...args]);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

function launch(command, args) {
  const child = spawn(command, args, { cwd: process.cwd(), env: toolEnvironment(root), stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 130));
}
