/**
 * remove-dead-nodes
 *
 * before: nodes whose outputs nobody reads; initializers nobody reads; value_info of values that are gone
 * after:  without them
 * when:   no output of the node is a graph output or read, in subgraphs neither. Graph inputs stay: they are the interface.
 * why it is exact: ONNX operators have no side effects, so a value that reaches no graph output has no influence.
 *
 * An unused trailing output of a live node stays named: its presence can mean something (Dropout's mask, BatchNormalization).
 */
import type { Node } from '../onnx/graph.ts';
import { definePass, noOptions } from './define-pass.ts';

export const removeDeadNodes = definePass({
  name: 'remove-dead-nodes',
  family: 'cleanup',
  summary: 'Removes nodes and initializers that no output depends on.',
  options: noOptions,
  run(graph) {
    const isUsed = (value: string): boolean => value !== '' && (graph.isOutput(value) || graph.uses(value).length > 0);
    let nodes = 0;
    const queue: Node[] = [...graph.nodes];
    const gone = new Set<Node>();
    while (queue.length > 0) {
      const node = queue.pop() as Node;
      if (gone.has(node) || node.outputs.some(isUsed)) continue;
      const sources = node.inputs.flatMap((input) => graph.producer(input) ?? []);
      graph.removeNode(node);
      gone.add(node);
      nodes++;
      queue.push(...sources);
    }
    // What a removed If or Loop captured may be dead now too; a second walk finds it at the price of one pass over the nodes.
    if (nodes > 0) {
      for (let again = true; again; ) {
        again = false;
        for (const node of graph.nodes) {
          if (node.outputs.some(isUsed)) continue;
          graph.removeNode(node);
          nodes++;
          again = true;
        }
      }
    }
    let initializers = 0;
    for (const name of graph.initializers.keys()) {
      if (isUsed(name) || graph.isInput(name)) continue;
      graph.removeInitializer(name);
      initializers++;
    }
    let declarations = 0;
    for (const name of graph.valueInfo.keys()) {
      if (graph.producer(name) || graph.initializers.has(name) || graph.isInput(name)) continue;
      graph.removeValueInfo(name);
      declarations++;
    }
    const stats: Record<string, number> = {};
    if (nodes > 0) stats['nodes'] = nodes;
    if (initializers > 0) stats['initializers'] = initializers;
    return { changed: nodes + initializers + declarations, stats, notes: [] };
  },
});
