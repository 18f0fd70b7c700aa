/**
 * What int8 costs in accuracy and what `int8-accurate` gets back, on pictures used neither for calibration nor for any choice.
 *
 *     node bench/accuracy.ts [--markdown] [--only name] [--recipe file.json]
 *
 * SqueezeNet 1.1, a MobileNetV2 of groceries, and two networks made hard on purpose (hard-network.ts). Prints one JSON object; with
 * `--markdown` the table of docs/quantization.md. Needs the models and data sets (EDGEWISE_DATA, or ../shared/data).
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { noProgress } from '../src/base/progress.ts';
import type { OptimizeReport } from '../src/contract/records/report.ts';
import type { Recipe } from '../src/contract/records/recipe.ts';
import { findEntries } from '../src/console/processes/entries.ts';
import { inferenceForks } from '../src/console/processes/fork-inference.ts';
import { encodeModel, parseModel, type Model } from '../src/engine/onnx/index.ts';
import { simplifyOrder } from '../src/engine/passes/index.ts';
import { runPasses } from '../src/engine/passes/pipeline.ts';
import { builtInRecipes, parseRecipe, runRecipe, type DataPlan } from '../src/engine/recipe/index.ts';
import { createInferenceRunner, createWorkspace, hashFile, machineRecord, planData } from '../src/runtime/index.ts';
import { bytesSource, noExternalFiles } from '../test/support/build-model.ts';
import { sharedData, sharedDataset, sharedModel } from '../test/support/shared-data.ts';
import { hardNetwork } from './hard-network.ts';

const CALIBRATION = 100;
const SEED = 1;

const { values: flags } = parseArgs({ options: { markdown: { type: 'boolean', default: false }, only: { type: 'string' }, recipe: { type: 'string' } } });

/** No help at all: whole ranges, nothing equalized, corrected or left in float. */
const plain = parseRecipe({
  version: 1, name: 'plain int8',
  steps: [{ step: 'simplify' }, { step: 'quantize-static-int8', options: { observer: { kind: 'min-max' }, equalize: false, correctBias: 'none' } }],
});
const accurate = flags.recipe === undefined ? builtInRecipes['int8-accurate'] : parseRecipe(JSON.parse(readFileSync(flags.recipe, 'utf8')));
const recipes: readonly Recipe[] = [plain, builtInRecipes['int8'], accurate].filter((recipe) => recipe !== undefined);

interface Network {
  readonly name: string;
  readonly file: string;
  /** Calibration comes from the first; where there is a second, every picture of it is measured on, else what calibration left. */
  readonly data: readonly [string, string?];
  readonly hard?: Parameters<typeof hardNetwork>[1];
}

const GROCERY = { file: 'derived-retail/grocery81_mobilenetv2_bn_relu.onnx', data: ['grocery-store/train', 'grocery-store/val'] } as const;
const NETWORKS: readonly Network[] = [
  { name: 'SqueezeNet 1.1', file: 'squeezenet1.1-reassembled/squeezenet1.1.onnx', data: ['imagenet-sample'] },
  { name: 'grocery MobileNetV2', ...GROCERY },
  { name: 'the same, channels unequal', ...GROCERY, hard: { octaves: 4, seed: SEED, clipped: false } },
  { name: 'the same, unequal behind Clip', ...GROCERY, hard: { octaves: 4, seed: SEED, clipped: true } },
];

interface Row {
  readonly network: string;
  readonly recipe: string;
  readonly calibration: number;
  readonly pictures: number;
  readonly top1Before: number;
  readonly top1After: number;
  readonly drop: number;
  readonly ci95: readonly [number, number];
  /** Share of what plain int8 loses that this recipe does not; null where plain loses less than a point. */
  readonly recovered: number | null;
  readonly sqnrDb: number | null | undefined;
  readonly speedup: number | undefined;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly layersFloat: number;
  readonly seconds: number;
  readonly notes: readonly string[];
}

