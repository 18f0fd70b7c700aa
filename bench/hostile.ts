/**
 * Every hostile file through every door: the command line, the console's import and, what passes the checks, a job whose runtime has caps
 * on memory and time. Prints one JSON object. A crash is a process that ended by a signal or with an exit code that is none of ours, a hang
 * one that took longer than 30 s, a leak a secret of a file outside of the model's folder in anything that was printed.
 *
 *   node bench/hostile.ts
 */
import { spawn } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConsole } from '../src/console/create-console.ts';
import { createNodeProcessHost } from '../src/console/jobs/node-process-host.ts';
import { findEntries } from '../src/console/processes/entries.ts';
import { buildModel, modelBytes, type ModelSpec } from '../test/support/build-model.ts';
import { entry, external, hostileFiles } from '../test/support/hostile-files.ts';
import { foldingBombs, inputBombs, memoryBombs, timeBombs, traps } from '../test/support/hostile-models.ts';
import { makePipe } from '../test/support/make-pipe.ts';

const CLI = join(import.meta.dirname, '../src/cli/index.ts');
const SECRET = 'secret-that-belongs-to-nobody-else';
const HANG_SECONDS = 30;
/** Caps of the runtime's child for the models that harm when they are run. */
const LIMITS = { EDGEWISE_MAX_MEMORY_MB: '600', EDGEWISE_MAX_QUIET_SECONDS: '2' };
/** Codes of docs/cli.md that a bad input may give. */
const EXIT_CODES: ReadonlySet<number | null> = new Set([1, 3]);

interface Case {
  readonly group: string;
  readonly name: string;
  readonly bytes: () => Uint8Array;
  /** Codes that are right; none where the model may as well be run. */
  readonly codes: readonly string[];
  readonly runs: boolean;
}

const bombs = (group: string, models: Readonly<Record<string, () => ModelSpec>>, codes: readonly string[]): Case[] =>
  Object.entries(models).map(([name, make]) => ({ group, name, bytes: () => modelBytes(buildModel(make())), codes, runs: true }));

/** What a folder next to somebody's secret can hold. */
const PLACES: readonly (readonly [location: string, code: string])[] = [
  ...['../secret.bin', 'a/../../secret.bin', '/etc/passwd', '/dev/zero', 'link.bin', 'hard.bin', 'linked/secret.bin', 'pipe', 'linkpipe', 'folder', 'folder/', '.', 'a\u0000b', '*/_ORT_MEM_ADDR_/*', 'file:///etc/passwd', 'C:\\Windows\\win.ini', '..\\secret.bin'].map(
    (location) => [location, 'EXTERNAL_FORBIDDEN'] as const,
  ),
  ...['nowhere.bin', 'empty.bin', 'short.bin'].map((location) => [location, 'EXTERNAL_BAD'] as const),
];

const cases: readonly Case[] = [
  ...hostileFiles().flatMap(([group, files]) => files.map(([name, bytes]): Case => ({ group, name, bytes: () => bytes, codes: [group], runs: false }))),
  ...PLACES.map(([location, code]): Case => ({ group: code, name: `data file ${JSON.stringify(location)}`, bytes: () => external(entry('location', location)), codes: [code], runs: false })),
  ...bombs('memory', memoryBombs, ['RESOURCE_LIMIT']),
  ...bombs('folding', foldingBombs, ['RESOURCE_LIMIT']),
  ...bombs('inputs', inputBombs, ['RESOURCE_LIMIT']),
  ...bombs('time', timeBombs, ['RESOURCE_LIMIT']),
  ...bombs('traps', traps, process.arch === 'x64' ? ['RUNTIME_CRASHED', 'RUNTIME_ERROR'] : ['RUNTIME_ERROR', 'accepted']),
];

interface Outcome {
  readonly code: string;
  readonly named: boolean;
  readonly crashed: boolean;
  readonly hung: boolean;
  readonly seconds: number;
  readonly peakMb: number;
  readonly said: string;
}

interface Shown {
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
}

const isNamed = (error: Shown['error']): boolean => error !== undefined && error.code !== 'INTERNAL' && /\w{3}/u.test(error.message) && /\w{3}/u.test(error.hint ?? '');

async function commandLine(args: readonly string[]): Promise<Outcome> {
  const started = performance.now();
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, ...args, '--json'], { env: { ...process.env, ...LIMITS }, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  let peakMb = 0;
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const watch = setInterval(() => {
    for (const pid of family(child.pid)) peakMb = Math.max(peakMb, peakOf(pid));
  }, 20);
  const kill = setTimeout(() => child.kill('SIGKILL'), 2 * HANG_SECONDS * 1000);
  const [exitCode, signal] = await new Promise<[number | null, string | null]>((resolve) => child.on('close', (code, by) => resolve([code, by])));
  clearInterval(watch);
  clearTimeout(kill);
  const seconds = (performance.now() - started) / 1000;
  const shown = parsed(out);
  const accepted = exitCode === 0;
  return {
    code: accepted ? 'accepted' : (shown?.error?.code ?? 'none'),
    named: accepted || isNamed(shown?.error),
    crashed: signal !== null || (!accepted && !EXIT_CODES.has(exitCode)) || shown === undefined,
    hung: seconds > HANG_SECONDS,
    seconds,
    peakMb,
    said: out + err,
  };
}

