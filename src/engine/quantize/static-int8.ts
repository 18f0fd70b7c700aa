/**
 * Static int8: u8 activations, s8 weights with one scale a channel, int32 biases, written as QuantizeLinear and DequantizeLinear (QDQ)
 * around float operators, which runtimes turn into integer kernels.
 */
import { z } from 'zod';
import { EdgewiseError } from '../../base/errors.ts';
import { subProgress } from '../../base/progress.ts';
import { describeNode } from '../onnx/attributes.ts';
import { Graph, type Node } from '../onnx/graph.ts';
import { elementCount } from '../onnx/tensor.ts';
import { opsetOf, type Model } from '../onnx/types.ts';
import { copyModel } from '../passes/pipeline.ts';
import { applyPlan, layerName, type WeightsToRound } from './apply.ts';
import { calibrate, observerOptions, type ObserverOptions } from './calibrate.ts';
import { equalize, LARGEST_SCALE } from './equalize.ts';
import { operatorKind, type Weights } from './operators.ts';
import { planQuantization, type PlannedUnit } from './plan.ts';
import type { CalibrationContext } from './probe-model.ts';
import { asymmetricU8, symmetricS8, type QuantParams } from './quant-params.ts';
import { overflowShare, pairFloors } from './saturation.ts';

/** DequantizeLinear has an axis since opset 13. */
export const MIN_QDQ_OPSET = 13;

export const staticInt8Options = z.strictObject({
  /** Activations u8 with a zero point, or s8 with zero point 0 for runtimes that know nothing else (TensorRT). Weights are s8 in both. */
  scheme: z.enum(['u8s8', 's8s8']).default('u8s8'),
  /** One scale for each output channel, or one for the whole tensor. */
  weights: z.enum(['per-channel', 'per-tensor']).default('per-channel'),
  /** Nodes that stay float, by name or by the name of their first output. */
  exclude: z.array(z.string()).default([]),
  /** Operator types that stay float. */
  excludeOps: z.array(z.string()).default([]),
  observer: observerOptions.default({ kind: 'moving-average' }),
  /** Makes channels between convolutions equal in range first. */
  equalize: z.boolean().default(true),
  /** No channel is scaled by more than this. */
  equalizeLimit: z.number().min(1).default(LARGEST_SCALE),
  /** Takes back what rounding does to the mean of each output: `fast` from the means of the inputs, `full` by measuring the outputs. */
  correctBias: z.enum(['none', 'fast', 'full']).default('fast'),
  /**
   * So that sums of two products fit in 16 bits on x86 processors without VNNI: `where-needed` takes larger steps in the channels of which
   * two neighbours together could pass, and leaves all others as they are; `all` puts all weights in 7 bits.
   */
  reduceRange: z.enum(['none', 'where-needed', 'all']).default('none'),
});

/** 8 and 7 bits: 2 * 255 * 63 stays below 2^15. */
const FULL_LIMIT = 127;
const REDUCED_LIMIT = 63;

/** Share of the calibration's progress that looking for unequal channels takes. */
const EQUALIZE_SHARE = 0.25;

export type StaticInt8Options = z.output<typeof staticInt8Options>;

export interface QuantizeResult {
  readonly model: Model;
  readonly changed: boolean;
  readonly stats: Readonly<Record<string, number>>;
  readonly notes: readonly string[];
}

const QUANTIZED_OPS = /^(QuantizeLinear|DequantizeLinear|DynamicQuantizeLinear|ConvInteger|MatMulInteger|QLinear\w+|QGemm|MatMulNBits|DynamicQuantizeMatMul|MatMulIntegerToFloat)$/;

/** The first node that computes on integers already, or undefined. */
export function quantizedNode(model: Model): Pick<Node, 'opType' | 'name' | 'outputs'> | undefined {
  return model.graph.nodes.find((node) => QUANTIZED_OPS.test(node.opType));
}

