/**
 * Runs passes to a fixed point. A pass is run again only when the graph changed since it last found nothing to do, and there
 * is a bound on rounds. With `verify`, the outputs are compared after every change, and the change that altered them is undone.
 */
import { throwIfAborted, EdgewiseError } from '../../base/errors.ts';
import type { Clock } from '../../base/ports.ts';
import { Graph } from '../onnx/graph.ts';
import { inferShapes, type ShapeMap } from '../onnx/shapes/infer.ts';
import { opsetOf, type GraphData, type Model } from '../onnx/types.ts';
import type { EvaluateConstants, Pass, PassContext } from './define-pass.ts';
import { passByName } from './index.ts';
import { joinTouched, seeNodes, touchedNodes, type NodesSeen, type TouchedNodes } from './touched-nodes.ts';

export interface VerifyResult {
  readonly ok: boolean;
  /** Largest absolute difference of any element of any output. */
  readonly maxAbsError: number;
  /** Where and how much, for the report. */
  readonly detail: string;
}

/** Compares the outputs of two models that should be equal. Neither may be changed. */
export type VerifyPass = (before: Model, after: Model, passName: string) => Promise<VerifyResult>;

export interface RunPassesOptions {
  readonly clock: Clock;
  /** Options by pass name. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Rounds over the list at most. Default 8. */
  readonly maxRounds?: number;
  readonly evaluate?: EvaluateConstants;
  readonly verify?: VerifyPass;
  /** Bytes of a model as it would be stored; asked for after each change, for `bytesAfter`. */
  readonly bytesOf?: (model: Model) => number;
  readonly signal?: AbortSignal;
  readonly log?: (message: string) => void;
  /** Called before each pass: its name, and the share of the first round that is done. */
  readonly onPass?: (name: string, fraction: number) => void;
}

/** What one pass did, all rounds together. */
export interface PassStep {
  readonly pass: string;
  readonly changed: boolean;
  /** Number of rewrites. */
  readonly count: number;
  readonly stats: Readonly<Record<string, number>>;
  readonly notes: readonly string[];
  /** Milliseconds in the pass itself, verification not included. */
  readonly ms: number;
  /** How often it ran. */
  readonly runs: number;
  /**
   * Nodes of the main graph, and bytes of the model, once this pass and those listed before it have done what they did in all rounds: the
   * difference to the step before is what this pass alone took away or added, and the last step has the count of the result.
   */
  readonly nodesAfter: number;
  /** null without `bytesOf`. */
  readonly bytesAfter: number | null;
  /** Absent where nothing was changed. */
  readonly touched?: TouchedNodes;
  /** null: nothing was compared. */
  readonly verified: VerifyResult | null;
  /** Set where a change was undone: why. The pass was not run again after that. */
  readonly undone?: string;
}

export interface RunPassesResult {
  readonly model: Model;
  /** One entry per name, in the order given. */
  readonly steps: readonly PassStep[];
  /** Rounds over the list that were run. */
  readonly rounds: number;
  /** False where the bound on rounds stopped it. */
  readonly settled: boolean;
}

/** A copy whose nodes and lists may be edited; tensors and other immutable values are shared. */
export function copyModel(model: Model): Model {
  return { ...model, opsets: [...model.opsets], metadata: model.metadata.map((entry) => ({ ...entry })), graph: copyGraph(model.graph) };
}

function copyGraph(graph: GraphData): GraphData {
  return {
    ...graph,
    nodes: graph.nodes.map((node) => ({ ...node, inputs: [...node.inputs], outputs: [...node.outputs], attributes: new Map(node.attributes) })),
    inputs: [...graph.inputs],
    outputs: [...graph.outputs],
    initializers: new Map(graph.initializers),
    valueInfo: new Map(graph.valueInfo),
  };
}

interface Progress {
  readonly pass: Pass;
  count: number;
  stats: Record<string, number>;
  notes: Set<string>;
  ms: number;
  runs: number;
  nodesAdded: number;
  bytesAdded: number;
  touched: TouchedNodes | undefined;
  verified: VerifyResult | null;
  undone: string | undefined;
  /** Version of the graph at which it last found nothing to do. */
  settledAt: number;
}

/**
 * Runs the named passes over a copy of `model`.
 * @throws BAD_RECIPE for an unknown name or bad options, CANCELLED
 */
export async function runPasses(model: Model, names: readonly string[], options: RunPassesOptions): Promise<RunPassesResult> {
  const work = new Work(copyModel(model), options);
  const steps: Progress[] = names.map((name) => ({
    pass: known(name), count: 0, stats: {}, notes: new Set(), ms: 0, runs: 0, nodesAdded: 0, bytesAdded: 0, touched: undefined, verified: null, undone: undefined, settledAt: -1,
  }));
  const maxRounds = options.maxRounds ?? 8;
  let rounds = 0;
  let settled = false;
  while (!settled && rounds < maxRounds) {
    const before = work.version;
    for (const [position, step] of steps.entries()) {
      throwIfAborted(options.signal);
      if (step.undone !== undefined || step.settledAt === work.version || (step.pass.once && step.runs > 0)) continue;
      options.onPass?.(step.pass.name, rounds === 0 ? position / steps.length : 1);
      await work.run(step);
    }
    rounds++;
    settled = work.version === before;
  }
  work.finish();
  return { model: work.model(), steps: reports(model, steps, options.bytesOf?.(model) ?? null), rounds, settled };
}

