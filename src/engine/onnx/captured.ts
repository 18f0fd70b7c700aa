/** Names that cross the border of a subgraph (If, Loop, Scan): read inside, made outside. */
import type { GraphData, NodeData } from './types.ts';

/** Values that a node's subgraphs read from outside of them. */
export function capturedNames(node: NodeData): Set<string> {
  const captured = new Set<string>();
  for (const attribute of node.attributes.values()) {
    if (attribute.kind === 'graph') collectCaptured(attribute.value, captured);
    else if (attribute.kind === 'graphs') for (const graph of attribute.value) collectCaptured(graph, captured);
  }
  return captured;
}

/** Every value and node name inside of a node's subgraphs. */
export function namesInSubgraphs(node: NodeData): Set<string> {
  const names = new Set<string>();
  const visit = (graph: GraphData): void => {
    for (const value of [...graph.inputs, ...graph.outputs]) names.add(value.name);
    for (const name of graph.initializers.keys()) names.add(name);
    for (const inner of graph.nodes) {
      names.add(inner.name);
      for (const value of [...inner.inputs, ...inner.outputs, ...namesInSubgraphs(inner)]) names.add(value);
    }
  };
  for (const attribute of node.attributes.values()) {
    if (attribute.kind === 'graph') visit(attribute.value);
    else if (attribute.kind === 'graphs') attribute.value.forEach(visit);
  }
  return names;
}

function collectCaptured(graph: GraphData, captured: Set<string>): void {
  const local = new Set<string>([...graph.inputs.map((input) => input.name), ...graph.initializers.keys()]);
  for (const node of graph.nodes) for (const output of node.outputs) local.add(output);
  for (const node of graph.nodes) {
    for (const name of [...node.inputs, ...capturedNames(node)]) if (name !== '' && !local.has(name)) captured.add(name);
  }
  for (const output of graph.outputs) if (!local.has(output.name)) captured.add(output.name);
}

export function renameInSubgraphs(node: NodeData, from: string, to: string): void {
  for (const [name, attribute] of node.attributes) {
    if (attribute.kind === 'graph') node.attributes.set(name, { kind: 'graph', value: renameCaptured(attribute.value, from, to) });
    else if (attribute.kind === 'graphs') {
      node.attributes.set(name, { kind: 'graphs', value: attribute.value.map((graph) => renameCaptured(graph, from, to)) });
    }
  }
}

function renameCaptured(graph: GraphData, from: string, to: string): GraphData {
  const shadowed =
    graph.inputs.some((input) => input.name === from) || graph.initializers.has(from) || graph.nodes.some((node) => node.outputs.includes(from));
  if (shadowed) return graph;
  const nodes = graph.nodes.map((node) => {
    const copy: NodeData = { ...node, inputs: node.inputs.map((input) => (input === from ? to : input)), attributes: new Map(node.attributes) };
    renameInSubgraphs(copy, from, to);
    return copy;
  });
  const outputs = graph.outputs.map((output) => {
    if (output.name !== from) return output;
    const { encoded: _encoded, ...rest } = output;
    return { ...rest, name: to };
  });
  return { ...graph, nodes, outputs };
}
