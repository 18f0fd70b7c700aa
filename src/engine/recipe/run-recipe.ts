/** From a model and a recipe to a smaller model and a report of what it is worth. Deterministic for a seed, but for times. */
import type { SampleSource } from '../../base/ports.ts';
import type { OptimizeReport, ReportSide } from '../../contract/records/report.ts';
import { modelFacts } from '../onnx/facts.ts';
import { saveModel } from '../onnx/index.ts';
import { opsetOf, type Model } from '../onnx/types.ts';
import { evaluateGates } from './gates.ts';
import { dataLines, endLine, gateLine, startLine } from './log-lines.ts';
import { measure } from './measure.ts';
import { runSteps } from './run-steps.ts';
import { Stages, type Stage } from './stages.ts';
import { needsData, quantizes } from './steps.ts';
import type { DataPlan, RunRecipeOptions, RunRecipeResult } from './types.ts';

/** Samples of generated numbers where no data are given. */
const GENERATED_CALIBRATION = 16;
const GENERATED_EVALUATION = 8;
/** Below this the result is another model. */
const POOR_COSINE = 0.95;
/** Samples on which every rewrite is compared. */
const VERIFIED_SAMPLES = 2;

/** @throws EdgewiseError: CANCELLED, NOT_QUANTIZABLE, BAD_RECIPE, and whatever the runner and the workspace throw */
export async function runRecipe(options: RunRecipeOptions): Promise<RunRecipeResult> {
  const { recipe, runner, workspace, clock, data, seed } = options;
  const started = clock();
  const learns = needsData(recipe);
  const labelled = data?.labelled ?? false;
  const stages = new Stages(options.progress, weights({ learns, quantizes: quantizes(recipe), labelled }));
  stages.enter('read');
  const input = side(options.model, options.inputBytes, options.inputSha256);
  const sources = sourcesOf(data, seed);
  const say = (line: string): void => options.log('info', line);
  say(startLine({ recipe, modelName: options.modelName, input, opset: opsetOf(options.model), seed, verify: options.verify }));
  dataLines(data, { calibration: GENERATED_CALIBRATION, evaluation: GENERATED_EVALUATION }, learns).forEach(say);

  const { model, steps, warnings: stepWarnings, layers } = await runSteps(options, sources, stages);

  stages.enter('write');
  const written = await saveModel(workspace, 'model.onnx', model, { externalData: options.externalData ?? false });
  const outputPath = written.path;
  const output = side(model, written.bytes, await options.hashFile(written.paths));
  const measured = await measure(options, { evaluation: sources.evaluation, labelled, outputPath, stages });
  const gates = evaluateGates(recipe, { ...measured, output });
  const report: OptimizeReport = {
    version: 1,
    model: options.modelName,
    createdAt: options.createdAt,
    seed,
    recipe,
    input,
    output,
    steps: [...steps],
    ...(layers ? { layers } : {}),
    data: data && recordOf(data),
    ...measured,
    gates,
    warnings: [...stepWarnings, ...dataWarnings(data, learns), ...resultWarnings(measured, input, output, steps.some((step) => step.changed)), ...gateWarnings(gates)],
    machine: options.machine,
    seconds: (clock() - started) / 1000,
    peakRssBytes: Math.round(runner.peakRssBytes()),
  };
  gates.map(gateLine).forEach(say);
  say(endLine(report));
  options.progress({ stage: 'write', fraction: 1 });
  return { model, outputPath, report, gatesMet: gates.every((gate) => gate.met) };
}

function weights({ learns, quantizes, labelled }: { readonly learns: boolean; readonly quantizes: boolean; readonly labelled: boolean }): (readonly [Stage, number])[] {
  const all: (readonly [Stage, number, boolean])[] = [
    ['read', 1, true], ['simplify', 10, true], ['calibrate', 25, learns], ['quantize', 3, quantizes], ['write', 1, true],
    ['fidelity', 25, true], ['accuracy', 25, labelled], ['latency', 12, true],
  ];
  return all.filter(([, , there]) => there).map(([stage, weight]) => [stage, weight] as const);
}

function side(model: Model, bytes: number, sha256: string): ReportSide {
  const { nodes, macs, parameters } = modelFacts(model, bytes, []);
  return { bytes, nodes, macs, parameters, sha256 };
}

interface Sources {
  readonly calibration: SampleSource;
  readonly evaluation: SampleSource;
  readonly verification: SampleSource;
}

function sourcesOf(data: DataPlan | null, seed: number): Sources {
  if (!data) {
    return {
      calibration: { kind: 'generated', seed, count: GENERATED_CALIBRATION },
      // Other numbers than those it was calibrated on.
      evaluation: { kind: 'generated', seed: seed + 1, count: GENERATED_EVALUATION },
      verification: { kind: 'generated', seed: seed + 2, count: VERIFIED_SAMPLES },
    };
  }
  const { calibration, evaluation } = data;
  const verification = evaluation.kind === 'dataset' ? { ...evaluation, indices: evaluation.indices.slice(0, VERIFIED_SAMPLES) } : { ...evaluation, count: VERIFIED_SAMPLES };
  return { calibration, evaluation, verification };
}

function recordOf(data: DataPlan): NonNullable<OptimizeReport['data']> {
  const { kind, path, calibrationSamples, evaluationSamples, labelled, preprocess, preprocessGuessed, overlap } = data;
  return { kind, path, calibrationSamples, evaluationSamples, labelled, preprocess: preprocess as NonNullable<OptimizeReport['data']>['preprocess'], preprocessGuessed, overlap };
}

function dataWarnings(data: DataPlan | null, learns: boolean): string[] {
  if (!data) return learns ? ['Calibrated on generated noise, since no data were given: what this costs in accuracy is unknown. Give pictures like those that the model will see.'] : [];
  const warnings: string[] = [];
  if (data.overlap) warnings.push('There were too few samples: some that the result was measured on were used for calibration too.');
  if (data.preprocessGuessed) warnings.push('The preprocessing was guessed from the model. Check it: with a wrong one every figure here is wrong.');
  return warnings;
}

function resultWarnings({ latency, fidelity }: Pick<OptimizeReport, 'latency' | 'fidelity'>, input: ReportSide, output: ReportSide, changed: boolean): string[] {
  const warnings: string[] = [];
  if (changed && latency && latency.ci95[1] < 1) {
    warnings.push(`The result is slower on this machine: ${latency.afterMs.median.toFixed(2)} ms instead of ${latency.beforeMs.median.toFixed(2)} ms.`);
  }
  if (fidelity && fidelity.cosine < POOR_COSINE) {
    warnings.push(`The outputs differ much from the original's (cosine ${fidelity.cosine.toFixed(3)}). See the errors of the layers, or use a recipe that keeps sensitive layers in float.`);
  }
  if (output.bytes > input.bytes * 1.02) warnings.push('The result is larger than the original.');
  return warnings;
}

function gateWarnings(gates: OptimizeReport['gates']): string[] {
  return gates.filter((gate) => gate.measured === null).map((gate) => `The gate on ${gate.metric} could not be measured${gate.metric === 'top1Drop' ? ': it needs labelled data' : ''}, so it counts as not met.`);
}
