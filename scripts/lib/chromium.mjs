// Debian's chromium for the browser tests, and a CJK font so that Chinese is drawn.
import { existsSync } from 'node:fs';
import { run } from './run.mjs';

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const CJK_FONT = '/usr/share/fonts/opentype/noto';

export function chromiumExecutable() {
  return [process.env.EDGEWISE_CHROMIUM, ...PATHS].find((path) => path !== undefined && existsSync(path));
}

/** Installs what is missing from Debian's packages. Throws with what to do where it cannot. */
export async function ensureChromium(log) {
  if (chromiumExecutable() !== undefined && (existsSync(CJK_FONT) || process.platform !== 'linux')) return log(`chromium: ${chromiumExecutable()}`);
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  if (!existsSync('/usr/bin/apt-get')) throw new Error('The browser tests need Chromium and there is no apt-get here. Install it and set EDGEWISE_CHROMIUM to its path.');
  log('chromium: installing chromium and fonts-noto-cjk from Debian\'s packages ...');
  const apt = async (...args) => {
    const [command, ...rest] = [...asRoot, 'apt-get', ...args];
    const result = await run(command, rest, { env: { DEBIAN_FRONTEND: 'noninteractive' }, capture: true });
    if (result.code !== 0) throw new Error(`apt-get ${args.join(' ')} failed:\n${result.output.slice(-2000)}`);
  };
  await apt('update', '-q');
  await apt('install', '-y', '-q', '--no-install-recommends', 'chromium', 'fonts-noto-cjk');
  if (chromiumExecutable() === undefined) throw new Error('chromium was installed but its executable was not found.');
  log(`chromium: ${chromiumExecutable()}`);
}
