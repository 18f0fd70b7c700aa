/**
 * Latency by scheme against the simplified float model, one thread, interleaved A B B A on the same inputs.
 *
 *     node bench/latency.ts [--quick] [--network resnet50-size|mobilenetv2-size] [--scheme NAME]... [--threads N]
 *
 * Prints one JSON object: medians, their ratio (2 is twice as fast) and its 95 % interval, bytes, and the least ratio asked for.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { noProgress } from '../src/base/progress.ts';
import { findEntries } from '../src/console/processes/entries.ts';
import { inferenceForks } from '../src/console/processes/fork-inference.ts';
import { encodeModel, type Model } from '../src/engine/onnx/index.ts';
import { runPasses } from '../src/engine/passes/pipeline.ts';
import { int8StepOptions, runInt8Step } from '../src/engine/quantize/int8-step.ts';
import type { CalibrationContext } from '../src/engine/quantize/probe-model.ts';
import { builtInRecipes } from '../src/engine/recipe/index.ts';
import { createInferenceRunner, createWorkspace, machineRecord } from '../src/runtime/index.ts';
import { NETWORKS, simplifiedNetwork, spread, type NetworkName } from './networks.ts';

type Make = (float: Model, context: CalibrationContext) => Promise<Model>;

const passes = (...names: readonly string[]): Make => async (float) => (await runPasses(float, names, { clock: () => performance.now() })).model;

/** As the recipe's own step does it. */
const recipe = (name: string): Make => async (float, context) => {
  let model = float;
  for (const { step, options } of builtInRecipes[name]?.steps ?? []) {
    if (step === 'quantize-static-int8') model = (await runInt8Step(model, int8StepOptions.parse(options ?? {}), context)).model;
  }
  return model;
};

/** One line a scheme. */
const SCHEMES: Readonly<Record<string, Make>> = {
  'float (itself)': async (float) => float,
  'int8 u8s8': recipe('int8'),
  'int8 u8s8, 7-bit weights where needed': recipe('portable'),
  'fp16 weights': passes('fp16-weights'),
  'fp16 compute': passes('fp16'),
};

/** From the acceptance of the engine. */
const LEAST: Readonly<Record<string, Readonly<Partial<Record<NetworkName, number>>>>> = { 'int8 u8s8': { 'resnet50-size': 3, 'mobilenetv2-size': 1.8 } };
const CALIBRATION_PICTURES = 8;

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    network: { type: 'string' },
    scheme: { type: 'string', multiple: true },
    threads: { type: 'string', default: '1' },
  },
});

async function measure(network: NetworkName, folder: string): Promise<unknown> {
  const runner = createInferenceRunner({ fork: inferenceForks(() => findEntries().inferenceChild) });
  const workspace = createWorkspace(folder);
  const threads = Number(flags.threads);
  const save = async (name: string, model: Model): Promise<{ path: string; bytes: number }> => ({ path: await workspace.write(name, encodeModel(model).chunks), bytes: encodeModel(model).byteLength });
  const rows: Record<string, unknown> = {};
  try {
    const float = await simplifiedNetwork(network);
    const reference = await save('float.onnx', float);
    const context: CalibrationContext = { runner, workspace, source: { kind: 'generated', seed: 1, count: CALIBRATION_PICTURES }, progress: noProgress, signal: new AbortController().signal };
    for (const [name, make] of Object.entries(SCHEMES)) {
      if (flags.scheme && !flags.scheme.includes(name)) continue;
      const candidate = await save('candidate.onnx', await make(float, context));
      const least = LEAST[name]?.[network] ?? null;
      const rounds = [];
      // Sessions anew each round: where their memory lies differs from load to load, and so does their speed.
      for (let round = 0; round < (flags.quick ? 1 : 3); round++) {
        const before = await runner.open(reference.path, { threads });
        const after = await runner.open(candidate.path, { threads });
        rounds.push(await runner.latency(before, after, { kind: 'generated', seed: 2, count: 4 }, flags.quick ? { minPairs: 10, maxSeconds: 4 } : { minPairs: 40, maxSeconds: 12 }));
        await runner.close(after);
        await runner.close(before);
      }
      const ratio = spread(rounds.map((round) => round.ratio));
      rows[name] = {
        floatMs: spread(rounds.map((round) => round.beforeMs.median)), ms: spread(rounds.map((round) => round.afterMs.median)), ratio, ci95: rounds.map((round) => round.ci95), pairs: rounds.map((round) => round.pairs),
        bytes: candidate.bytes, smaller: reference.bytes / candidate.bytes, least, met: least === null ? null : ratio.median >= least,
      };
      console.error(`${network}, ${name}: ${ratio.median.toFixed(2)}x`);
    }
  } finally {
    await runner.dispose();
  }
  return rows;
}

const networks = (Object.keys(NETWORKS) as NetworkName[]).filter((name) => flags.network === undefined || flags.network === name);
const folder = mkdtempSync(join(tmpdir(), 'edgewise-bench-'));
try {
  const results: Record<string, unknown> = {};
  for (const network of networks) results[network] = await measure(network, folder);
  console.log(JSON.stringify({ bench: 'latency', threads: Number(flags.threads), machine: machineRecord('bench'), results }, null, 1));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
