/**
 * Finds the range of every planned value on real samples, and the means and maxima of channels that equalization and bias correction want.
 *
 * A copy of the model gets nodes that reduce each value, and only their results leave the runtime: a few numbers a value and sample. So
 * memory does not grow with the number of samples, and the copy costs little more than the model itself. What the operator's formula
 * promises (Relu is never below 0) is not measured. Maxima and means of pictures come from GlobalMaxPool and GlobalAveragePool, which
 * runtimes have in the layout that convolutions use.
 */
import { EdgewiseError, throwIfAborted } from '../../base/errors.ts';
import type { InferenceRunner, SampleSource, Workspace } from '../../base/ports.ts';
import type { ReportProgress } from '../../base/progress.ts';
import { describeNode, makeInt } from '../onnx/attributes.ts';
import { Graph } from '../onnx/graph.ts';
import { encodeModel } from '../onnx/index.ts';
import { DataType, type Model, type ValueInfo } from '../onnx/types.ts';
import { copyModel } from '../passes/pipeline.ts';
import { calibrationResult, type Observation, type ObservationKind } from './observers/calibration.ts';
import type { PlannedValue, QuantizationPlan } from './plan.ts';
import type { Range } from './quant-params.ts';
import type { Statistics, ValueStatistics } from './statistics.ts';

export interface CalibrationContext {
  readonly runner: InferenceRunner;
  readonly workspace: Workspace;
  readonly source: SampleSource;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

/**
 * Statistics of the plan's roots by name.
 * @throws NOT_QUANTIZABLE naming the value that was never seen or is not finite; whatever the runner throws
 */
export async function calibrateMinMax(model: Model, plan: QuantizationPlan, context: CalibrationContext): Promise<Statistics> {
  const probes = new Probes(model, plan);
  const path = await context.workspace.write('calibration.onnx', encodeModel(probes.model()).chunks);
  throwIfAborted(context.signal);
  const names = Object.keys(probes.kinds);
  if (names.length === 0) return probes.statistics({});
  const session = await context.runner.open(path, { signal: context.signal });
  try {
    const reducer = { name: 'calibration', options: { kinds: probes.kinds } };
    const result = await context.runner.reduce(session, context.source, reducer, names, { signal: context.signal, progress: context.progress });
    return probes.statistics(calibrationResult.parse(result));
  } finally {
    await context.runner.close(session);
  }
}

interface Probe {
  /** Outputs of the calibration model; absent where the bound is known or the channels are not asked for. */
  min?: string;
  max?: string;
  mean?: string;
}

/** The calibration model and how its outputs map back to values. */
class Probes {
  readonly kinds: Record<string, ObservationKind> = {};
  readonly #model: Model;
  readonly #graph: Graph;
  readonly #outputs: ValueInfo[];
  readonly #roots = new Map<string, PlannedValue>();
  readonly #probes = new Map<string, Probe>();

  constructor(model: Model, plan: QuantizationPlan) {
    this.#model = copyModel(model);
    this.#graph = new Graph(this.#model.graph);
    this.#outputs = [...this.#graph.outputs];
    for (const value of plan.values.values()) if (value.root === value.name) this.#roots.set(value.name, value);
    const pictures = new Set<string>();
    const rows = new Set<string>();
    for (const { node, weights } of plan.units) {
      const input = node.inputs[0] ?? '';
      if (weights && node.opType === 'Conv') pictures.add(input);
      if (weights && node.opType === 'Gemm') rows.add(input);
    }
    for (const [root, { bounds }] of this.#roots) {
      const probe: Probe = {};
      const known = Number.isFinite(bounds.min) && Number.isFinite(bounds.max) && !isClip(this.#graph, root);
      const channels = pictures.has(root);
      if (bounds.min === Number.NEGATIVE_INFINITY) probe.min = this.#add('ReduceMin', root, 'range');
      if (channels) probe.max = this.#add('GlobalMaxPool', root, 'channel-max');
      else if (!known) probe.max = this.#add('ReduceMax', root, 'range');
      this.#probes.set(root, probe);
    }
    for (const input of [...pictures, ...rows]) {
      const probe = this.#probes.get(input) ?? {};
      probe.mean = pictures.has(input) ? this.#add('GlobalAveragePool', input, 'channel-mean') : this.#add('Identity', input, 'channel-mean');
      this.#probes.set(input, probe);
    }
    this.#graph.setOutputInfo(this.#outputs);
  }

  model(): Model {
    return { ...this.#model, graph: this.#graph.toData() };
  }

  /** Also holds the means of values that are no roots, with the range of their root. */
  statistics(seen: Readonly<Record<string, Observation>>): Statistics {
    const result = new Map<string, ValueStatistics>();
    for (const [name, probe] of this.#probes) {
      const root = this.#roots.get(name);
      const range = root ? this.#range(root, probe, seen) : { min: 0, max: 0 };
      result.set(name, { range, channelMax: channelsOf(seen, probe.max), channelMean: channelsOf(seen, probe.mean) });
    }
    return result;
  }

  #range({ name, bounds }: PlannedValue, probe: Probe, seen: Readonly<Record<string, Observation>>): Range {
    const find = (output: string | undefined, end: 'min' | 'max'): number => (output === undefined ? bounds[end] : (seen[output]?.[end] ?? Number.NaN));
    const min = Math.max(bounds.min, find(probe.min, 'min'));
    const max = Math.min(bounds.max, find(probe.max, 'max'));
    if (!Number.isFinite(min) || !Number.isFinite(max)) throw this.#unusable(name, [probe.min, probe.max], seen, { min, max });
    return { min, max };
  }

  #add(opType: string, value: string, kind: ObservationKind): string {
    const output = this.#graph.uniqueName(`probe_${this.#outputs.length}`);
    const reduces = opType.startsWith('Reduce');
    this.#graph.addNode({ opType, inputs: [value], outputs: [output], attributes: reduces ? { keepdims: makeInt(0) } : {} });
    this.#outputs.push({ name: output, elemType: DataType.FLOAT, shape: reduces ? [] : null });
    this.kinds[output] = kind;
    return output;
  }

  #unusable(value: string, outputs: readonly (string | undefined)[], seen: Readonly<Record<string, unknown>>, range: Range): EdgewiseError {
    const producer = this.#graph.producer(value);
    const where = producer ? `the output "${value}" of ${describeNode(producer)}` : `the input "${value}"`;
    const never = outputs.some((output) => output !== undefined && seen[output] === undefined);
    return new EdgewiseError(
      'NOT_QUANTIZABLE',
      never ? `There is no range for ${where}: it was not computed for any calibration sample.` : `The range of ${where} is not finite on the calibration samples.`,
      {
        hint: never
          ? 'Check that the branch with this node runs for the calibration data, or exclude the nodes around it from quantization.'
          : 'Check the preprocessing of the calibration data and run the model in float on it, or exclude the nodes around it from quantization.',
        details: { tensor: value, node: producer?.name ?? null, min: String(range.min), max: String(range.max) },
      },
    );
  }
}

function isClip(graph: Graph, value: string): boolean {
  return graph.producer(value)?.opType === 'Clip';
}

function channelsOf(seen: Readonly<Record<string, Observation>>, output: string | undefined): Float32Array | null {
  const channels = output === undefined ? null : (seen[output]?.channels ?? null);
  return channels?.every(Number.isFinite) ? Float32Array.from(channels) : null;
}
