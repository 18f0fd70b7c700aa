/**
 * How far the advisor's estimates are from this machine: each network in float and int8 is measured, one thread, interleaved; then each time is
 * estimated from the times of the other networks alone.
 *
 *     node bench/advisor.ts --published
 *     node bench/advisor.ts [--profile epyc-9115] [--rounds 3] [--quick] [--json] [NETWORK]...
 *
 * A round's time is its median; of the rounds the least counts, for what else the machine does only adds. The load is printed with the results.
 *
 * Networks: sample (shipped), and where the data folder is at hand squeezenet, grocery (MobileNetV2), resnet20, yolox, fashion.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { noProgress } from '../src/base/progress.ts';
import { withModelFile } from '../src/console/models/model-file.ts';
import { findEntries } from '../src/console/processes/entries.ts';
import { inferenceForks } from '../src/console/processes/fork-inference.ts';
import { hardwareProfileOf, hardwareProfiles } from '../src/contract/hardware/profiles.ts';
import type { ComputeType } from '../src/contract/records/hardware.ts';
import { encodeModel, type Model } from '../src/engine/onnx/index.ts';
import { simplifyOrder } from '../src/engine/passes/index.ts';
import { runPasses } from '../src/engine/passes/pipeline.ts';
import { int8StepOptions, runInt8Step } from '../src/engine/quantize/int8-step.ts';
import { modelGraph } from '../src/engine/recipe/index.ts';
import { createInferenceRunner, createWorkspace, machineRecord } from '../src/runtime/index.ts';
import { calibrate, type Observation } from '../src/savings/advisor/calibrate.ts';
import { machineOf } from '../src/savings/advisor/machine.ts';
import { networkOf, type Network } from '../src/savings/advisor/network.ts';
import { observationOf, publishedObservations, rooflineS } from '../src/savings/advisor/observe.ts';
import { sharedData, sharedModel } from '../test/support/shared-data.ts';
import { spread } from './networks.ts';

const NETWORKS: Readonly<Record<string, string>> = {
  sample: join(import.meta.dirname, '../resources/sample/shelf-products.onnx'),
  ...(sharedData === undefined ? {} : {
    squeezenet: sharedModel('squeezenet1.1-reassembled/squeezenet1.1.onnx'),
    grocery: sharedModel('derived-retail/grocery81_mobilenetv2_bn_relu.onnx'),
    resnet20: sharedModel('onnc-resnet20/resnet20.onnx'),
    yolox: sharedModel('yolox-nano/yolox_nano.onnx'),
    // Not looked at while the arithmetic was made.
    fashion: sharedModel('fashion-mnist-edwin/fashion_mnist.onnx'),
  }),
};

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { profile: { type: 'string', default: 'epyc-9115' }, rounds: { type: 'string', default: '3' }, quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false }, published: { type: 'boolean', default: false } },
});

interface Measured {
  readonly name: string;
  readonly computes: ComputeType;
  readonly network: Network;
  readonly ms: { readonly median: number; readonly min: number; readonly max: number };
  readonly rooflineMs: number;
  readonly observation: Observation;
}

if (flags.published) {
  // Nothing is measured: each published time is estimated from the others.
  const all = publishedObservations(hardwareProfiles);
  console.log('| machine | network | type | factor | estimated from the others | nine-tenths interval | off | inside |\n|---|---|---|---|---|---|---|---|');
  for (const observation of all) {
    const { low, value, high } = calibrate(all.filter((other) => other !== observation)).factorOf(observation).interval;
    const { profileId, network, computes, ratio } = observation;
    console.log(`| ${profileId} | ${network} | ${computes} | ${ratio.toFixed(2)} | ${value.toFixed(2)} | ${low.toFixed(2)} to ${high.toFixed(2)} | ${(value / ratio).toFixed(2)}x | ${ratio >= low && ratio <= high ? 'yes' : 'no'} |`);
  }
  process.exit(0);
}
const profile = hardwareProfileOf(flags.profile);
const machine = profile && machineOf(profile, hardwareProfiles);
if (machine === undefined) throw new Error(`There is no hardware profile ${flags.profile}.`);

const folder = mkdtempSync(join(tmpdir(), 'edgewise-bench-'));
const runner = createInferenceRunner({ fork: inferenceForks(() => findEntries().inferenceChild) });
const measured: Measured[] = [];
try {
  const workspace = createWorkspace(folder);
  for (const [name, path] of Object.entries(NETWORKS)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    const source = { kind: 'generated', seed: 1, count: 4 } as const;
    const save = async (file: string, model: Model): Promise<string> => workspace.write(file, encodeModel(model).chunks);
    const { paths, networks } = await withModelFile(path, async ({ model }) => {
      const float = (await runPasses(model, ['upgrade-opset', ...simplifyOrder], { clock: () => performance.now() })).model;
      const int8 = (await runInt8Step(float, int8StepOptions.parse({}), { runner, workspace, source, progress: noProgress, signal: new AbortController().signal })).model;
      return { paths: [await save(`${name}.onnx`, float), await save(`${name}-int8.onnx`, int8)] as const, networks: [networkOf(modelGraph(float)), networkOf(modelGraph(int8))] as const };
    });
    const rounds = [];
    for (let round = 0; round < Number(flags.rounds); round++) {
      const before = await runner.open(paths[0], { threads: 1 });
      const after = await runner.open(paths[1], { threads: 1 });
      rounds.push(await runner.latency(before, after, source, flags.quick ? { minPairs: 10, maxSeconds: 3 } : { minPairs: 40, maxSeconds: 8 }));
      await runner.close(after);
      await runner.close(before);
    }
    const add = (computes: ComputeType, network: Network, ms: Measured['ms']): void => {
      const timed = { unit: 'cpu', computes, network, of: name, ms: ms.min, perS: null, threads: 1 };
      const [observation, roofline] = [observationOf(machine, timed, 'measured'), rooflineS(machine, timed)];
      if (observation && roofline !== undefined) measured.push({ name, computes, network, ms, rooflineMs: roofline * 1000, observation });
    };
    add('fp32', networks[0], spread(rounds.map(({ beforeMs }) => beforeMs.median)));
    add('int8', networks[1], spread(rounds.map(({ afterMs }) => afterMs.median)));
    console.error(name);
  }
} finally {
  await runner.dispose();
  rmSync(folder, { recursive: true, force: true });
}

const published = publishedObservations(hardwareProfiles);
const rows = measured.map(({ name, computes, ms, rooflineMs, observation }) => {
  const others = measured.filter((other) => other.name !== name).map((other) => other.observation);
  const uncalibrated = calibrate(published).factorOf(observation).interval;
  const factor = calibrate([...others, ...published]).factorOf(observation).interval;
  const estimateMs = rooflineMs * factor.value;
  return {
    network: name, computes, ms, rooflineMs, factor: ms.min / rooflineMs, uncalibratedMs: rooflineMs * uncalibrated.value, uncalibratedInside: ms.min >= rooflineMs * uncalibrated.low && ms.min <= rooflineMs * uncalibrated.high,
    estimateMs, intervalMs: [rooflineMs * factor.low, rooflineMs * factor.high], off: estimateMs / ms.min, inside: ms.min >= rooflineMs * factor.low && ms.min <= rooflineMs * factor.high,
  };
});
const times = (values: readonly number[]): number => Math.exp(values.reduce((sum, value) => sum + Math.abs(Math.log(value)), 0) / values.length);
const deviations = (['fp32', 'int8'] as const).map((type) => {
  const logs = rows.filter(({ computes }) => computes === type).map(({ factor }) => Math.log(factor));
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  return [type, Math.sqrt(logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / Math.max(1, logs.length - 1))];
});
const summary = {
  load: loadavg()[0],
  meanOff: times(rows.map(({ off }) => off)), worstOff: Math.max(...rows.map(({ off }) => Math.exp(Math.abs(Math.log(off))))), inside: rows.filter(({ inside }) => inside).length, of: rows.length,
  uncalibratedMeanOff: times(rows.map(({ uncalibratedMs, ms }) => uncalibratedMs / ms.min)), uncalibratedInside: rows.filter(({ uncalibratedInside }) => uncalibratedInside).length, spreadOfLogs: Object.fromEntries(deviations),
};
if (flags.json) console.log(JSON.stringify({ bench: 'advisor', profile: flags.profile, threads: 1, machine: machineRecord('bench'), rows, summary }, null, 1));
else {
  console.log(`| network | type | measured ms (to the slowest round) | roofline ms | factor | estimate from the others | nine-tenths interval | off | inside |\n|---|---|---|---|---|---|---|---|---|`);
  for (const { network, computes, ms, rooflineMs, factor, estimateMs, intervalMs, off, inside } of rows) {
    console.log(`| ${network} | ${computes} | ${ms.min.toFixed(2)} (${ms.max.toFixed(2)}) | ${rooflineMs.toFixed(2)} | ${factor.toFixed(2)} | ${estimateMs.toFixed(2)} | ${intervalMs.map((value) => value.toFixed(2)).join(' to ')} | ${off.toFixed(2)}x | ${inside ? 'yes' : 'no'} |`);
  }
  console.log(`\n${JSON.stringify(summary)}`);
}
