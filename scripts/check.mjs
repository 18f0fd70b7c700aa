// `npm run check`: types, lint, import rules, dead code. Runs all of them and fails when any does.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './lib/run.mjs';
import { setUp, toolEnvironment } from './lib/setup.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const CHECKS = [
  ['types', 'tsc', ['-p', 'tsconfig.json']],
  ['types of the page', 'vue-tsc', ['--noEmit', '-p', 'tsconfig.renderer.json']],
  ['lint', 'oxlint', ['--deny-warnings', '--quiet']],
  ['import rules', 'depcruise', ['--config', '.dependency-cruiser.cjs', '--output-type', 'err', 'src', 'main', 'renderer/src']],
  ['dead code', 'knip', []],
];

await setUp({ root, log: () => {}, build: false });
let failures = 0;
for (const [name, command, args] of CHECKS) {
  const started = Date.now();
  const result = await run(command, args, { cwd: root, env: toolEnvironment(root), capture: true });
  const took = `${((Date.now() - started) / 1000).toFixed(1)} s`;
  if (result.code === 0) {
    console.log(`check ${name}: clean (${took})`);
  } else {
    failures++;
    console.log(`check ${name}: FAILED (${took})\n${result.output}`);
  }
}
process.exit(failures === 0 ? 0 : 1);
