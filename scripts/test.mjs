// `npm test`: sets up what is missing, runs the unit tests and the end-to-end tests, and counts them all.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureChromium } from './lib/chromium.mjs';
import { electronExecutable } from './lib/electron-executable.mjs';
import { ensureMosquitto } from './lib/mosquitto.mjs';
import { run } from './lib/run.mjs';
import { setUp, toolEnvironment } from './lib/setup.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const say = (line) => console.log(line);
const folder = mkdtempSync(join(tmpdir(), 'edgewise-test-'));
const total = { passed: 0, failed: 0, skipped: 0 };

try {
  await setUp({ root, log: say });
  await ensureChromium(say);
  await ensureMosquitto(say);
  await unitTests();
  await endToEndTests();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  total.failed++;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
say(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed === 0 ? 0 : 1);

async function unitTests() {
  const file = join(folder, 'unit.json');
  const { code } = await run('vitest', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`], { cwd: root, env: toolEnvironment(root) });
  const result = readJson(file);
  const failed = result?.numFailedTests ?? 0;
  // A file that cannot even be loaded has no failed test: count it.
  add('unit tests', result?.numPassedTests ?? 0, failed === 0 && code !== 0 ? 1 : failed, (result?.numPendingTests ?? 0) + (result?.numTodoTests ?? 0));
}

async function endToEndTests() {
  if (electronExecutable() === undefined) say('desktop host: Electron\'s executable is not here, so each end-to-end test is skipped there and runs in the browser host only');
  const file = join(folder, 'e2e.json');
  const { code } = await run('playwright', ['test', '--reporter=list,json'], { cwd: root, env: { ...toolEnvironment(root), PLAYWRIGHT_JSON_OUTPUT_NAME: file } });
  const stats = readJson(file)?.stats;
  const failed = stats?.unexpected ?? 0;
  const second = stats?.flaky ?? 0;
  if (second > 0) say(`end-to-end tests: ${second} of the passed ones needed a second try (listed above as flaky)`);
  add('end-to-end tests', (stats?.expected ?? 0) + second, failed === 0 && code !== 0 ? 1 : failed, stats?.skipped ?? 0);
}

function add(name, passed, failed, skipped) {
  say(`${name}: ${passed} passed, ${failed} failed, ${skipped} skipped`);
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    console.error(`no test results in ${file}: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}