function parsed(out: string): Shown | undefined {
  try {
    return JSON.parse(out) as Shown;
  } catch {
    return undefined;
  }
}

function family(pid: number | undefined): number[] {
  if (pid === undefined) return [];
  try {
    return [pid, ...readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').map(Number).filter((child) => child > 0).flatMap(family)];
  } catch {
    return [];
  }
}

/** Resident at most so far, where the system tells (Linux). */
function peakOf(pid: number): number {
  try {
    return Math.round(Number(/VmHWM:\s+(\d+) kB/u.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024);
  } catch {
    return 0;
  }
}

function furnish(root: string): string {
  const folder = join(root, 'model');
  for (const path of [folder, join(folder, 'folder')]) mkdirSync(path);
  const secret = join(root, 'secret.bin');
  writeFileSync(secret, SECRET);
  makePipe(join(root, 'pipe'));
  symlinkSync(secret, join(folder, 'link.bin'));
  linkSync(secret, join(folder, 'hard.bin'));
  symlinkSync(root, join(folder, 'linked'));
  symlinkSync(join(root, 'pipe'), join(folder, 'linkpipe'));
  makePipe(join(folder, 'pipe'));
  writeFileSync(join(folder, 'empty.bin'), '');
  writeFileSync(join(folder, 'short.bin'), 'short');
  writeFileSync(join(folder, 'd'), new Uint8Array(64));
  return folder;
}

const root = mkdtempSync(join(tmpdir(), 'edgewise-hostile-'));
const folder = furnish(root);
const home = await createConsole({ dataFolder: join(root, 'home'), processHost: createNodeProcessHost(), entries: findEntries(), host: 'browser', version: 'bench', checkOutputs: true, log: () => {} });

async function throughImport(path: string): Promise<Outcome> {
  const started = performance.now();
  const answer = await home.router.call({ id: 1, route: 'models.import', input: { path } }, { trusted: true });
  const seconds = (performance.now() - started) / 1000;
  const error = answer.ok ? undefined : (answer.error as NonNullable<Shown['error']>);
  return { code: error?.code ?? 'accepted', named: answer.ok || isNamed(error), crashed: false, hung: seconds > HANG_SECONDS, seconds, peakMb: 0, said: JSON.stringify(answer) };
}

const total = { cases: cases.length, runs: 0, crashes: 0, hangs: 0, named: 0, errors: 0, wrong: 0, leaks: 0, slowestSeconds: 0, peakMb: 0, seconds: 0 };
const codes: Record<string, number> = {};
const faults: string[] = [];
const started = performance.now();
try {
  for (const { group, name, bytes, codes: right, runs } of cases) {
    const path = join(folder, 'model.onnx');
    writeFileSync(path, bytes());
    const doors: [string, () => Promise<Outcome>, readonly string[]][] = [
      ['inspect', () => commandLine(['inspect', path]), runs ? ['accepted'] : right],
      ['import', () => throughImport(path), runs ? ['accepted'] : right],
      ['optimize', () => commandLine(['optimize', path, '-o', join(root, 'out.onnx'), '--recipe', 'simplify']), right],
    ];
    for (const [door, enter, expected] of doors) {
      const outcome = await enter();
      total.runs++;
      codes[outcome.code] = (codes[outcome.code] ?? 0) + 1;
      if (outcome.code !== 'accepted') total.errors++;
      if (outcome.code !== 'accepted' && outcome.named) total.named++;
      if (outcome.crashed) total.crashes++;
      if (outcome.hung) total.hangs++;
      const leaks = outcome.said.includes(SECRET);
      if (leaks) total.leaks++;
      const wrong = !expected.includes(outcome.code);
      if (wrong) total.wrong++;
      if (outcome.crashed || outcome.hung || !outcome.named || leaks || wrong) faults.push(`${group}, ${name}, ${door}: ${outcome.code} ${outcome.said.slice(0, 300)}`);
      total.slowestSeconds = Math.max(total.slowestSeconds, Math.round(outcome.seconds * 10) / 10);
      total.peakMb = Math.max(total.peakMb, outcome.peakMb);
    }
    process.stderr.write(`${group}: ${name}\n`);
  }
} finally {
  await home.close();
  rmSync(root, { recursive: true, force: true });
}
total.seconds = Math.round((performance.now() - started) / 1000);
console.log(JSON.stringify({ ...total, namedShare: total.named / total.errors, codes, faults }, null, 2));
if (faults.length > 0) process.exitCode = 1;