function known(name: string): Pass {
  const pass = passByName(name);
  if (pass) return pass;
  throw new EdgewiseError('BAD_RECIPE', `There is no pass named "${name}".`, { hint: 'See docs/passes.md for the list.', details: { step: name } });
}

function reports(model: Model, steps: readonly Progress[], bytesBefore: number | null): PassStep[] {
  let nodesAfter = model.graph.nodes.length;
  let bytesAfter = bytesBefore;
  return steps.map((step) => {
    nodesAfter += step.nodesAdded;
    if (bytesAfter !== null) bytesAfter += step.bytesAdded;
    return report(step, nodesAfter, bytesAfter);
  });
}

function report(step: Progress, nodesAfter: number, bytesAfter: number | null): PassStep {
  return {
    pass: step.pass.name,
    changed: step.count > 0,
    count: step.count,
    stats: step.stats,
    notes: [...step.notes],
    ms: step.ms,
    runs: step.runs,
    nodesAfter,
    bytesAfter,
    ...(step.touched ? { touched: step.touched } : {}),
    verified: step.verified,
    ...(step.undone === undefined ? {} : { undone: step.undone }),
  };
}

/** The model under work: the graph as it is now, and a version that counts its changes. */
class Work {
  version = 0;
  #model: Model;
  #graph: Graph;
  #shapes: { readonly version: number; readonly map: ShapeMap } | undefined;
  #seen: { readonly version: number; readonly nodes: NodesSeen } | undefined;
  #size: { readonly version: number; readonly bytes: number } | undefined;
  readonly #options: RunPassesOptions;

  constructor(model: Model, options: RunPassesOptions) {
    this.#model = model;
    this.#graph = new Graph(model.graph);
    this.#options = options;
  }

  model(): Model {
    return { ...this.#model, graph: this.#graph.toData() };
  }

  async run(step: Progress): Promise<void> {
    const { clock, verify } = this.#options;
    const name = step.pass.name;
    const before = verify ? copyModel(this.model()) : undefined;
    const [seen, nodes, bytes] = [this.#nodesSeen(), this.#graph.nodeCount, this.#bytes()];
    const start = clock();
    const result = await step.pass.run(this.#graph, this.#context(), this.#options.options?.[name]);
    step.ms += clock() - start;
    step.runs++;
    for (const note of result.notes) step.notes.add(note);
    const count = Number(result.changed);
    if (count === 0) {
      // What a pass finds without changing anything (units) is told once, not summed up.
      Object.assign(step.stats, result.stats);
      step.settledAt = this.version;
      return;
    }
    this.version++;
    if (before && verify) {
      const verdict = await verify(before, copyModel(this.model()), name);
      if (!verdict.ok) {
        step.verified = verdict;
        step.undone = verdict.detail;
        this.#restore(before);
        return;
      }
      step.verified = step.verified && step.verified.maxAbsError > verdict.maxAbsError ? step.verified : verdict;
    }
    step.count += count;
    step.nodesAdded += this.#graph.nodeCount - nodes;
    step.bytesAdded += this.#bytes() - bytes;
    step.touched = joinTouched(step.touched, touchedNodes(seen, this.#nodesSeen()));
    for (const [key, value] of Object.entries(result.stats)) step.stats[key] = (step.stats[key] ?? 0) + value;
  }

  /** IR 3 demands that every initializer is an input; new ones are not, so such a model becomes IR 4, where the others stay constant. */
  finish(): void {
    const inputs = new Set(this.#graph.inputs.map((input) => input.name));
    if (this.#model.irVersion >= 4 || [...this.#graph.initializers.keys()].every((name) => inputs.has(name))) return;
    this.#graph.setInputInfo(this.#graph.inputs.filter((input) => !this.#graph.initializers.has(input.name)));
    this.#model.irVersion = 4;
  }

  /** 0 where nobody asks. */
  #bytes(): number {
    const { bytesOf } = this.#options;
    if (bytesOf && this.#size?.version !== this.version) this.#size = { version: this.version, bytes: bytesOf(this.model()) };
    return this.#size?.bytes ?? 0;
  }

  #nodesSeen(): NodesSeen {
    if (this.#seen?.version !== this.version) this.#seen = { version: this.version, nodes: seeNodes(this.#graph.nodes) };
    return this.#seen.nodes;
  }

  #restore(before: Model): void {
    this.#model = before;
    this.#graph = new Graph(before.graph);
    this.version++;
  }

  #context(): PassContext {
    const model = this.#model;
    const shapes = (): ShapeMap => this.#inferred();
    return {
      get opset() {
        return opsetOf(model);
      },
      get ir() {
        return model.irVersion;
      },
      get opsets() {
        return model.opsets;
      },
      get shapes() {
        return shapes();
      },
      signal: this.#options.signal,
      evaluate: this.#options.evaluate,
      log: this.#options.log ?? (() => {}),
      modelOf: (graph) => ({ ...model, opsets: [...model.opsets], graph }),
      raiseIr: (version) => {
        model.irVersion = Math.max(model.irVersion, version);
      },
      setOpset: (domain, version) => {
        model.opsets = [...model.opsets.filter((opset) => opset.domain !== domain), { domain, version }];
      },
    };
  }

  /** Inferred when first asked for, and again after a change. Inside of a pass it stands as it was when first asked for. */
  #inferred(): ShapeMap {
    if (this.#shapes?.version !== this.version) this.#shapes = { version: this.version, map: inferShapes(this.model(), { ignoreDeclared: true }) };
    return this.#shapes.map;
  }
}