/** A model that is measured and ready to be written in int8, as a whole or with some nodes left in float. */
export interface PreparedInt8 {
  /** The float model that is quantized: equalized, and equal in what it computes to the one given. */
  readonly float: Model;
  /** Groups of values that were equalized. */
  readonly equalized: number;
  /** Compute nodes that can run in int8, by name or first output, in order. */
  readonly layers: readonly string[];
  /** Number of weights, by layer. */
  readonly weightElements: ReadonlyMap<string, number>;
  build(choice?: BuildChoice): BuiltInt8;
}

export interface BuildChoice {
  /** Layers that stay float, by the names of `layers`. */
  readonly float?: ReadonlySet<string>;
  /** Where given, only these layers become int8. */
  readonly only?: ReadonlySet<string>;
  /** What is added to the bias of each output channel, by layer. */
  readonly biasShifts?: ReadonlyMap<string, Float32Array>;
  /** Integers of a layer's weights in place of the nearest, or null. */
  readonly round?: (unit: PlannedUnit, weights: WeightsToRound) => Int8Array | null;
}

export interface BuiltInt8 extends QuantizeResult {
  /** The value that each int8 layer makes, by layer. */
  readonly layerOutputs: ReadonlyMap<string, string>;
}

/**
 * Equalizes a copy of the model and measures ranges on the context's samples.
 * @throws NOT_QUANTIZABLE where there is nothing to quantize, the opset is too old, or a range cannot be found
 */
export async function prepareStaticInt8(model: Model, options: StaticInt8Options, context: CalibrationContext): Promise<PreparedInt8> {
  const [prepared] = await prepareWithEach(model, options, [options.observer], context);
  if (!prepared) throw new Error('an observer gives one prepared model');
  return prepared;
}

/** The same for several observers instead of the options' own, all from the same runs over the samples. */
export async function prepareWithEach(model: Model, options: StaticInt8Options, observers: readonly ObserverOptions[], context: CalibrationContext): Promise<PreparedInt8[]> {
  const opset = opsetOf(model);
  if (opset < MIN_QDQ_OPSET) {
    throw new EdgewiseError('NOT_QUANTIZABLE', `The model uses opset ${opset}; weights with one scale a channel need opset ${MIN_QDQ_OPSET} or later.`, {
      hint: 'Put the step "upgrade-opset" before the quantization, or export the model with a newer opset.',
      details: { opset, needed: MIN_QDQ_OPSET },
    });
  }
  const float = copyModel(model);
  const graph = new Graph(float.graph);
  const excluded = new Set(options.exclude);
  const excludedOps = new Set(options.excludeOps);
  const exclude = (node: Node): boolean => excluded.has(node.name) || excluded.has(node.outputs[0] ?? '') || excludedOps.has(node.opType);
  let plan = planQuantization(graph, { exclude });
  if (!plan.units.some((unit) => unit.kind === 'compute')) throw nothingToDo(plan.left);
  let equalized = 0;
  if (options.equalize) {
    equalized = await equalize(float, graph, plan, { ...context, progress: subProgress(context.progress, 0, EQUALIZE_SHARE) }, options.equalizeLimit);
    if (equalized > 0) plan = planQuantization(graph, { exclude });
  }
  const result: Model = { ...float, graph: graph.toData() };
  const calibrations = await calibrate(result, graph, plan, observers, { ...context, progress: subProgress(context.progress, equalized > 0 ? EQUALIZE_SHARE : 0, 1) });
  const weightElements = new Map(plan.units.flatMap(({ node, weights }) => (weights ? [[layerName(node), elementCount(weights.tensor.dims)] as const] : [])));
  const layers = [...weightElements.keys()];
  const signed = options.scheme === 's8s8';
  return calibrations.map(({ ranges, channelMeans }) => {
    // A value that only moves numbers of another may become a root of its own when its maker is left in float.
    const params = new Map<string, QuantParams>();
    for (const { name, root } of plan.values.values()) {
      const range = ranges.get(root);
      if (range) params.set(name, signed ? symmetricS8(range) : asymmetricU8(range));
    }
    const build = ({ float: kept, only, biasShifts, round }: BuildChoice = {}): BuiltInt8 => {
      const copy = copyModel(result);
      const target = new Graph(copy.graph);
      const leave = (node: Node): boolean => kept?.has(layerName(node)) || (only !== undefined && operatorKind(target, node) === 'compute' && !only.has(layerName(node)));
      const final = planQuantization(target, { exclude: (node) => exclude(node) || leave(node) });
      const inputMean = (unit: PlannedUnit): Float32Array | null => (options.correctBias === 'none' ? null : (channelMeans.get(unit.node.inputs[0] ?? '') ?? null));
      const biasShift = (unit: PlannedUnit): Float32Array | null => biasShifts?.get(layerName(unit.node)) ?? null;
      const notes = final.left.filter(({ node }) => !kept?.has(layerName(node))).map(({ node, reason }) => `${describeNode(node)} stays float: ${reason}.`);
      const reduced = new Set(final.units.filter((unit) => unit.weights && isReduced(unit.node, unit.weights, options.reduceRange)).map(({ node }) => node));
      const guard = (unit: PlannedUnit): Float32Array | null => (options.reduceRange === 'where-needed' && unit.weights && reduced.has(unit.node) ? pairFloors(unit.node, unit.weights) : null);
      const weightLimit = (unit: PlannedUnit): number => (reduced.has(unit.node) && (options.reduceRange === 'all' || unit.weights?.axis === null) ? REDUCED_LIMIT : FULL_LIMIT);
      const { stats, layerOutputs } = applyPlan(target, final, params, { inputMean, biasShift, weightLimit, weightFloor: guard, signed, perTensor: options.weights === 'per-tensor', ...(round ? { round } : {}) });
      return { model: { ...copy, graph: target.toData() }, changed: true, stats: { ...stats, equalized, ...(reduced.size > 0 ? { guarded: reduced.size } : {}) }, notes, layerOutputs };
    };
    return { float: result, equalized, layers, weightElements, build };
  });
}

