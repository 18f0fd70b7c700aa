/** Entry of the desktop shell: `electron .` and the packaged program. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createConsole } from '../src/console/create-console.ts';
import { defaultDataFolder } from '../src/console/data-folder.ts';
import { findEntries } from '../src/console/processes/entries.ts';
import { startDesktop } from './desktop.ts';
import { realElectron } from './electron-adapter.ts';

// This file is out/main/index.js once built.
const root = join(import.meta.dirname, '../..');
const sample = { model: join(root, 'resources/sample/shelf-products.onnx'), data: join(root, 'resources/sample/pictures') };

const desktop = startDesktop({
  electron: realElectron(),
  createConsole,
  dataFolder: defaultDataFolder(),
  entries: findEntries(import.meta.url),
  preload: join(root, 'out/preload/index.cjs'),
  pageFolder: join(root, 'out/renderer'),
  ...(existsSync(sample.model) ? { sample } : {}),
  firstRun: process.argv.includes('--first-run'),
  mac: process.platform === 'darwin',
  clock: () => performance.now(),
  log: (line) => process.stderr.write(`${line}\n`),
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => desktop?.quit());
