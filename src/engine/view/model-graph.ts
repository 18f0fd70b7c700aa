/** A model's graph for drawing: units, cost and edges, bounded whatever the file holds. */
import type { GraphNode, GraphPrecision, ModelGraph } from '../../contract/records/graph.ts';
import type { ValueRecord } from '../../contract/records/model.ts';
import { capturedNames } from '../onnx/captured.ts';
import { modelCost } from '../onnx/cost.ts';
import { elementTypeName } from '../onnx/facts.ts';
import { inferShapes, type ShapeMap } from '../onnx/shapes/infer.ts';
import { byteLength } from '../onnx/tensor.ts';
import { DataType, type GraphData, type Model, type NodeData } from '../onnx/types.ts';
import { describeAttribute } from './describe-attribute.ts';
import { groupNodes, type NodeGroup } from './group-nodes.ts';

/** Beyond it a drawing says nothing that a table does not say better. */
const MOST_NODES = 20_000;
const MOST_EDGES = 100_000;
const MOST_CONSTANTS = 6;
const MOST_ATTRIBUTES = 16;
const MOST_OUTPUTS = 8;

/**
 * The first `MOST_NODES` nodes in order of computation, and what is between them; `leftOut` counts the rest.
 * @throws BAD_GRAPH on a cycle
 */
export function modelGraph(model: Model): ModelGraph {
  const { graph } = model;
  const shapes = inferShapes(model, { assumeDefaults: true });
  const layers = modelCost(model, shapes).layers;
  // Cost lists every node but Constants, in the order of the graph.
  const costOf = new Map(graph.nodes.filter((node) => !isConstant(node)).map((node, position) => [node, layers[position]]));
  const groups = groupNodes(graph);
  const unitOf = new Map<NodeData, number>();
  const chosen = graph.nodes.filter((node) => !isConstant(node)).slice(0, MOST_NODES);
  const indexOf = new Map(chosen.map((node, position) => [node, position]));
  const rounded = new Set(graph.nodes.flatMap((node) => (node.opType === 'DequantizeLinear' ? node.outputs : [])));
  const units: ModelGraph['units'] = [];
  for (const group of groups) {
    const nodes = group.nodes.flatMap((node) => indexOf.get(node) ?? []);
    const core = indexOf.get(group.core) ?? nodes[0];
    if (core === undefined) continue;
    for (const node of group.nodes) unitOf.set(node, units.length);
    units.push({ kind: group.kind, core, nodes, precision: precisionOf(graph, rounded, group, shapes) });
  }
  const weights = weightBytes(graph);
  const inputs = graph.inputs.filter((input) => !graph.initializers.has(input.name));
  const nodes = chosen.map((node): GraphNode => {
    const output = node.outputs.find((name) => name !== '') ?? '';
    const cost = costOf.get(node);
    const value = shapes.get(output);
    return {
      name: node.name || output,
      op: node.domain === '' ? node.opType : `${node.domain}.${node.opType}`,
      outputs: node.outputs.filter((name) => name !== '').slice(0, MOST_OUTPUTS),
      type: elementTypeName(value?.elemType ?? 0),
      shape: value?.shape?.slice() ?? null,
      macs: cost?.macs ?? null,
      parameters: cost?.parameters ?? 0,
      weightBytes: weights.get(node) ?? 0,
      activationBytes: cost?.activationBytes ?? null,
      constants: constantsOf(graph, node),
      attributes: [...node.attributes].slice(0, MOST_ATTRIBUTES).map(([name, attribute]) => [name, describeAttribute(attribute)]),
      inner: innerNodes(node),
      unit: unitOf.get(node) ?? 0,
    };
  });
  const { edges, left } = edgesOf(graph, chosen, inputs.map(({ name }) => name));
  const described = (value: GraphData['inputs'][number]): ValueRecord => {
    const inferred = shapes.get(value.name);
    return { name: value.name, type: elementTypeName(value.elemType || (inferred?.elemType ?? 0)), shape: (value.shape ?? inferred?.shape)?.slice() ?? null };
  };
  return {
    nodes, units, edges, inputs: inputs.map(described), outputs: graph.outputs.map(described),
    leftOut: { nodes: costOf.size - chosen.length, edges: left },
  };
}