/**
 * Quantizes a copy of the model after measuring ranges on the context's samples. A model that is quantized already comes back as it is.
 * @throws NOT_QUANTIZABLE as `prepareStaticInt8`
 */
export async function quantizeStaticInt8(model: Model, options: StaticInt8Options, context: CalibrationContext): Promise<QuantizeResult> {
  const already = quantizedNode(model);
  if (already) return { model, changed: false, stats: {}, notes: [`The model is quantized already (${describeNode(already)}); it was left as it is.`] };
  return (await prepareStaticInt8(model, options, context)).build();
}

function isReduced(node: Node, weights: Weights, mode: StaticInt8Options['reduceRange']): boolean {
  return mode === 'all' || (mode === 'where-needed' && overflowShare(node, weights) > 0);
}

/** What a person can do about a reason. */
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/not constant/, 'A weight that is computed becomes a constant by the step "simplify"; one that is an input of the model has to be stored in it when it is exported.'],
  [/not float32/, 'Give the float32 model: int8 is made from that.'],
  [/excluded/, 'Take it out of "exclude", "excludeOps" or what is kept in float.'],
  [/not finite/, 'Export the model again: its weights hold NaN or infinity.'],
];

function nothingToDo(left: readonly { readonly node: Node; readonly reason: string }[]): EdgewiseError {
  const [first, ...others] = left;
  const rest = others.length === 0 ? '' : ` and ${others.length === 1 ? 'one other' : `${others.length} others`}`;
  return new EdgewiseError(
    'NOT_QUANTIZABLE',
    first ? `No operator can run in int8: ${describeNode(first.node)}${rest} stay${others.length === 0 ? 's' : ''} float, since ${first.reason}.` : 'The model has no Conv, Gemm or MatMul to quantize.',
    {
      hint: first ? (REMEDIES.find(([reason]) => reason.test(first.reason))?.[1] ?? 'Use the recipe "simplify" or "fp16" for this model.') : 'int8 pays for convolutions and matrix products with constant weights; use the recipe "simplify" or "fp16" for this model.',
      details: { operators: left.slice(0, 20).map(({ node, reason }) => ({ op: node.opType, name: node.name, reason })) },
    },
  );
}
