/**
 * Calibration against the pure inference time of the same pictures, by observer, and the growth of its memory with the number of pictures.
 *
 *     node bench/calibration.ts [--quick] [--network resnet50-size|mobilenetv2-size] [--no-memory]
 *
 * Prints one JSON object. "Pure" is what the runner takes for the same pictures through the simplified float model, once it is loaded;
 * a calibration is everything that `calibrate` does: writing a model with more outputs, loading it, running, observing, searching.
 * Equalization comes before it and has its own figure.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import type { SampleSource } from '../src/base/ports.ts';
import { noProgress } from '../src/base/progress.ts';
import { findEntries } from '../src/console/processes/entries.ts';
import { inferenceForks } from '../src/console/processes/fork-inference.ts';
import { encodeModel, parseModel, type Model } from '../src/engine/onnx/index.ts';
import { Graph } from '../src/engine/onnx/graph.ts';
import { copyModel } from '../src/engine/passes/pipeline.ts';
import { calibrate, observerOptions, type ObserverOptions } from '../src/engine/quantize/calibrate.ts';
import { equalize } from '../src/engine/quantize/equalize.ts';
import { planQuantization, type QuantizationPlan } from '../src/engine/quantize/plan.ts';
import type { CalibrationContext } from '../src/engine/quantize/probe-model.ts';
import { createInferenceRunner, createWorkspace, machineRecord } from '../src/runtime/index.ts';
import { bytesSource, noExternalFiles } from '../test/support/build-model.ts';
import { simplifiedNetwork, spread } from './networks.ts';

const OBSERVERS: readonly ObserverOptions[] = [
  { kind: 'min-max' }, { kind: 'moving-average' }, { kind: 'percentile', percentile: 99.99 }, { kind: 'mse' }, { kind: 'entropy' },
];
/** Of the pure inference time, from the acceptance of the engine. */
const LIMITS: Readonly<Record<ObserverOptions['kind'], number>> = { 'min-max': 1.25, 'moving-average': 1.25, percentile: 1.6, mse: 1.6, entropy: 1.6 };
const MEMORY_GROWTH_LIMIT = 0.05;

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    network: { type: 'string', default: 'resnet50-size' },
    'no-memory': { type: 'boolean', default: false },
    // One measurement of memory in a process of its own: observer (or "none"), pictures, model file.
    peak: { type: 'string' },
  },
});

const pictures = (count: number): SampleSource => ({ kind: 'generated', seed: 1, count });

function startRunner(): ReturnType<typeof createInferenceRunner> {
  return createInferenceRunner({ fork: inferenceForks(() => findEntries().inferenceChild) });
}

function readModel(path: string): Model {
  return parseModel(bytesSource(readFileSync(path)), noExternalFiles);
}

/** What quantization has decided before it measures: which values need a range. */
function planned(model: Model): { readonly graph: Graph; readonly plan: QuantizationPlan } {
  const graph = new Graph(copyModel(model).graph);
  return { graph, plan: planQuantization(graph) };
}

async function runCalibration(model: Model, { graph, plan }: ReturnType<typeof planned>, observer: ObserverOptions, context: CalibrationContext): Promise<void> {
  await calibrate(model, graph, plan, [observer], context);
}

interface Timed {
  readonly ms: number[];
  readonly ratio: number[];
}

