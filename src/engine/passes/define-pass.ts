/**
 * The frame of a graph rewrite. A pass is a small function on a graph: it keeps no state between runs, sees nothing but its
 * arguments, and must leave the outputs of the model as they were for every input. Where it cannot prove that, it does not fire.
 */
import { z } from 'zod';
import { EdgewiseError } from '../../base/errors.ts';
import type { TensorValue } from '../../base/ports.ts';
import type { Graph } from '../onnx/graph.ts';
import type { ShapeMap } from '../onnx/shapes/infer.ts';
import type { GraphData, Model, OpsetImport } from '../onnx/types.ts';

/** What a pass is about; the report and docs/passes.md group by it. */
export type PassFamily = 'cleanup' | 'folding' | 'fusion' | 'layout' | 'merging' | 'precision' | 'version';

/**
 * Runs a model without inputs once and gives its outputs by name: a port to the runtime for folding what this engine does not
 * compute itself. Models are small in nodes; the implementer bounds time and memory.
 */
export type EvaluateConstants = (model: Model) => Promise<Record<string, TensorValue>>;

export interface PassContext {
  /** Version of the standard operator set that the model imports. */
  readonly opset: number;
  /** IR version of the model. */
  readonly ir: number;
  readonly opsets: readonly OpsetImport[];
  /**
   * Shapes proven from the graph's inputs and operators alone; declarations inside of the graph are not believed, since editors and
   * exporters leave stale ones. As the graph was when the pass started: values made by the pass are unknown.
   */
  readonly shapes: ShapeMap;
  readonly signal: AbortSignal | undefined;
  /** Absent: only what the engine computes itself is folded. */
  readonly evaluate: EvaluateConstants | undefined;
  readonly log: (message: string) => void;
  /** A model of the same versions and local functions around another graph. */
  modelOf(graph: GraphData): Model;
  /** Raises the IR version to at least `version`. */
  raiseIr(version: number): void;
  /** Sets the version of the operator set of a domain. */
  setOpset(domain: string, version: number): void;
}

export interface PassResult {
  /** Number of rewrites; 0 or false: the graph is as it was. */
  readonly changed: number | boolean;
  /** Counts by name, for example { folded: 52 }. */
  readonly stats: Readonly<Record<string, number>>;
  /** Sentences for the report: what was not done and why. */
  readonly notes: readonly string[];
}

export interface Pass {
  /** As the file is named. */
  readonly name: string;
  readonly family: PassFamily;
  /** One sentence. */
  readonly summary: string;
  /** Schema of the options; all of them have defaults. */
  readonly options: z.ZodType;
  /** True where running it again in the same pipeline has no point. */
  readonly once: boolean;
  /** @throws BAD_RECIPE where the options do not parse */
  run(graph: Graph, context: PassContext, options: unknown): Promise<PassResult>;
}

export interface PassSpec<S extends z.ZodType> {
  readonly name: string;
  readonly family: PassFamily;
  readonly summary: string;
  readonly options: S;
  readonly once?: boolean;
  readonly run: (graph: Graph, context: PassContext, options: z.output<S>) => PassResult | Promise<PassResult>;
}

/** Schema of a pass without options. */
export const noOptions = z.strictObject({});

export function definePass<S extends z.ZodType>(spec: PassSpec<S>): Pass {
  return {
    name: spec.name,
    family: spec.family,
    summary: spec.summary,
    options: spec.options,
    once: spec.once ?? false,
    run: async (graph, context, options) => {
      const parsed = spec.options.safeParse(options ?? {});
      if (!parsed.success) {
        const issue = parsed.error.issues[0];
        throw new EdgewiseError('BAD_RECIPE', `Options of the step "${spec.name}" are not valid: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim() + '.', {
          hint: `See docs/passes.md for the options of "${spec.name}".`,
          details: { step: spec.name, path: issue?.path.map(String) ?? [] },
        });
      }
      return spec.run(graph, context, parsed.data);
    },
  };
}

/** The result of a pass that counts one thing. */
export function counted(name: string, count: number, notes: readonly string[] = []): PassResult {
  return { changed: count, stats: count > 0 ? { [name]: count } : {}, notes };
}
