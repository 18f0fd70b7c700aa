/**
 * A copy of the model with more outputs: values reduced inside the runtime to a few numbers, or as they are. Only what the reducers make
 * of them comes back, so memory does not grow with the number of samples.
 */
import type { z } from 'zod';
import { throwIfAborted } from '../../base/errors.ts';
import type { Checkpoints, InferenceRunner, InferenceSession, SampleSource, SessionOptions, Workspace } from '../../base/ports.ts';
import type { ReportProgress } from '../../base/progress.ts';
import { makeInt, makeInts } from '../onnx/attributes.ts';
import { Graph, type NewNode } from '../onnx/graph.ts';
import { modelFiles, saveModel } from '../onnx/save-model.ts';
import { inferShapes, type ShapeMap } from '../onnx/shapes/infer.ts';
import { DataType, type Model, type Shape, type ValueInfo } from '../onnx/types.ts';
import { copyModel } from '../passes/pipeline.ts';
import { calibrationState, observations, type JoinedPart, type Observation, type ObservationKind } from './observers/calibration.ts';
import { sumResult, type SumResult } from './observers/sum.ts';
import { reduceResumably } from './resumable-run.ts';

/** In the workspace. */
const FILE = 'calibration.onnx';

export interface CalibrationContext {
  readonly runner: InferenceRunner;
  readonly workspace: Workspace;
  readonly source: SampleSource;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
  /** True where the samples have labels; absent: no. */
  readonly labelled?: boolean;
  /** Where unfinished work is kept; absent: nowhere. */
  readonly checkpoints?: Checkpoints;
  /** Milliseconds between two checkpoints; absent: the runner's choice. */
  readonly stateMs?: number;
}

/** What can be asked of a value: an end of its range, or a number for each channel (axis 1). */
const KINDS = { min: 'range', max: 'range', 'channel-magnitude': 'channel-max', 'channel-mean': 'channel-mean', 'row-mean': 'channel-mean', histogram: 'histogram', 'fine-histogram': 'histogram' } as const satisfies Readonly<Record<string, ObservationKind>>;

export type Wanted = keyof typeof KINDS;

/**
 * For a histogram, pictures of more elements than this are looked at through a grid: every third row and column of every channel, or every
 * fifth or seventh where that leaves more. An odd grid meets each phase of what was upsampled by a power of two. Smaller values are taken
 * whole, and ends of a range always are. A fine histogram is for the entropy search: it compares the shape of neighbouring bins, and numbers
 * too few make those differ by chance.
 */
const MOST_ELEMENTS = { histogram: 1 << 14, 'fine-histogram': 1 << 16 } as const;
const GRIDS = [3, 5, 7];

interface Chain {
  readonly value: string;
  readonly nodes: readonly NewNode[];
}

export class ProbeModel {
  readonly #model: Model;
  readonly #graph: Graph;
  readonly #outputs: ValueInfo[] = [];
  readonly #chains: Chain[] = [];
  readonly #kinds: Record<string, ObservationKind> = {};
  readonly #values: string[] = [];
  readonly #joined: JoinedPart[] = [];
  #join: NewNode | undefined;
  #shapes: ShapeMap | undefined;
  #named = 0;

  constructor(model: Model) {
    this.#model = copyModel(model);
    this.#graph = new Graph(this.#model.graph);
  }

  /** Asks for something of a value; the name is the key of the answer. */
  add(value: string, wanted: Wanted): string {
    const nodes: NewNode[] = [];
    let output = value;
    const width = this.#joinedWidth(value, wanted);
    for (const { opType, attributes = {} } of this.#chain(value, wanted, width !== null)) {
      const input = output;
      output = this.#newName();
      nodes.push({ opType, inputs: [input], outputs: [output], attributes });
    }
    this.#chains.push({ value, nodes });
    if (width === null) this.#output(output);
    else this.#joined.push({ name: output, width });
    this.#kinds[output] = KINDS[wanted];
    return output;
  }

  #newName(): string {
    let name: string;
    do name = `probe_${this.#named++}`;
    while (this.#graph.uniqueName(name) !== name);
    return name;
  }

