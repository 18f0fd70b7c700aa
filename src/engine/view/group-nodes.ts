/**
 * Which nodes a person takes for one thing. Units come from `findUnits`, read on the graph without its roundings: QuantizeLinear and
 * DequantizeLinear in pairs belong to the unit whose value they round, and what prepares weights belongs to the layer that reads them.
 * So a model before and after quantization shows the same boxes.
 */
import { Graph, type Node } from '../onnx/graph.ts';
import type { GraphData, NodeData, Tensor } from '../onnx/types.ts';
import { findUnits, unitKind } from '../passes/find-units.ts';

export interface NodeGroup {
  /** For example `Conv+BatchNormalization+Relu`, or the operator of the one node. */
  readonly kind: string;
  readonly core: NodeData;
  /** In the order of the graph. */
  readonly nodes: readonly NodeData[];
}

/** Every node in one group; groups in the order of their cores. @throws BAD_GRAPH on a cycle */
export function groupNodes(graph: GraphData): NodeGroup[] {
  const bare = withoutRoundings(graph);
  const ownerOf = new Map<NodeData, NodeData>();
  const kinds = new Map<NodeData, string>();
  for (const unit of findUnits(bare.graph)) {
    const core = bare.original.get(unit.core);
    // The last of a unit may be the first of nothing else, but two layers may claim one node (a product of two gates): the first has it.
    if (!core || ownerOf.has(core)) continue;
    kinds.set(core, unitKind(unit));
    for (const part of unit.nodes) {
      const node = bare.original.get(part);
      if (node && !ownerOf.has(node)) ownerOf.set(node, core);
    }
  }
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const readers = new Map<string, NodeData>();
  for (const node of graph.nodes) for (const input of node.inputs) if (!readers.has(input)) readers.set(input, node);
  const own = (node: NodeData, steps = 0): NodeData => {
    const known = ownerOf.get(node);
    if (known) return known;
    const next = steps > 1000 ? undefined : bare.preparing.has(node) ? node.outputs.map((output) => readers.get(output)).find((reader) => reader !== undefined) : bare.rounding.has(node) ? makers.get(node.inputs[0] ?? '') : undefined;
    const owner = next && next !== node ? own(next, steps + 1) : node;
    ownerOf.set(node, owner);
    return owner;
  };
  const groups = new Map<NodeData, NodeData[]>();
  for (const node of graph.nodes) {
    const core = own(node);
    const nodes = groups.get(core);
    if (nodes) nodes.push(node);
    else groups.set(core, [node]);
  }
  const rank = new Map(graph.nodes.map((node, position) => [node, position]));
  return [...groups]
    .map(([core, nodes]) => ({ kind: kinds.get(core) ?? core.opType, core, nodes }))
    .sort((a, b) => (rank.get(a.core) ?? 0) - (rank.get(b.core) ?? 0));
}

interface BareGraph {
  readonly graph: Graph;
  /** From the copies in `graph` to the nodes given. */
  readonly original: ReadonlyMap<Node, NodeData>;
  /** Nodes that read constants only. */
  readonly preparing: ReadonlySet<NodeData>;
  /** QuantizeLinear and DequantizeLinear around a value. */
  readonly rounding: ReadonlySet<NodeData>;
}

function withoutRoundings(graph: GraphData): BareGraph {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const inputs = new Set(graph.inputs.map((input) => input.name));
  const constants = new Map<string, Tensor | undefined>([...graph.initializers].filter(([name]) => !inputs.has(name)));
  const preparing = new Set<NodeData>();
  for (const node of graph.nodes) {
    const read = node.inputs.filter((name) => name !== '');
    const subgraphs = [...node.attributes.values()].some(({ kind }) => kind === 'graph' || kind === 'graphs');
    if (subgraphs || (node.opType !== 'Constant' && read.length === 0) || !read.every((name) => constants.has(name))) continue;
    preparing.add(node);
    // What stands for the result keeps the shape of what it is made from; nobody reads its elements unless it is a Constant's.
    const value = node.attributes.get('value');
    const tensor = node.opType === 'Constant' ? (value?.kind === 'tensor' ? value.value : undefined) : constants.get(read[0] ?? '');
    for (const output of node.outputs) if (output !== '') constants.set(output, tensor);
  }
  const alias = new Map<string, string>();
  const rounding = new Set<NodeData>();
  for (const node of graph.nodes) {
    if (node.opType !== 'DequantizeLinear' || preparing.has(node)) continue;
    const source = makers.get(node.inputs[0] ?? '');
    if (source?.opType !== 'QuantizeLinear' || preparing.has(source)) continue;
    rounding.add(node).add(source);
    alias.set(node.outputs[0] ?? '', source.inputs[0] ?? '');
  }
  const through = (name: string): string => {
    let found = name;
    for (let steps = 0; alias.has(found) && steps < 1000; steps++) found = alias.get(found) ?? found;
    return found;
  };
  const original = new Map<Node, NodeData>();
  const nodes: NodeData[] = [];
  for (const node of graph.nodes) {
    if (preparing.has(node) || rounding.has(node)) continue;
    const copy = { ...node, inputs: node.inputs.map(through) };
    original.set(copy, node);
    nodes.push(copy);
  }
  const initializers = new Map<string, Tensor>();
  for (const [name, tensor] of constants) if (tensor) initializers.set(name, tensor);
  const outputs = graph.outputs.map((output) => ({ ...output, name: through(output.name) }));
  return { graph: new Graph({ ...graph, nodes, initializers, outputs }), original, preparing, rounding };
}
