/**
 * `simplify` on networks of the size of ResNet-50 (102 MB) and MobileNetV2 (14 MB), against the npm package onnxsim on the same files in the same run.
 *
 *     node bench/simplify.ts [--rounds 5]
 *
 * Prints one JSON object. A turn is a process of its own (bench/simplify-turn.ts): it reads the file, rewrites it, and writes the result;
 * turns of the two alternate. `seconds` goes from opening the file to the result on disk, with the program loaded; `processSeconds` has the
 * start of the process and the loading too; `cpuSeconds` is the processors' time of the same stretch as `seconds`. Ours checks the model while it reads, and syncs the result to disk; onnxsim does neither.
 * Neither compares outputs. What that costs is under `proof`: the same rewriting with the outputs compared through the runtime, which
 * has no counterpart in onnxsim. `warmSeconds` is ours in a process that has done it before.
 * onnxsim and the runtime that it calls are installed into bench/reference where they are not there.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { withModelFile } from '../src/console/models/model-file.ts';
import { findEntries } from '../src/console/processes/entries.ts';
import { inferenceForks } from '../src/console/processes/fork-inference.ts';
import { encodeModel, type Model } from '../src/engine/onnx/index.ts';
import { simplifyOrder } from '../src/engine/passes/index.ts';
import { provenPasses } from '../src/engine/recipe/proven-passes.ts';
import { createInferenceRunner, createWorkspace } from '../src/runtime/index.ts';
import { mobileNetV2, resNet50 } from '../test/support/networks.ts';
import { spread } from './networks.ts';
import type { Turn } from './simplify-turn.ts';

const NETWORKS = { 'resnet50-size': { make: () => resNet50(1, 224, 'shared'), nodes: 122 }, 'mobilenetv2-size': { make: () => mobileNetV2(1, 224, 'shared'), nodes: 100 } } as const;
/** From the acceptance of the engine; seconds and peak are for the larger one. */
const LIMITS = { seconds: 1, peakBytes: 450e6, timesFaster: 10 };
const REFERENCE = join(import.meta.dirname, 'reference');

const { values: flags } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
const rounds = Number(flags.rounds);

function turns(what: 'ours' | 'onnxsim', from: string, to: string, times = 1): Turn[] {
  const text = execFileSync(process.execPath, [join(import.meta.dirname, 'simplify-turn.ts'), what, from, to, String(times)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  // onnxsim prints tables of its own before.
  return text.split('\n').filter((line) => line.startsWith('{"readMs"')).map((line) => JSON.parse(line) as Turn);
}

const total = ({ readMs, rewriteMs, writeMs }: Turn): number => (readMs + rewriteMs + writeMs) / 1000;

function summary(list: readonly Turn[]): Record<string, unknown> {
  return {
    seconds: spread(list.map(total)),
    readSeconds: spread(list.map((turn) => turn.readMs / 1000)).median,
    rewriteSeconds: spread(list.map((turn) => turn.rewriteMs / 1000)).median,
    writeSeconds: spread(list.map((turn) => turn.writeMs / 1000)).median,
    processSeconds: spread(list.map((turn) => turn.processMs / 1000)).median,
    cpuSeconds: spread(list.map((turn) => turn.cpuMs / 1000)).median,
    peakBytes: spread(list.map((turn) => turn.peakBytes)),
  };
}

/** Rewriting with the outputs compared, in a process of this bench and the runtime's child. */
async function prove(path: string, folder: string): Promise<Record<string, number>> {
  const runner = createInferenceRunner({ fork: inferenceForks(() => findEntries().inferenceChild) });
  try {
    return await withModelFile(path, async ({ model }) => {
      const start = performance.now();
      let rewriteMs = 0;
      const { steps, failures, unable } = await provenPasses(model, simplifyOrder, {
        clock: () => performance.now(), runner, workspace: createWorkspace(folder), source: { kind: 'generated', seed: 1, count: 2 }, signal: new AbortController().signal,
        keepFailure: () => Promise.reject(new Error('a pass changed the outputs')),
      });
      for (const step of steps) rewriteMs += step.ms;
      if (failures.length > 0 || unable !== null) throw new Error(`not proven: ${unable ?? 'failures'}`);
      const seconds = (performance.now() - start) / 1000;
      return { seconds, comparingSeconds: seconds - rewriteMs / 1000, samples: 3, childPeakBytes: runner.peakRssBytes() };
    });
  } finally {
    await runner.dispose();
  }
}

function write(model: Model, path: string): number {
  const { byteLength, chunks } = encodeModel(model);
  writeFileSync(path, Buffer.concat([...chunks]));
  return byteLength;
}

if (!existsSync(join(REFERENCE, 'node_modules', 'onnxsim'))) {
  console.error('Installing the reference into bench/reference ...');
  execFileSync('npm', ['ci', '--prefix', REFERENCE, '--ignore-scripts'], { stdio: ['ignore', 'ignore', 'inherit'], cwd: REFERENCE });
}
const folder = mkdtempSync(join(tmpdir(), 'edgewise-bench-'));
try {
  const networks: Record<string, unknown> = {};
  for (const [name, { make, nodes }] of Object.entries(NETWORKS)) {
    const from = join(folder, `${name}.onnx`);
    const model = make();
    const bytes = write(model, from);
    const [ours, theirs]: [Turn[], Turn[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      console.error(`${name}, round ${round + 1} of ${rounds}`);
      ours.push(...turns('ours', from, join(folder, 'ours.onnx')));
      theirs.push(...turns('onnxsim', from, join(folder, 'theirs.onnx')));
    }
    const reached = ours[0]?.nodes ?? Number.NaN;
    const nodesOfTheirs = await withModelFile(join(folder, 'theirs.onnx'), (file) => file.model.graph.nodes.length);
    const ratios = ours.map((turn, index) => total(theirs[index] as Turn) / total(turn));
    const [seconds, peakBytes, timesFaster] = [spread(ours.map(total)).median, spread(ours.map((turn) => turn.peakBytes)).max, spread(ratios)];
    networks[name] = {
      bytes, nodesBefore: model.graph.nodes.length, nodesAfter: reached, nodesOfTheirs,
      ours: { ...summary(ours), warmSeconds: spread(turns('ours', from, join(folder, 'ours.onnx'), 6).slice(1).map(total)) },
      onnxsim: summary(theirs),
      timesFaster,
      timesFasterByCpu: spread(ours.map((turn, index) => (theirs[index] as Turn).cpuMs / turn.cpuMs)),
      timesLessMemory: spread(theirs.map((turn) => turn.peakBytes)).median / spread(ours.map((turn) => turn.peakBytes)).median,
      proof: await prove(from, folder),
      holds: { nodes: reached <= nodes, seconds: seconds <= LIMITS.seconds, peakBytes: peakBytes <= LIMITS.peakBytes, timesFaster: timesFaster.median >= LIMITS.timesFaster },
    };
  }
  console.log(JSON.stringify({ bench: 'simplify', rounds, cpu: cpus()[0]?.model, cores: cpus().length, node: process.version, limits: LIMITS, networks }, null, 2));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
