// Debian's chromium for the browser tests, and a CJK font so that Chinese is drawn.
import { existsSync } from 'node:fs';
import { hasApt, installPackages } from './debian.mjs';

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const CJK_FONT = '/usr/share/fonts/opentype/noto';

export function chromiumExecutable() {
  return [process.env.EDGEWISE_CHROMIUM, ...PATHS].find((path) => path !== undefined && existsSync(path));
}

/** Installs what is missing from Debian's packages. Throws with what to do where it cannot. */
export async function ensureChromium(log) {
  if (chromiumExecutable() !== undefined && (existsSync(CJK_FONT) || process.platform !== 'linux')) return log(`chromium: ${chromiumExecutable()}`);
  if (!hasApt()) throw new Error('The browser tests need Chromium and there is no apt-get here. Install it and set EDGEWISE_CHROMIUM to its path.');
  log('chromium: installing chromium and fonts-noto-cjk from Debian\'s packages ...');
  await installPackages(['chromium', 'fonts-noto-cjk']);
  if (chromiumExecutable() === undefined) throw new Error('chromium was installed but its executable was not found.');
  log(`chromium: ${chromiumExecutable()}`);
}