if (sharedData === undefined) {
  console.error('The models and data sets are not here: set EDGEWISE_DATA to the folder that holds models/ and datasets/.');
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), 'edgewise-bench-'));
const rows: Row[] = [];
try {
  for (const network of NETWORKS) {
    if (flags.only !== undefined && !network.name.includes(flags.only)) continue;
    await run(network);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (flags.markdown) console.log(markdown());
else console.log(JSON.stringify({ rows }, null, 1));

async function run(network: Network): Promise<void> {
  const modelPath = join(folder, 'given.onnx');
  const given = parse(readFileSync(sharedModel(network.file)));
  const model = network.hard ? hardNetwork(await simplify(given), network.hard).model : given;
  writeFileSync(modelPath, Buffer.concat([...encodeModel(model).chunks]));
  let lost: number | undefined;
  for (const recipe of recipes) {
    const report = await optimize(network, modelPath, recipe);
    const { accuracy, fidelity, latency, data } = report;
    if (!accuracy) throw new Error('there is no accuracy without labels');
    const drop = accuracy.topOneDrop.mean;
    lost ??= drop;
    const step = report.steps.find(({ pass }) => pass === 'quantize-static-int8');
    rows.push({
      network: network.name, recipe: recipe.name, calibration: data?.calibrationSamples ?? 0, pictures: accuracy.after.samples,
      top1Before: accuracy.before.top1, top1After: accuracy.after.top1, drop, ci95: accuracy.topOneDrop.ci95, recovered: lost >= 0.01 ? 1 - drop / lost : null,
      sqnrDb: fidelity?.sqnrDb, speedup: latency?.ratio, bytesBefore: report.input.bytes, bytesAfter: report.output.bytes, layersFloat: step?.stats['keptFloat'] ?? 0,
      seconds: report.seconds, notes: [...(step?.notes ?? []), ...report.warnings],
    });
    console.error(`${network.name}, ${recipe.name}: ${report.seconds.toFixed(0)} s`);
  }
}

async function optimize(network: Network, modelPath: string, recipe: Recipe): Promise<OptimizeReport> {
  const runner = createInferenceRunner({ fork: inferenceForks(() => findEntries().inferenceChild) });
  try {
    const bytes = readFileSync(modelPath);
    const { report } = await runRecipe({
      recipe, modelName: network.file, modelPath, model: parse(bytes), inputBytes: bytes.length, inputSha256: await hashFile(modelPath), data: await plan(network, modelPath), runner,
      workspace: createWorkspace(folder), machine: machineRecord('bench'), seed: SEED, verify: false, threads: 1, clock: () => performance.now(), createdAt: new Date().toISOString(),
      hashFile, log: () => {}, progress: noProgress, signal: new AbortController().signal,
    });
    return report;
  } finally {
    await runner.dispose();
  }

  async function plan({ file, data: [first, second] }: Network, path: string): Promise<DataPlan> {
    const session = await runner.open(path);
    const request = (data: string): Parameters<typeof planData>[0] => ({ path: sharedDataset(data), inputs: session.inputs, modelName: file });
    const own = await planData(request(first), { calibration: CALIBRATION, evaluation: second === undefined ? Number.MAX_SAFE_INTEGER : 1, seed: SEED });
    const { evaluation, evaluationSamples } = second === undefined ? own : await planData(request(second), { calibration: 0, evaluation: Number.MAX_SAFE_INTEGER, seed: SEED });
    await runner.close(session);
    return { ...own, evaluation, evaluationSamples };
  }
}

function parse(bytes: Uint8Array): Model {
  return parseModel(bytesSource(bytes), noExternalFiles);
}

async function simplify(model: Model): Promise<Model> {
  const runtime = (): never => {
    throw new Error('these networks are simplified without the runtime');
  };
  return (await runPasses(model, simplifyOrder, { clock: () => performance.now(), options: {}, signal: new AbortController().signal, log: () => {}, evaluate: runtime, onPass: () => {} })).model;
}

function markdown(): string {
  const points = (share: number): string => (100 * share).toFixed(1);
  const head = ['| network | recipe | top-1 % | lost, points (95 % interval, pictures) | recovered | dB | layers in float | size MB | faster | s |', '|---|---|---|---|---|---|---|---|---|---|'];
  const lines = rows.map(
    (row) =>
      `| ${row.network} | ${row.recipe} | ${points(row.top1Before)} → ${points(row.top1After)} | ${points(row.drop)} (${row.ci95.map(points).join(' to ')}, ${row.pictures}) | ${row.recovered === null ? '' : `${(100 * row.recovered).toFixed(0)} %`} | ${row.sqnrDb?.toFixed(1) ?? ''} | ${row.layersFloat} | ${(row.bytesBefore / 1e6).toFixed(2)} → ${(row.bytesAfter / 1e6).toFixed(2)} | ${row.speedup?.toFixed(2) ?? ''}x | ${row.seconds.toFixed(0)} |`,
  );
  return [...head, ...lines].join('\n');
}
