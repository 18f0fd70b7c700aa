// Sets up what is missing: packages (with a Node 24 among them), then the build. Each part is skipped while its inputs are unchanged.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { newEnoughNode } from './node24.mjs';
import { run } from './run.mjs';

const BUILD_INPUTS = ['src', 'main', 'renderer', 'resources', 'electron.vite.config.ts', 'tsconfig.json', 'package-lock.json'];
const BUILD_OUTPUTS = ['out/main/cli.js', 'out/main/index.js', 'out/preload/index.cjs', 'out/renderer/index.html'];

/** Environment in which `node` and the project's tools are the project's own. */
export function toolEnvironment(root) {
  const node = newEnoughNode(root);
  const path = [node === undefined ? '' : dirname(node), join(root, 'node_modules/.bin'), process.env.PATH ?? ''].filter((part) => part !== '');
  return { ...process.env, PATH: path.join(delimiter) };
}

/**
 * Installs packages where the lock file has changed since the last time, and builds where a source has.
 * @param log takes one line at a time
 */
export async function setUp({ root, log, build = true }) {
  await installPackages(root, log);
  if (newEnoughNode(root) === undefined) {
    throw new Error(`No Node 24 for ${process.platform}-${process.arch} came with the packages. Install Node 24 or newer and try again.`);
  }
  if (build) await buildAll(root, log);
}

async function installPackages(root, log) {
  const lock = hashOf([readFileSync(join(root, 'package-lock.json')), readFileSync(join(root, 'package.json')), process.platform, process.arch]);
  const stamp = join(root, 'node_modules/.edgewise-installed');
  if (readStamp(stamp) === lock) return log('packages: up to date');
  log('packages: installing from the npm registry (about 280 packages, 800 MB on disk) ...');
  const started = Date.now();
  const install = () => run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root, stdio: ['ignore', process.stderr, process.stderr] });
  let result = await install();
  // A half-removed folder of an earlier install makes the first try fail; the second starts clean.
  if (result.code !== 0) result = await install();
  if (result.code !== 0) throw new Error('npm ci failed; its message is above. Check that the npm registry can be reached, then run the same command again.');
  writeFileSync(stamp, lock);
  log(`packages: installed in ${seconds(started)} s`);
}

async function buildAll(root, log) {
  const inputs = hashOf(BUILD_INPUTS.flatMap((name) => Array.from(fingerprint(join(root, name)))));
  const stamp = join(root, 'out/.edgewise-built');
  if (readStamp(stamp) === inputs && BUILD_OUTPUTS.every((name) => existsSync(join(root, name)))) return log('build: up to date');
  log('build: desktop shell, command line and page ...');
  const started = Date.now();
  const result = await run('electron-vite', ['build', '--logLevel', 'warn'], { cwd: root, env: toolEnvironment(root), capture: true });
  if (result.code !== 0) throw new Error(`The build failed:\n${result.output}`);
  mkdirSync(join(root, 'out'), { recursive: true });
  writeFileSync(stamp, inputs);
  log(`build: done in ${seconds(started)} s`);
}

function* fingerprint(path, name = '') {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isDirectory()) {
    yield `${name}:${stats.size}:`;
    yield readFileSync(path);
    return;
  }
  for (const entry of readdirSync(path).sort()) if (!entry.endsWith('.test.ts')) yield* fingerprint(join(path, entry), `${name}/${entry}`);
}

function hashOf(parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

function readStamp(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

function seconds(started) {
  return ((Date.now() - started) / 1000).toFixed(1);
}
