/**
 * Full bias correction: the mean of each output channel is measured against the float model's on the calibration samples, and the bias
 * takes back the difference. The fast form knows the rounding of weights alone; this one sees whatever came before: rounding and clipping
 * of activations, padding, and that Relu turns noise around 0 into a shift (after Nagel et al., arXiv 1906.04721, section 4.2).
 *
 * Layers are corrected one after the other, each with the corrections before it in place. Several at once would count each error again at
 * every layer behind it, and diverge: measured, -5 dB instead of 25. Since each takes a run, a long network is corrected at some layers,
 * evenly spread; what lies between is taken back at the next one.
 */
import { subProgress } from '../../base/progress.ts';
import { throwIfAborted } from '../../base/errors.ts';
import type { Model } from '../onnx/types.ts';
import { layerName } from './apply.ts';
import { floatName, joinModels } from './joined-model.ts';
import { ProbeModel, type CalibrationContext } from './probe-model.ts';
import type { BuildChoice, BuiltInt8, PreparedInt8 } from './static-int8.ts';

/** Layers that are corrected. */
const MOST_RUNS = 20;

/**
 * @param choice what the model is built with beside the shifts
 * @returns what has to be added to the bias of each output channel, by layer
 */
export async function measureBiasShifts(prepared: PreparedInt8, choice: BuildChoice, context: CalibrationContext): Promise<Map<string, Float32Array>> {
  const shifts = new Map<string, Float32Array>();
  const makers = new Map(prepared.float.graph.nodes.map((node) => [layerName(node), node]));
  const layers = prepared.layers.filter((layer) => !choice.float?.has(layer) && makers.get(layer)?.opType !== 'MatMul');
  const runs = Math.min(MOST_RUNS, layers.length);
  for (let run = 0; run < runs; run++) {
    throwIfAborted(context.signal);
    const layer = layers[Math.floor(((run + 1) * layers.length) / runs) - 1] ?? '';
    const maker = makers.get(layer);
    if (!maker) continue;
    const built = prepared.build({ ...choice, biasShifts: shifts });
    const shift = await difference(prepared.float, built, { layer, value: maker.outputs[0] ?? '', isConv: maker.opType === 'Conv' }, { ...context, progress: subProgress(context.progress, run / runs, (run + 1) / runs) });
    if (shift) shifts.set(layer, shift);
  }
  return shifts;
}

interface Place {
  readonly layer: string;
  /** What the layer makes in the float model, before its activation. */
  readonly value: string;
  readonly isConv: boolean;
}

async function difference(float: Model, built: BuiltInt8, { layer, value, isConv }: Place, context: CalibrationContext): Promise<Float32Array | null> {
  const made = built.layerOutputs.get(layer);
  if (made === undefined) return null;
  const { model, graph } = joinModels(float, built.model);
  const difference = graph.uniqueName('difference');
  graph.addNode({ opType: 'Sub', inputs: [floatName(value), made], outputs: [difference] });
  const probes = new ProbeModel({ ...model, graph: graph.toData() });
  const key = probes.add(difference, isConv ? 'channel-mean' : 'row-mean');
  const seen = await probes.observe(context, { optimization: 'basic' });
  const channels = seen[key]?.channels;
  return channels?.every(Number.isFinite) ? Float32Array.from(channels) : null;
}
