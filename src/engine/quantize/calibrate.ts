/**
 * Finds the range of every planned value on real samples.
 *
 * A copy of the model gets ReduceMin and ReduceMax nodes, and only their results leave the runtime: two numbers a value and sample.
 * So memory does not grow with the number of samples, and the copy costs little more than the model itself. What the operator's formula
 * promises (Relu is never below 0) is not measured. Where every channel of a picture is searched at once, GlobalMaxPool does the work,
 * since runtimes have it in the layout that convolutions use.
 */
import { EdgewiseError, throwIfAborted } from '../../base/errors.ts';
import type { InferenceRunner, SampleSource, Workspace } from '../../base/ports.ts';
import type { ReportProgress } from '../../base/progress.ts';
import { describeNode, makeInt } from '../onnx/attributes.ts';
import { Graph } from '../onnx/graph.ts';
import { encodeModel } from '../onnx/index.ts';
import { DataType, type Model, type NodeData, type ValueInfo } from '../onnx/types.ts';
import { copyModel } from '../passes/pipeline.ts';
import { minMaxResult } from './observers/min-max.ts';
import type { QuantizationPlan } from './plan.ts';
import type { Range } from './quant-params.ts';

export interface CalibrationContext {
  readonly runner: InferenceRunner;
  readonly workspace: Workspace;
  readonly source: SampleSource;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

/**
 * Ranges of the plan's roots by name, bounds applied.
 * @throws NOT_QUANTIZABLE naming the value that was never seen or is not finite; whatever the runner throws
 */
export async function calibrateMinMax(model: Model, plan: QuantizationPlan, context: CalibrationContext): Promise<Map<string, Range>> {
  const roots = rootsOf(plan);
  const { calibrationModel, minima, maxima } = withReductions(model, roots);
  const path = await context.workspace.write('calibration.onnx', encodeModel(calibrationModel).chunks);
  throwIfAborted(context.signal);
  const session = await context.runner.open(path, { signal: context.signal });
  try {
    const names = [...minima.values(), ...maxima.values()];
    const raw = names.length === 0 ? {} : await context.runner.reduce(session, context.source, { name: 'min-max' }, names, { signal: context.signal, progress: context.progress });
    const seen = minMaxResult.parse(raw);
    const ranges = new Map<string, Range>();
    for (const [root, bounds] of roots) {
      const find = (names: ReadonlyMap<string, string>, end: 'min' | 'max'): number => {
        const name = names.get(root);
        return name === undefined ? bounds[end] : (seen[name]?.[end] ?? Number.NaN);
      };
      const min = Math.max(bounds.min, find(minima, 'min'));
      const max = Math.min(bounds.max, find(maxima, 'max'));
      if (!Number.isFinite(min) || !Number.isFinite(max)) throw notSeen(model, root, minima.get(root) ?? maxima.get(root), seen, min, max);
      ranges.set(root, { min, max });
    }
    return ranges;
  } finally {
    await context.runner.close(session);
  }
}

function rootsOf(plan: QuantizationPlan): Map<string, Range> {
  const roots = new Map<string, Range>();
  for (const { root, name, bounds } of plan.values.values()) if (root === name || !roots.has(root)) roots.set(root, bounds);
  return roots;
}

interface WithReductions {
  readonly calibrationModel: Model;
  /** Output name that gives the minimum, by root; absent where the bound is known. */
  readonly minima: ReadonlyMap<string, string>;
  readonly maxima: ReadonlyMap<string, string>;
}

function withReductions(model: Model, roots: ReadonlyMap<string, Range>): WithReductions {
  const copy = copyModel(model);
  const graph = new Graph(copy.graph);
  const minima = new Map<string, string>();
  const maxima = new Map<string, string>();
  const outputs: ValueInfo[] = [...graph.outputs];
  const reduce = (opType: string, value: string): string => {
    const output = graph.uniqueName(`${opType === 'ReduceMin' ? 'min' : 'max'}_${outputs.length}`);
    graph.addNode({ opType, inputs: [value], outputs: [output], attributes: { keepdims: makeInt(0) } });
    outputs.push({ name: output, elemType: DataType.FLOAT, shape: [] });
    return output;
  };
  for (const [root, bounds] of roots) {
    if (bounds.min === Number.NEGATIVE_INFINITY) minima.set(root, reduce('ReduceMin', root));
    // A known finite maximum (Sigmoid's 1) is taken as it is; a Clip's is measured too, since the data may stay far below it.
    if (!(bounds.min === 0 && bounds.max === 1) && !(bounds.min === -1 && bounds.max === 1)) maxima.set(root, reduce('ReduceMax', root));
  }
  graph.setOutputInfo(outputs);
  return { calibrationModel: { ...copy, graph: graph.toData() }, minima, maxima };
}

function notSeen(model: Model, value: string, output: string | undefined, seen: Readonly<Record<string, unknown>>, min: number, max: number): EdgewiseError {
  const producer = model.graph.nodes.find((node: NodeData) => node.outputs.includes(value));
  const where = producer ? `the output "${value}" of ${describeNode(producer)}` : `the input "${value}"`;
  const never = output !== undefined && seen[output] === undefined;
  return new EdgewiseError(
    'NOT_QUANTIZABLE',
    never ? `There is no range for ${where}: it was not computed for any calibration sample.` : `The range of ${where} is not finite on the calibration samples (${min} to ${max}).`,
    {
      hint: never
        ? 'Check that the branch with this node runs for the calibration data, or exclude the nodes around it from quantization.'
        : 'Check the preprocessing of the calibration data and run the model in float on it, or exclude the nodes around it from quantization.',
      details: { tensor: value, node: producer?.name ?? null, min: String(min), max: String(max) },
    },
  );
}