  /** Numbers that are left of a single picture's value; null where it is no such value, or is wanted otherwise. */
  #joinedWidth(value: string, wanted: Wanted): number | null {
    if (wanted === 'row-mean' || wanted === 'histogram' || wanted === 'fine-histogram') return null;
    const shape = this.#shape(value);
    const [batch, channels] = shape?.length === 4 ? shape : [];
    // A batch of its own, made inside the model, may be of any size.
    const single = batch === 1 || (typeof batch === 'string' && this.#graph.inputs.some((input) => input.shape?.[0] === batch));
    if (!single || typeof channels !== 'number' || channels < 1) return null;
    return wanted === 'min' ? 1 : channels;
  }

  /** Asks for the sum of a value, under the value's own name. */
  addWhole(value: string): void {
    this.#output(value);
    this.#values.push(value);
  }

  #output(name: string): void {
    if (!this.#graph.isOutput(name)) this.#outputs.push({ name, elemType: DataType.FLOAT, shape: null });
  }

  /**
   * Operators that reduce a value inside the runtime. Pools work in the layout that convolutions use; what follows them is no pool, see
   * `#addNodes`. `joined`: what is left has the shape [1, width].
   */
  #chain(value: string, wanted: Wanted, joined: boolean): readonly { readonly opType: string; readonly attributes?: NewNode['attributes'] }[] {
    const scalar = { keepdims: makeInt(0) };
    switch (wanted) {
      case 'min':
        return joined ? [{ opType: 'ReduceMin' }, { opType: 'Flatten' }] : [{ opType: 'ReduceMin', attributes: scalar }];
      case 'max':
        if (joined) return [{ opType: 'GlobalMaxPool' }, { opType: 'Flatten' }];
        return this.#shape(value)?.length === 4 ? [{ opType: 'GlobalMaxPool' }, { opType: 'ReduceMax', attributes: scalar }] : [{ opType: 'ReduceMax', attributes: scalar }];
      case 'channel-magnitude':
        return [...(this.#graph.producer(value)?.opType === 'Relu' ? [] : [{ opType: 'Abs' }]), { opType: 'GlobalMaxPool' }, { opType: 'Flatten' }];
      case 'channel-mean':
        return [{ opType: 'GlobalAveragePool' }, { opType: 'Flatten' }];
      case 'row-mean':
        // Rows of [batch, channels]: small enough to be taken as they are.
        return [{ opType: 'Identity' }];
      case 'histogram':
      case 'fine-histogram':
        return this.#grid(value, MOST_ELEMENTS[wanted]).flatMap((step) => [{ opType: 'MaxPool', attributes: { kernel_shape: makeInts([1, 1]), strides: makeInts([step, step]) } }, { opType: 'Flatten' }]);
    }
  }

  #shape(value: string): Shape | null | undefined {
    this.#shapes ??= inferShapes(this.#model);
    return this.#shapes.get(value)?.shape;
  }

