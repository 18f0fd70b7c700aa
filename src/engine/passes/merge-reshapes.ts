/**
 * merge-reshapes
 *
 * before: z = Reshape(y, t), y = Reshape | Flatten | Squeeze | Unsqueeze (x)
 * after:  z = Reshape(x, t)
 * when:   t is constant and copies no size from y: no 0 in it (unless allowzero), so that only the order of the elements counts, which
 *         none of these operators changes. y is no graph output and read here only.
 *
 * before: z = Reshape(x, t) with t computed from the shape of x
 * after:  z = Reshape(x, constant)
 * when:   shape inference follows every element of t to a number, to the size of the same axis of x (a 0 copies it), and at most one
 *         else (-1 infers it). A number 0, or a size that is not known to be another one, stops it.
 */
import { intAttribute } from '../onnx/attributes.ts';
import type { Graph, Node } from '../onnx/graph.ts';
import { int64Tensor } from '../onnx/tensor.ts';
import { definePass, noOptions, type PassContext } from './define-pass.ts';
import { constantIntegers, isOp } from './support/match.ts';

export const mergeReshapes = definePass({
  name: 'merge-reshapes',
  family: 'layout',
  summary: 'Drops reshapes that another one overrides, and makes computed target shapes constant where 0 and -1 say the same.',
  options: noOptions,
  run(graph, context) {
    let merged = 0;
    let constant = 0;
    for (const reshape of graph.sorted()) {
      if (!isOp(reshape, 'Reshape') || context.opset < 5) continue;
      if (makeTargetConstant(graph, reshape, context)) constant++;
      const target = constantIntegers(graph, reshape.inputs[1]);
      const copies = intAttribute(reshape, 'allowzero', 0) === 0 && target?.includes(0) !== false;
      const middle = reshape.inputs[0] ?? '';
      const before = graph.producer(middle);
      if (!target || copies || !isOp(before, 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze') || graph.soleConsumer(middle) !== reshape) continue;
      graph.setInput(reshape, 0, before.inputs[0] ?? '');
      graph.removeNode(before);
      graph.removeValueInfo(middle);
      merged++;
    }
    const stats = { ...(merged > 0 ? { merged } : {}), ...(constant > 0 ? { constant } : {}) };
    return { changed: merged + constant, stats, notes: [] };
  },
});

function makeTargetConstant(graph: Graph, reshape: Node, context: PassContext): boolean {
  const name = reshape.inputs[1] ?? '';
  if (graph.constant(name) || graph.isInput(name) || intAttribute(reshape, 'allowzero', 0) !== 0) return false;
  const target = context.shapes.data(name);
  const shape = context.shapes.get(reshape.inputs[0] ?? '')?.shape;
  if (!target || !shape) return false;
  const sizes = target.map((size, axis) => {
    if (typeof size === 'number') return size > 0 && Number.isInteger(size) ? size : size === -1 ? -1 : null;
    return size !== null && size === shape[axis] ? 0 : -1;
  });
  if (sizes.includes(null) || sizes.filter((size) => size === -1).length > 1) return false;
  const values = sizes.filter((size) => size !== null);
  graph.setInput(reshape, 1, graph.addInitializer(int64Tensor(`${reshape.outputs[0] ?? 'reshape'}_shape`, [values.length], values)));
  return true;
}