async function timings(folder: string, modelPath: string, repeats: number): Promise<unknown> {
  const runner = startRunner();
  const model = readModel(modelPath);
  const context: CalibrationContext = { runner, workspace: createWorkspace(folder), source: pictures(32), progress: noProgress, signal: new AbortController().signal };
  const timed = async (action: () => Promise<unknown>): Promise<number> => {
    const started = performance.now();
    await action();
    return performance.now() - started;
  };
  const pure: number[] = [];
  const loading: number[] = [];
  const pureOnce = async (record: boolean): Promise<void> => {
    const beforeLoad = performance.now();
    const session = await runner.open(modelPath);
    const loaded = performance.now();
    await runner.reduce(session, context.source, { name: 'calibration', options: { kinds: {} } }, []);
    const done = performance.now();
    await runner.close(session);
    if (!record) return;
    loading.push(loaded - beforeLoad);
    pure.push(done - loaded);
  };
  const byObserver = new Map<string, Timed>(OBSERVERS.map(({ kind }) => [kind, { ms: [], ratio: [] }]));
  const withLoading = new Map<string, number[]>(OBSERVERS.map(({ kind }) => [kind, []]));
  const equalization: number[] = [];
  try {
    for (let round = 0; round <= repeats; round++) {
      // The first round warms up: file caches, compiled code, the child's memory.
      const record = round > 0;
      for (const observer of OBSERVERS) {
        // Before and after each, so that a machine that slows down or speeds up meets both alike.
        await pureOnce(record);
        const plan = planned(model);
        const ms = await timed(() => runCalibration(model, plan, observer, context));
        await pureOnce(record);
        if (!record) continue;
        const beside = (list: readonly number[]): number => ((list.at(-1) ?? 0) + (list.at(-2) ?? 0)) / 2;
        byObserver.get(observer.kind)?.ms.push(ms);
        byObserver.get(observer.kind)?.ratio.push(ms / beside(pure));
        withLoading.get(observer.kind)?.push(ms / (beside(pure) + beside(loading)));
      }
      const graph = new Graph(copyModel(model).graph);
      const ms = await timed(() => equalize(model, graph, planQuantization(graph), context));
      if (record) equalization.push(ms);
    }
  } finally {
    await runner.dispose();
  }
  return {
    pictures: 32,
    repeats,
    pureMs: spread(pure),
    loadingMs: spread(loading),
    equalizationMs: spread(equalization),
    observers: Object.fromEntries(
      OBSERVERS.map(({ kind }) => {
        const ratio = spread(byObserver.get(kind)?.ratio ?? []);
        return [kind, { ms: spread(byObserver.get(kind)?.ms ?? []), ratio, ratioWithLoading: spread(withLoading.get(kind) ?? []), limit: LIMITS[kind], met: ratio.median <= LIMITS[kind] }];
      }),
    ),
  };
}

const peakResult = z.object({ parentBytes: z.number(), childBytes: z.number() });

/** Peak resident memory of this process and its inference child after one calibration. */
async function printPeak(kind: string, count: number, modelPath: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'edgewise-bench-'));
  const runner = startRunner();
  try {
    const model = readModel(modelPath);
    await runCalibration(model, planned(model), observerOptions.parse({ kind }), { runner, workspace: createWorkspace(folder), source: pictures(count), progress: noProgress, signal: new AbortController().signal });
    console.log(JSON.stringify({ parentBytes: process.resourceUsage().maxRSS * 1024, childBytes: runner.peakRssBytes() }));
  } finally {
    await runner.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}

function peaks(modelPath: string, repeats: number): unknown {
  const measure = (kind: string, count: number): z.infer<typeof peakResult> =>
    peakResult.parse(JSON.parse(execFileSync(process.execPath, [import.meta.filename, '--peak', `${kind},${count},${modelPath}`], { encoding: 'utf8' })));
  const rows = OBSERVERS.map(({ kind }) => {
    const few: number[] = [];
    const many: number[] = [];
    const children: number[] = [];
    for (let round = 0; round < repeats; round++) {
      for (const [count, list] of [[32, few], [256, many]] as const) {
        const { parentBytes, childBytes } = measure(kind, count);
        list.push(parentBytes + childBytes);
        if (list === many) children.push(childBytes);
      }
    }
    const growth = spread(many).median / spread(few).median - 1;
    return [kind, { bytesOf32: spread(few), bytesOf256: spread(many), childBytesOf256: spread(children), growth, limit: MEMORY_GROWTH_LIMIT, met: growth < MEMORY_GROWTH_LIMIT }] as const;
  });
  return { repeats, observers: Object.fromEntries(rows) };
}

if (flags.peak === undefined) {
  if (flags.network !== 'resnet50-size' && flags.network !== 'mobilenetv2-size') throw new Error('--network is resnet50-size or mobilenetv2-size');
  const folder = mkdtempSync(join(tmpdir(), 'edgewise-bench-'));
  try {
    const modelPath = await createWorkspace(folder).write('float.onnx', encodeModel(await simplifiedNetwork(flags.network)).chunks);
    const timing = await timings(folder, modelPath, flags.quick ? 3 : 9);
    const memory = flags['no-memory'] ? null : peaks(modelPath, flags.quick ? 1 : 3);
    console.log(JSON.stringify({ bench: 'calibration', network: flags.network, machine: machineRecord('bench'), timing, memory }, null, 1));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
} else {
  const [kind = '', count = '', modelPath = ''] = flags.peak.split(',');
  await printPeak(kind, Number(count), modelPath);
}
