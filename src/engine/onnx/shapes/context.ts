/** The view of one node that a shape rule works on. */
import { floatAttribute, intAttribute, intsAttribute, stringAttribute, tensorAttribute } from '../attributes.ts';
import type { GraphData, NodeData, Tensor } from '../types.ts';
import type { DimAlgebra } from './dims.ts';
import { graphAttribute, type RuleContext, type Value } from './rule.ts';

interface ContextSource {
  readonly node: NodeData;
  readonly opset: number;
  readonly dims: DimAlgebra;
  readonly value: (name: string) => Value | undefined;
  readonly tensor: (name: string) => Tensor | undefined;
  readonly note: (message: string) => void;
  readonly subgraph: (graph: GraphData, inputs: readonly Value[]) => (Value | null)[] | null;
}

export function makeContext(source: ContextSource): RuleContext {
  const { node } = source;
  const nameOf = (index: number): string => node.inputs[index] ?? '';
  const input = (index: number): Value | undefined => (nameOf(index) === '' ? undefined : source.value(nameOf(index)));
  return {
    node,
    opset: source.opset,
    dims: source.dims,
    has: (index) => nameOf(index) !== '',
    input,
    shape: (index) => input(index)?.shape ?? null,
    elemType: (index) => input(index)?.elemType ?? 0,
    data: (index) => input(index)?.data ?? null,
    numbers: (index) => {
      const data = input(index)?.data;
      return data?.every((dim) => typeof dim === 'number') ? (data as number[]) : null;
    },
    tensor: (index) => (nameOf(index) === '' ? undefined : source.tensor(nameOf(index))),
    int: (name, fallback) => intAttribute(node, name, fallback),
    float: (name, fallback) => floatAttribute(node, name, fallback),
    text: (name, fallback) => stringAttribute(node, name, fallback),
    ints: (name) => intsAttribute(node, name),
    tensorAttribute: (name) => tensorAttribute(node, name),
    note: source.note,
    subgraph: (name, inputs) => {
      const graph = graphAttribute(node, name);
      return graph ? source.subgraph(graph, inputs) : null;
    },
  };
}
