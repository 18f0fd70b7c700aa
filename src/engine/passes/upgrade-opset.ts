/**
 * Opset upgrade: the model imports a newer standard operator set, and every node whose reading changed on the way is rewritten.
 *
 * before   opset_import 9;  Clip(x; min = 0, max = 6)
 * after    opset_import 13; Clip(x, min, max)
 *
 * Conditions: opset 7 or later (older sets broadcast in another way), no function of the model's own (its body has an opset of its
 * own), and no node inside a branch or a loop whose reading changed. Where one does not hold nothing is changed: UNSUPPORTED_VERSION or
 * UNSUPPORTED_OP says which. One version after the other, so that each adapter bridges one step of the operator's history.
 *
 * Why: one scale for each channel needs opset 13 (DequantizeLinear with an axis), LayerNormalization 17, Gelu 20.
 */
import { z } from 'zod';
import { EdgewiseError } from '../../base/errors.ts';
import { describeNode } from '../onnx/attributes.ts';
import type { GraphData, NodeData } from '../onnx/types.ts';
import type { Node } from '../onnx/graph.ts';
import { definePass } from './define-pass.ts';
import { adapters } from './upgrade/adapters.ts';

const OLDEST = 7;
/** What came after only lets operators take more types and adds operators that no pass makes; fewer runtimes read it. */
const NEWEST = 23;

/** Oldest IR version that knows an opset (onnx, docs/Versioning.md). */
const IR_OF: readonly (readonly [opset: number, ir: number])[] = [[7, 3], [9, 4], [10, 5], [11, 6], [12, 7], [15, 8], [19, 9], [21, 10], [23, 11]];

export const upgradeOpset = definePass({
  name: 'upgrade-opset',
  family: 'version',
  summary: 'Rewrites the model for a newer standard operator set.',
  options: z.strictObject({ to: z.number().int().min(OLDEST).max(NEWEST).default(13) }),
  once: true,
  run(graph, context, { to }) {
    const from = context.opset;
    if (from >= to) return { changed: false, stats: {}, notes: [] };
    if (from < OLDEST) {
      throw new EdgewiseError('UNSUPPORTED_VERSION', `The model uses opset ${from}; upgrading begins at opset ${OLDEST}.`, { hint: 'Export the model with opset 7 or later.', details: { opset: from } });
    }
    const versions = Array.from({ length: to - from }, (_, i) => from + 1 + i);
    const changes = (opType: string): boolean => versions.some((version) => adapters[version]?.[opType] !== undefined);
    refuse(context.modelOf(graph.toData()).functions.length > 0, 'The model has functions of its own, whose bodies cannot be upgraded.', {});
    for (const node of graph.nodes) {
      const inner = innerNodes(node).find((candidate) => candidate.domain === '' && changes(candidate.opType));
      refuse(inner !== undefined, `${inner ? describeNode(inner) : ''} inside ${describeNode({ ...node, outputs: [...node.outputs] })} reads differently in opset ${to}; nodes in branches and loops are not rewritten.`, { node: node.name });
    }
    let rewritten = 0;
    for (const version of versions) {
      const step = adapters[version];
      if (step === undefined) continue;
      const nodes = [...graph.nodes];
      for (const node of nodes) {
        const adapt = node.domain === '' ? step[node.opType] : undefined;
        if (adapt === undefined) continue;
        const obstacle = adapt(node, {
          graph,
          shape: (value) => context.shapes.get(value)?.shape ?? null,
          elemType: (value) => context.shapes.get(value)?.elemType ?? 0,
        });
        refuse(typeof obstacle === 'string', `${describeNode({ ...node, outputs: [...node.outputs] })} cannot be brought to opset ${version}: ${String(obstacle)}.`, { node: node.name, op: node.opType, opset: version });
        rewritten++;
      }
    }
    context.setOpset('', to);
    context.raiseIr(IR_OF.findLast(([opset]) => opset <= to)?.[1] ?? 3);
    return { changed: true, stats: { from, to, rewritten }, notes: [] };
  },
});

function refuse(condition: boolean, message: string, details: Readonly<Record<string, unknown>>): void {
  if (condition) throw new EdgewiseError('UNSUPPORTED_OP', message, { hint: 'Export the model again with a newer opset.', details });
}

/** Nodes of all subgraphs of a node, at any depth. */
function innerNodes(node: Pick<Node, 'attributes'>): NodeData[] {
  const inside = (graph: GraphData): NodeData[] => graph.nodes.flatMap((inner) => [inner, ...innerNodes(inner)]);
  return [...node.attributes.values()].flatMap((attribute) => (attribute.kind === 'graph' ? inside(attribute.value) : attribute.kind === 'graphs' ? attribute.value.flatMap(inside) : []));
}
