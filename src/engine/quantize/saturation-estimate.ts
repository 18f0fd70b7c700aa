/** How much of its accuracy an int8 file would lose on x86 processors without VNNI: measured on samples with the emulation of `saturating-model.ts`. */
import type { Fidelity } from '../../base/ports.ts';
import type { Model } from '../onnx/types.ts';
import { decibels, type Judge } from './judge.ts';
import { ProbeModel, type CalibrationContext } from './probe-model.ts';
import { saturatingModel } from './saturating-model.ts';

export interface SaturationEstimate {
  /** Integer layers of the file. */
  readonly examined: number;
  /** Layers in which two products can pass 16 bits, with the share of pairs that can and that did on the samples. */
  readonly layers: readonly { readonly layer: string; readonly possible: number; readonly observed: number }[];
  /** Layers that can, but are too large to be emulated. */
  readonly skipped: readonly string[];
  /** Against the float model: as this machine computes it, and as the others would; null where nothing can saturate. */
  readonly loss: { readonly here: Fidelity; readonly there: Fidelity } | null;
}

export async function estimateSaturation(quantized: Model, judge: Judge, context: CalibrationContext): Promise<SaturationEstimate> {
  const { model, layers, examined, skipped } = saturatingModel(quantized);
  if (layers.length === 0) return { examined, layers: [], skipped, loss: null };
  const probes = new ProbeModel(model);
  const keys = layers.map(({ share }) => probes.add(share, 'max'));
  const seen = await probes.observe(context, { optimization: 'basic' });
  const here = await judge.compare(quantized, context.source);
  const there = await judge.compare(model, context.source);
  return { examined, layers: layers.map(({ layer, possible }, index) => ({ layer, possible, observed: seen[keys[index] ?? '']?.mean ?? 0 })), skipped, loss: { here, there } };
}

/** Less than this is not worth a warning. */
const SMALL_LOSS_DB = 0.5;

/** The estimate as the report tells it. */
export function describeSaturation({ examined, layers, skipped, loss }: SaturationEstimate): { readonly stats: Readonly<Record<string, number>>; readonly notes: readonly string[]; readonly warnings: readonly string[] } {
  if (examined === 0) return { stats: {}, notes: [], warnings: [] };
  const left = skipped.length === 0 ? '' : ` Not estimated, since too large or of unknown shape: ${skipped.slice(0, 5).join(', ')}.`;
  if (!loss) return { stats: {}, notes: [skipped.length === 0 ? 'On x86 processors without VNNI the answers are the same: no two products together can pass 16 bits.' : `On x86 processors without VNNI sums can saturate.${left}`], warnings: [] };
  const { here, there } = loss;
  const worst = layers.toSorted((a, b) => b.observed - a.observed).slice(0, 3).filter(({ observed }) => observed > 0).map(({ layer, observed }) => `${layer} (${percent(observed)})`);
  const answers = here.top1Agreement === null || there.top1Agreement === null ? '' : `, the float model's answer on ${percent(there.top1Agreement)} in place of ${percent(here.top1Agreement)}`;
  const change = `${decibelText(there)} signal to noise in place of ${decibelText(here)}${answers}`;
  const told = `${layers.length} of ${examined} layers can saturate 16 bits on x86 processors without VNNI${worst.length > 0 ? `, most of all ${worst.join(', ')} of their pairs` : '; on the samples none did'}. Estimated there on ${here.samples} samples: ${change}.${left}`;
  const matters = decibels(here) - decibels(there) >= SMALL_LOSS_DB || (there.top1Agreement ?? 1) < (here.top1Agreement ?? 1);
  return {
    stats: { saturating: layers.length },
    notes: [told],
    warnings: matters ? [`Answers differ on x86 processors without VNNI: estimated ${change}. For such devices use the recipe "portable" (or --portable).`] : [],
  };
}

function percent(share: number): string {
  const value = share * 100;
  return `${value > 0 && value < 0.1 ? value.toPrecision(1) : value.toFixed(1)} %`;
}

function decibelText({ sqnrDb }: Fidelity): string {
  return sqnrDb === null ? 'no error' : `${sqnrDb.toFixed(1)} dB`;
}
