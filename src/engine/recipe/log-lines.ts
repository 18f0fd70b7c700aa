/** What a run says in its log: one line a fact, in the order in which things happen. Numbers as in the report, so that both can be held together. */
import type { EnergyComparison } from '../../base/energy.ts';
import type { OptimizeReport, ReportSide, ReportStep } from '../../contract/records/report.ts';
import type { Recipe } from '../../contract/records/recipe.ts';
import type { DataPlan } from './types.ts';

export interface StartFacts {
  readonly recipe: Recipe;
  readonly modelName: string;
  readonly input: Pick<ReportSide, 'bytes' | 'nodes'>;
  readonly opset: number;
  readonly seed: number;
  readonly verify: boolean;
}

export function startLine({ recipe, modelName, input, opset, seed, verify }: StartFacts): string {
  const steps = recipe.steps.map(({ step }) => step).join(', ');
  return `Recipe ${recipe.name} (${steps}) on ${modelName}: ${sizeText(input)}, operator set ${opset}; seed ${seed}, ${verify ? 'outputs compared after the rewrites' : 'rewrites not verified'}.`;
}

/** What serves for what, and how pictures become numbers. */
export function dataLines(data: DataPlan | null, generated: { readonly calibration: number; readonly evaluation: number }, learns: boolean): string[] {
  if (!data) return [`No data: ${learns ? `${generated.calibration} generated inputs to calibrate on, ` : ''}${generated.evaluation} generated inputs to measure on.`];
  const { kind, path, calibrationSamples, evaluationSamples, labelled, preprocess, preprocessGuessed, overlap } = data;
  const split = [learns ? `${calibrationSamples} samples to calibrate on` : '', `${evaluationSamples} to measure on${learns && overlap ? ', some of them in both' : ''}`].filter((part) => part !== '');
  return [
    `Data ${kind}${path === null ? '' : ` at ${path}`}: ${split.join(', ')}; ${labelled ? 'labelled' : 'without labels'}.`,
    preprocess === null ? 'The numbers go in as they are.' : `Preprocessing, ${preprocessGuessed ? 'guessed' : 'as given'}: ${JSON.stringify(preprocess)}`,
  ];
}

export function stepLine(step: ReportStep): string {
  const time = `${step.ms.toFixed(1)} ms`;
  if (step.undone !== undefined) return `${step.pass}: undone, ${time}`;
  if (!step.changed) return `${step.pass}: nothing to change, ${time}`;
  const stats = Object.entries(step.stats).filter(([, count]) => count !== 0).map(([name, count]) => `${name} ${count}`);
  const verified = step.verified ? `, verified (largest difference ${step.verified.maxAbsError.toPrecision(2)})` : '';
  return `${step.pass}: ${stats.length === 0 ? 'changed' : stats.join(', ')}; now ${sizeText({ nodes: step.nodesAfter, bytes: step.bytesAfter })}${verified}, ${time}`;
}

export function fidelityLine({ cosine, sqnrDb, top1Agreement, samples }: NonNullable<OptimizeReport['fidelity']>): string {
  const agreement = top1Agreement === null ? '' : `, same answer on ${percent(top1Agreement)}`;
  return `Fidelity on ${samples} samples: cosine ${cosine.toFixed(6)}, ${sqnrDb === null ? 'outputs identical' : `${sqnrDb.toFixed(1)} dB`}${agreement}.`;
}

export function accuracyLine({ before, after }: NonNullable<OptimizeReport['accuracy']>): string {
  return `Accuracy on ${before.samples} samples: top-1 ${percent(before.top1)} before, ${percent(after.top1)} after.`;
}

export function latencyLine({ beforeMs, afterMs, ratio, ci95, threads }: NonNullable<OptimizeReport['latency']>): string {
  return `Latency: ${beforeMs.median.toFixed(3)} ms before, ${afterMs.median.toFixed(3)} ms after, ${ratio.toFixed(2)}x (95 % interval ${ci95[0].toFixed(2)} to ${ci95[1].toFixed(2)}), threads ${threads}.`;
}

export function energyLine(energy: EnergyComparison): string {
  if (!energy.measured) return `Energy: not measured: ${energy.reason}.`;
  const { before, after, ratio, tier, source } = energy;
  return `Energy per inference: ${before.totalJ.value.toPrecision(3)} J before, ${after.totalJ.value.toPrecision(3)} J after, ${ratio.total.value.toFixed(2)}x (95 % interval ${ratio.total.ci95[0].toFixed(2)} to ${ratio.total.ci95[1].toFixed(2)}), ${tier}, ${source}.`;
}

export function gateLine({ metric, op, value, measured, met }: OptimizeReport['gates'][number]): string {
  return `Gate ${metric} ${op} ${value}: ${met ? 'met' : 'not met'} (${measured === null ? 'not measured' : `measured ${measured}`}).`;
}

export function endLine({ input, output, seconds }: Pick<OptimizeReport, 'input' | 'output' | 'seconds'>): string {
  return `Done in ${seconds.toFixed(1)} s: ${count(input.bytes)} bytes became ${count(output.bytes)}, ${input.nodes} nodes became ${output.nodes}.`;
}

function sizeText({ nodes, bytes }: { readonly nodes: number; readonly bytes: number }): string {
  return `${nodes} nodes, ${count(bytes)} bytes`;
}

/** 4953960 -> 4,953,960: the same in every place, whatever the locale. */
function count(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
