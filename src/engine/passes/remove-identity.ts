/**
 * remove-identity
 *
 * before: y = Identity(x), or y, mask = Dropout(x, ratio?, training_mode?) at inference
 * after:  readers of y read x
 * when:   Dropout: the mask is not read and training_mode is absent or a constant false. A graph output keeps its name by renaming the
 *         producer of x; where x is a graph input, an initializer or itself an output, the node stays.
 * why it is exact: both operators copy their input at inference (Dropout-7 and later; before 12 there is no training mode).
 */
import type { Graph, Node } from '../onnx/graph.ts';
import { tensorIntegers } from '../onnx/tensor.ts';
import { DataType } from '../onnx/types.ts';
import { definePass, noOptions } from './define-pass.ts';
import { isOp, onlyFirstOutputUsed } from './support/match.ts';

export const removeIdentity = definePass({
  name: 'remove-identity',
  family: 'cleanup',
  summary: 'Removes Identity, and Dropout where it does nothing at inference.',
  options: noOptions,
  run(graph, context) {
    let identities = 0;
    let dropouts = 0;
    for (const node of graph.sorted()) {
      const source = node.inputs[0] ?? '';
      if (source === '') continue;
      if (isOp(node, 'Identity')) {
        if (graph.bypass(node, source)) identities++;
      } else if (isOp(node, 'Dropout') && context.opset >= 7 && !trains(graph, node) && onlyFirstOutputUsed(graph, node)) {
        if (graph.bypass(node, source)) dropouts++;
      }
    }
    const stats = { ...(identities > 0 ? { identities } : {}), ...(dropouts > 0 ? { dropouts } : {}) };
    return { changed: identities + dropouts, stats, notes: [] };
  },
});

/** True unless training_mode is known to be off. */
function trains(graph: Graph, node: Node): boolean {
  const mode = node.inputs[2] ?? '';
  if (mode === '') return false;
  const tensor = graph.constant(mode);
  return !tensor || tensor.dataType !== DataType.BOOL || tensorIntegers(tensor).some((value) => value !== 0n);
}
