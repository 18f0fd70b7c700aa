/**
 * From a model on which a pass changes the outputs to a small one on which it still does: what a person needs to find the fault. Pieces
 * of the graph are tried, from few nodes to many: a value as the output, the nodes that lead to it up to some depth, and graph inputs
 * where those were cut off. The first piece that fails is returned; a piece that the pass leaves alone costs no run.
 */
import { throwIfAborted } from '../../base/errors.ts';
import type { Clock } from '../../base/ports.ts';
import { capturedNames } from '../onnx/captured.ts';
import { Graph, type Node } from '../onnx/graph.ts';
import { inferShapes, type ShapeMap } from '../onnx/shapes/infer.ts';
import type { GraphData, Model, NodeData, Tensor, ValueInfo } from '../onnx/types.ts';
import { copyModel, runPasses, type RunPassesOptions } from './pipeline.ts';

export interface SmallestFailureOptions {
  readonly clock: Clock;
  /** Options by pass name, as they were when it failed. */
  readonly options?: RunPassesOptions['options'];
  readonly evaluate?: RunPassesOptions['evaluate'];
  /** Comparisons at most. Default 200. */
  readonly maxRuns?: number;
  readonly signal?: AbortSignal;
}

export interface SmallestFailure {
  readonly before: Model;
  readonly after: Model;
}

const DEPTHS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64] as const;

/**
 * @param model the model before the pass
 * @param differs true where the outputs of the two differ; where the piece itself does not run it must answer false
 * @returns null where no piece fails on its own within the bound
 */
export async function smallestFailure(
  model: Model,
  pass: string,
  differs: (before: Model, after: Model) => Promise<boolean>,
  options: SmallestFailureOptions,
): Promise<SmallestFailure | null> {
  const { clock, maxRuns = 200 } = options;
  const graph = new Graph(copyModel(model).graph);
  const shapes = inferShapes(model);
  const nodes = graph.sorted();
  const rank = new Map(nodes.map((node, position) => [node, position]));
  const tried = new Set<string>();
  let runs = 0;
  for (const depth of DEPTHS) {
    if (depth > 1 && DEPTHS[DEPTHS.indexOf(depth) - 1] as number >= nodes.length) break;
    for (const last of nodes) {
      throwIfAborted(options.signal);
      const piece = cutPiece(model, graph, shapes, rank, last, depth);
      const key = piece?.graph.nodes.map((node) => node.outputs.join()).join(';') ?? '';
      if (!piece || tried.has(key)) continue;
      tried.add(key);
      const { model: after, steps } = await runPasses(piece, [pass], {
        clock,
        ...(options.options ? { options: options.options } : {}),
        ...(options.evaluate ? { evaluate: options.evaluate } : {}),
        ...(options.signal ? { signal: options.signal } : {}),
      });
      if (!steps.some((step) => step.changed)) continue;
      if (runs++ >= maxRuns) return null;
      if (await differs(piece, after)) return { before: piece, after };
    }
  }
  return null;
}

/** The nodes that lead to `last`, up to `depth` levels; null where a cut value has no known type. */
function cutPiece(model: Model, graph: Graph, shapes: ShapeMap, rank: ReadonlyMap<Node, number>, last: Node, depth: number): Model | null {
  const taken = new Set<Node>([last]);
  let level: Node[] = [last];
  for (let i = 1; i < depth && level.length > 0; i++) {
    level = level.flatMap((node) => readsOf(node).flatMap((value) => graph.producer(value) ?? [])).filter((node) => !taken.has(node));
    for (const node of level) taken.add(node);
  }
  const nodes = [...taken].sort((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0)) as NodeData[];
  const made = new Set(nodes.flatMap((node) => node.outputs));
  const inputs = new Map<string, ValueInfo>();
  const initializers = new Map<string, Tensor>();
  for (const value of nodes.flatMap(readsOf)) {
    const tensor = graph.initializers.get(value);
    if (tensor) initializers.set(value, tensor);
    if (made.has(value) || (tensor && !graph.isInput(value)) || inputs.has(value)) continue;
    const known = infoOf(shapes, value);
    if (!known) return null;
    inputs.set(value, graph.inputs.find((input) => input.name === value) ?? known);
  }
  // Its own outputs, and what others read from inside: the pass must see that those have other readers.
  const outputs = [...made].filter((value) => last.outputs.includes(value) || graph.isOutput(value) || graph.uses(value).some((use) => !taken.has(use.node)));
  const infos = outputs.filter((value) => value !== '').map((value) => infoOf(shapes, value));
  if (infos.includes(null)) return null;
  const data: GraphData = {
    name: `${model.graph.name}_piece`, docString: '', nodes, inputs: [...inputs.values()], outputs: infos.filter((info) => info !== null), initializers, valueInfo: new Map(), rest: [],
  };
  return copyModel({ ...model, graph: data });
}

function readsOf(node: Node): string[] {
  return [...node.inputs, ...capturedNames(node as NodeData)].filter((value) => value !== '');
}

function infoOf(shapes: ShapeMap, name: string): ValueInfo | null {
  const known = shapes.get(name);
  return known && known.elemType !== 0 ? { name, elemType: known.elemType, shape: known.shape } : null;
}