function isConstant(node: NodeData): boolean {
  return node.opType === 'Constant' && node.domain === '';
}

function edgesOf(graph: GraphData, chosen: readonly NodeData[], inputs: readonly string[]): { edges: number[]; left: number } {
  const makers = new Map<string, number>();
  inputs.forEach((name, position) => makers.set(name, chosen.length + position));
  chosen.forEach((node, position) => {
    for (const output of node.outputs) if (output !== '') makers.set(output, position);
  });
  const edges: number[] = [];
  let left = 0;
  const connect = (names: Iterable<string>, to: number): void => {
    const seen = new Set<number>();
    for (const name of names) {
      const from = makers.get(name);
      if (from === undefined || from === to || seen.has(from)) continue;
      seen.add(from);
      if (edges.length < MOST_EDGES * 2) edges.push(from, to);
      else left++;
    }
  };
  chosen.forEach((node, position) => connect([...node.inputs, ...capturedNames(node)], position));
  graph.outputs.forEach(({ name }, position) => connect([name], chosen.length + inputs.length + position));
  return { edges, left };
}

/** Every constant's bytes at the node that reads it first. */
function weightBytes(graph: GraphData): Map<NodeData, number> {
  const result = new Map<NodeData, number>();
  const seen = new Set<string>();
  for (const node of graph.nodes) {
    for (const name of [...node.inputs, ...capturedNames(node)]) {
      const tensor = graph.initializers.get(name);
      if (!tensor || seen.has(name)) continue;
      seen.add(name);
      result.set(node, (result.get(node) ?? 0) + byteLength(tensor.dataType, tensor.dims));
    }
  }
  return result;
}

function constantsOf(graph: GraphData, node: NodeData): ValueRecord[] {
  return node.inputs.flatMap((name) => {
    const tensor = graph.initializers.get(name);
    return tensor ? [{ name, type: elementTypeName(tensor.dataType), shape: [...tensor.dims] }] : [];
  }).slice(0, MOST_CONSTANTS);
}

function innerNodes(node: NodeData): number {
  let count = 0;
  const add = (graph: GraphData): void => {
    count += graph.nodes.length;
    for (const inner of graph.nodes) count += innerNodes(inner);
  };
  for (const attribute of node.attributes.values()) {
    if (attribute.kind === 'graph') add(attribute.value);
    else if (attribute.kind === 'graphs') attribute.value.forEach(add);
  }
  return count;
}

const INT4: ReadonlySet<number> = new Set([DataType.INT4, DataType.UINT4]);
const FLOATS: ReadonlySet<number> = new Set([DataType.FLOAT, DataType.FLOAT16, DataType.DOUBLE, DataType.BFLOAT16]);
const INTEGER_OPERATOR = /^(QLinear\w+|QGemm|QAttention|ConvInteger|MatMulInteger\w*|DynamicQuantizeMatMul|(De|Dynamic)?[qQ]uantizeLinear)$/;

/** With weights: how those are stored where what it reads is rounded too. Without: what it reads. */
function precisionOf(graph: GraphData, rounded: ReadonlySet<string>, { core, nodes }: NodeGroup, shapes: ShapeMap): GraphPrecision {
  if (core.opType === 'MatMulNBits') return 'int4';
  if (INTEGER_OPERATOR.test(core.opType)) return 'int8';
  if (rounded.has(core.inputs[0] ?? '')) {
    const prepared = nodes.find((node) => node.outputs.includes(core.inputs[1] ?? ''));
    const weight = graph.initializers.get(prepared?.inputs[0] ?? core.inputs[1] ?? '');
    if (!weight || !FLOATS.has(weight.dataType)) return weight && INT4.has(weight.dataType) ? 'int4' : 'int8';
  }
  const type = shapes.get(core.outputs[0] ?? '')?.elemType ?? 0;
  if (type === DataType.FLOAT16 || type === DataType.BFLOAT16) return 'float16';
  return type === DataType.FLOAT || type === DataType.DOUBLE ? 'float32' : 'other';
}
