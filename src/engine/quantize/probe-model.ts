/**
 * A copy of the model with more outputs: values reduced inside the runtime to a few numbers, or as they are. Only what the reducers make
 * of them comes back, so memory does not grow with the number of samples.
 */
import { throwIfAborted } from '../../base/errors.ts';
import type { InferenceRunner, SampleSource, SessionOptions, Workspace } from '../../base/ports.ts';
import type { ReportProgress } from '../../base/progress.ts';
import { makeInt } from '../onnx/attributes.ts';
import { Graph } from '../onnx/graph.ts';
import { encodeModel } from '../onnx/index.ts';
import { DataType, type Model, type ValueInfo } from '../onnx/types.ts';
import { copyModel } from '../passes/pipeline.ts';
import { calibrationResult, type Observation, type ObservationKind } from './observers/calibration.ts';
import { histogramResult, type HistogramResult } from './observers/histogram.ts';

export interface CalibrationContext {
  readonly runner: InferenceRunner;
  readonly workspace: Workspace;
  readonly source: SampleSource;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

/** At most so many of the source's samples. */
export function firstSamples(source: SampleSource, count: number): SampleSource {
  return source.kind === 'generated' ? { ...source, count: Math.min(source.count, count) } : { ...source, indices: source.indices.slice(0, count) };
}

/** What `firstSamples` leaves, at most `count` of it; null where too few are left. */
export function otherSamples(source: SampleSource, first: number, count: number): SampleSource | null {
  if (source.kind === 'generated') return { ...source, seed: source.seed + 1000, count: Math.min(source.count, count) };
  const indices = source.indices.slice(first, first + count);
  return indices.length >= MIN_JUDGED ? { ...source, indices } : null;
}

/** Fewer samples than this say nothing about which of two models is better. */
const MIN_JUDGED = 8;

/** Operators that reduce a value inside the runtime, by what is wanted. Pools work on pictures, in the layout that convolutions use. */
const CHAINS = {
  min: ['ReduceMin'],
  max: ['ReduceMax'],
  'channel-magnitude': ['Abs', 'GlobalMaxPool'],
  'channel-mean': ['GlobalAveragePool'],
  /** Rows of [batch, channels]: small enough to be taken as they are. */
  'row-mean': ['Identity'],
} as const;

export type Wanted = keyof typeof CHAINS;

const KINDS: Readonly<Record<Wanted, ObservationKind>> = { min: 'range', max: 'range', 'channel-magnitude': 'channel-max', 'channel-mean': 'channel-mean', 'row-mean': 'channel-mean' };

export class ProbeModel {
  readonly #model: Model;
  readonly #graph: Graph;
  readonly #outputs: ValueInfo[] = [];
  readonly #kinds: Record<string, ObservationKind> = {};
  readonly #values: string[] = [];

  constructor(model: Model) {
    this.#model = copyModel(model);
    this.#graph = new Graph(this.#model.graph);
  }

  /** Asks for something of a value; the name is the key of the answer. */
  add(value: string, wanted: Wanted): string {
    let source = value;
    for (const opType of CHAINS[wanted]) {
      const output = this.#graph.uniqueName(`probe_${this.#outputs.length}`);
      const reduces = opType.startsWith('Reduce');
      this.#graph.addNode({ opType, inputs: [source], outputs: [output], attributes: reduces ? { keepdims: makeInt(0) } : {} });
      source = output;
    }
    this.#outputs.push({ name: source, elemType: DataType.FLOAT, shape: wanted === 'min' || wanted === 'max' ? [] : null });
    this.#kinds[source] = KINDS[wanted];
    return source;
  }

  /** Asks for a histogram of a value, under the value's own name. */
  addWhole(value: string): void {
    if (!this.#graph.outputs.some((output) => output.name === value)) this.#outputs.push({ name: value, elemType: DataType.FLOAT, shape: null });
    this.#values.push(value);
  }

  /** What was asked for with `add`, by its key. */
  async observe(context: CalibrationContext, sessionOptions: SessionOptions = {}): Promise<Readonly<Record<string, Observation>>> {
    const names = Object.keys(this.#kinds);
    if (names.length === 0) return {};
    return calibrationResult.parse(await this.#reduce('calibration', { kinds: this.#kinds }, names, context, sessionOptions));
  }

  /** What was asked for with `addWhole`, by value. */
  async histograms(context: CalibrationContext): Promise<HistogramResult> {
    if (this.#values.length === 0) return {};
    return histogramResult.parse(await this.#reduce('histogram', {}, this.#values, context));
  }

  async #reduce(name: string, options: unknown, outputs: readonly string[], context: CalibrationContext, sessionOptions: SessionOptions = {}): Promise<unknown> {
    const { runner, workspace, source, signal, progress } = context;
    const graph = this.#graph;
    // Nothing else is asked for, so nothing else is computed.
    const asked = new Set(outputs);
    graph.setOutputInfo([...graph.outputs, ...this.#outputs].filter((output) => asked.has(output.name)));
    removeUnread(graph);
    const model: Model = { ...this.#model, graph: graph.toData() };
    const path = await workspace.write('calibration.onnx', encodeModel(model).chunks);
    throwIfAborted(signal);
    const session = await runner.open(path, { ...sessionOptions, signal });
    try {
      return await runner.reduce(session, source, { name, options }, outputs, { signal, progress });
    } finally {
      await runner.close(session);
    }
  }
}

/** Takes away, from the end, nodes that no output needs, and constants that no node reads. */
function removeUnread(graph: Graph): void {
  const read = (value: string): boolean => graph.isOutput(value) || graph.uses(value).length > 0;
  for (const node of graph.sorted().toReversed()) if (!node.outputs.some((output) => output !== '' && read(output))) graph.removeNode(node);
  const unread = [...graph.initializers.keys()].filter((name) => !read(name));
  for (const name of unread) graph.removeInitializer(name);
}
