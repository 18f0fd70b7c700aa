/** Whether the nodes of a graph fit together: every value has one origin, which comes before it is read. */
import { describeNode } from './attributes.ts';
import { GraphField, SparseTensorField } from './fields.ts';
import { Graph } from './graph.ts';
import { badGraph } from './read-graph.ts';
import { readTensor, type ReadContext } from './read-tensor.ts';
import { shorten } from './shown.ts';
import { DataType, type GraphData, type NodeData } from './types.ts';
import { WireReader } from './wire.ts';

/** Values that a graph may read from the graphs around it. */
type Outer = (name: string) => boolean;
const ELEMENT_TYPES: ReadonlySet<number> = new Set(Object.values(DataType));
const nothing: Outer = () => false;

/** The main graph and everything in it. @throws BAD_GRAPH */
export function checkStructure(graph: GraphData, context: ReadContext): void {
  if (graph.nodes.length === 0 && graph.outputs.length === 0) throw badGraph('The graph is empty: it has neither nodes nor outputs.');
  if (graph.outputs.length === 0) throw badGraph('The graph has no outputs, so running it would tell nothing.');
  if (graph.nodes.length === 0) throw badGraph('The graph has no nodes: it computes nothing.');
  for (const output of graph.outputs) if (output.name === '') throw badGraph('An output of the graph has no name.');
  checkScope(graph, context, nothing);
}

/** The body of a model-local function: inputs and outputs are names without types. @throws BAD_GRAPH */
export function checkBody(what: string, inputs: readonly string[], outputs: readonly string[], nodes: readonly NodeData[], context: ReadContext): void {
  const value = (name: string) => ({ name, elemType: 0, shape: null });
  const graph: GraphData = {
    name: what, docString: '', nodes: [...nodes], inputs: inputs.map(value), outputs: outputs.map(value), initializers: new Map(), valueInfo: new Map(), rest: [],
  };
  checkScope(graph, context, nothing);
}

function checkScope(graph: GraphData, context: ReadContext, outer: Outer): void {
  const available = new Set<string>();
  for (const { name, elemType } of [...graph.inputs, ...graph.outputs, ...graph.valueInfo.values()]) {
    if (!ELEMENT_TYPES.has(elemType)) throw badGraph(`Value "${shorten(name)}" is declared with element type ${elemType}, which does not exist.`, { value: shorten(name) });
  }
  for (const input of graph.inputs) {
    if (input.name === '') throw badGraph('An input of the graph has no name.');
    if (available.has(input.name)) throw badGraph(`Two inputs of the graph have the name "${shorten(input.name)}".`, { value: shorten(input.name) });
    available.add(input.name);
  }
  for (const name of graph.initializers.keys()) {
    if (name === '') throw badGraph('An initializer has no name.');
    available.add(name);
  }
  for (const name of sparseInitializers(graph, context)) available.add(name);
  checkNodeNames(graph);
  const producers = checkProducers(graph, available);
  const visible: Outer = (name) => available.has(name) || outer(name);
  for (const node of graph.nodes) {
    if (node.opType === '') throw badGraph(`Node "${shorten(node.name)}" has no operator.`, { node: shorten(node.name) });
    for (const input of node.inputs) if (input !== '' && !visible(input)) throw missing(graph, node, input, producers);
    for (const attribute of node.attributes.values()) {
      const graphs = attribute.kind === 'graph' ? [attribute.value] : attribute.kind === 'graphs' ? attribute.value : [];
      for (const inner of graphs) checkScope(inner, context, visible);
    }
    for (const output of node.outputs) if (output !== '') available.add(output);
  }
  const seen = new Set<string>();
  for (const { name } of graph.outputs) {
    if (name !== '' && !visible(name)) throw badGraph(`Output "${shorten(name)}" of the graph is made by no node.`, { value: shorten(name) });
    if (seen.has(name)) throw badGraph(`Two outputs of the graph have the name "${shorten(name)}".`, { value: shorten(name) });
    seen.add(name);
  }
}

function checkNodeNames(graph: GraphData): void {
  const names = new Set<string>();
  for (const { name } of graph.nodes) {
    if (name === '') continue;
    if (names.has(name)) throw badGraph(`Two nodes have the name "${shorten(name)}".`, { node: shorten(name) }, 'Give each node a name of its own, or none, and export the model again.');
    names.add(name);
  }
}

/** @param taken names of inputs and initializers */
function checkProducers(graph: GraphData, taken: ReadonlySet<string>): Map<string, NodeData> {
  const producers = new Map<string, NodeData>();
  for (const node of graph.nodes) {
    for (const output of node.outputs) {
      if (output === '') continue;
      const first = producers.get(output);
      if (first) throw badGraph(`Value "${shorten(output)}" is made twice: by ${shorten(describeNode(first))} and by ${shorten(describeNode(node))}.`, { value: shorten(output) });
      if (taken.has(output)) {
        throw badGraph(`Value "${shorten(output)}" is made by ${shorten(describeNode(node))}, but it is an input or an initializer already.`, { value: shorten(output) });
      }
      producers.set(output, node);
    }
  }
  return producers;
}

/** Says why a value is not there yet: nobody makes it, it is made from itself, or the nodes stand in the wrong order. */
function missing(graph: GraphData, node: NodeData, input: string, producers: ReadonlyMap<string, NodeData>): Error {
  const details = { node: shorten(node.name), value: shorten(input) };
  const reader = shorten(describeNode(node));
  const producer = producers.get(input);
  if (!producer) return badGraph(`${reader} reads "${shorten(input)}", which nothing has made.`, details);
  if (producer === node) return badGraph(`${reader} reads its own output "${shorten(input)}".`, details, 'A model must be free of cycles; export it again.');
  try {
    new Graph({ ...graph, nodes: [...graph.nodes] }).sorted();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  return badGraph(`${reader} reads "${shorten(input)}" before ${shorten(describeNode(producer))} has made it: the nodes are not in order.`, details, 'Sort the nodes topologically; every exporter does.');
}

function sparseInitializers(graph: GraphData, context: ReadContext): string[] {
  const names: string[] = [];
  for (const field of graph.rest) {
    const reader = new WireReader(field);
    while (reader.next()) {
      if (reader.field !== GraphField.SPARSE_INITIALIZER) {
        reader.skip();
        continue;
      }
      const sparse = reader.message('a sparse initializer');
      while (sparse.next()) {
        if (sparse.field === SparseTensorField.VALUES) names.push(readTensor(sparse.message('sparse values'), context).name);
        else sparse.skip();
      }
    }
  }
  return names;
}