  /** Step of the grid through which a picture is seen; none where it is seen whole. */
  #grid(value: string, most: number): number[] {
    const shape = this.#shape(value);
    const [channels, ...sides] = (shape?.length === 4 ? shape.slice(1) : []).map((size) => (typeof size === 'number' ? size : 0));
    if (channels === undefined) return [];
    const left = (step: number): number => sides.reduce((product, size) => product * Math.ceil(size / step), channels);
    if (left(1) <= most) return [];
    const possible = GRIDS.filter((step) => sides.every((size) => size >= 2 * step));
    return [possible.find((step) => left(step) <= most) ?? possible.at(-1)].filter((step) => step !== undefined);
  }

  /** What was asked for with `add`, by its key. */
  async observe(context: CalibrationContext, sessionOptions: SessionOptions = {}): Promise<Readonly<Record<string, Observation>>> {
    const names = Object.keys(this.#kinds);
    if (names.length === 0) return {};
    const joined = this.#joinParts();
    const inside = new Set(this.#joined.map(({ name }) => name));
    const outputs = [...names.filter((name) => !inside.has(name)), ...Object.keys(joined)];
    const result = await this.#reduce({ name: 'calibration', options: { kinds: this.#kinds, joined }, state: calibrationState }, outputs, context, sessionOptions);
    return observations(result as readonly unknown[], this.#kinds);
  }

  /** Sums over the samples of what was asked for with `addWhole`, by value. */
  async sums(context: CalibrationContext): Promise<SumResult> {
    if (this.#values.length === 0) return {};
    return sumResult.parse(await this.#reduce({ name: 'sum', options: {} }, this.#values, context));
  }

  /** @param reducer a `state` says that it can go on from what it gave, and that the result is one for each part of the samples */
  async #reduce(reducer: { readonly name: string; readonly options: Readonly<Record<string, unknown>>; readonly state?: z.ZodType }, outputs: readonly string[], context: CalibrationContext, sessionOptions: SessionOptions = {}): Promise<unknown> {
    const { runner, workspace, source, signal, progress } = context;
    const graph = this.#graph;
    this.#addNodes();
    // Nothing else is asked for, so nothing else is computed.
    const asked = new Set(outputs);
    graph.setOutputInfo([...graph.outputs, ...this.#outputs].filter((output) => asked.has(output.name)));
    removeUnread(graph);
    const model: Model = { ...this.#model, graph: graph.toData() };
    const { path, bytes } = await saveModel({ ...workspace, write: (name, chunks) => workspace.write(name, chunks, { scratch: true }) }, FILE, model);
    throwIfAborted(signal);
    if (reducer.state) {
      const { checkpoints, stateMs } = context;
      const open = (on: InferenceRunner, threads?: number): Promise<InferenceSession> => on.open(path, { ...sessionOptions, ...(threads === undefined ? {} : { threads }), signal });
      return reduceResumably({ runner, modelBytes: bytes, source, progress, signal, checkpoints, stateMs, files: () => modelFiles(model, FILE), open, reducer: { name: reducer.name, options: reducer.options }, state: reducer.state, outputs });
    }
    const session = await runner.open(path, { ...sessionOptions, signal });
    try {
      return await runner.reduce(session, source, reducer, outputs, { signal, progress });
    } finally {
      await runner.close(session);
    }
  }

  /** What is left of pictures leaves the runtime as one tensor: hundreds of outputs would cost more than what is in them. */
  #joinParts(): Readonly<Record<string, readonly JoinedPart[]>> {
    if (this.#joined.length === 0) return {};
    const output = this.#newName();
    this.#join = { opType: 'Concat', inputs: this.#joined.map(({ name }) => name), outputs: [output], attributes: { axis: makeInt(1) } };
    this.#output(output);
    return { [output]: this.#joined };
  }

  /**
   * The runtime runs a graph backwards from its leaves, the last one first. So the leaves stand in the order of what they read, turned
   * round: then each value is reduced while it is still in the processor's caches, and its memory is free for the next one. (The runtime
   * may replace a pool by its own, which then counts as the last leaf of all; hence the plain operator after each.)
   */
  #addNodes(): void {
    const position = new Map(this.#graph.sorted().flatMap((node, index) => node.outputs.map((output) => [output, index] as const)));
    const ordered = this.#chains.toSorted((a, b) => (position.get(b.value) ?? -1) - (position.get(a.value) ?? -1));
    for (const { nodes } of ordered) for (const node of nodes) this.#graph.addNode(node);
    if (this.#join) this.#graph.addNode(this.#join);
    this.#chains.length = 0;
  }
}

/** Takes away, from the end, nodes that no output needs, and constants that no node reads. */
function removeUnread(graph: Graph): void {
  const read = (value: string): boolean => graph.isOutput(value) || graph.uses(value).length > 0;
  for (const node of graph.sorted().toReversed()) if (!node.outputs.some((output) => output !== '' && read(output))) graph.removeNode(node);
  const unread = [...graph.initializers.keys()].filter((name) => !read(name));
  for (const name of unread) graph.removeInitializer(name);
}
