#!/usr/bin/env node
// The `edgewise` command. Runs on the Node 24 that comes with the project, whatever Node started it, and builds once where nothing is built yet.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newEnoughNode } from '../scripts/lib/node24.mjs';
import { setUp } from '../scripts/lib/setup.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const entry = join(root, 'out/main/cli.js');

if (!existsSync(entry) || newEnoughNode(root) === undefined) await setUp({ root, log: (line) => process.stderr.write(`${line}\n`) });

const node = newEnoughNode(root);
if (node === undefined) {
  process.stderr.write('edgewise: no Node 24 here. Install Node 24 or newer, or run: npm run setup\n');
  process.exit(1);
}

if (node === process.execPath) {
  const { main } = await import(entry);
  await main(process.argv.slice(2));
} else {
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal sends SIGINT to the whole group; a program may send it to this process alone.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 128 + (constants.signals[signal] ?? 0)));
}
