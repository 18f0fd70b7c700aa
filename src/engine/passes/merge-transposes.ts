/**
 * merge-transposes
 *
 * before: z = Transpose(Transpose(x, p), q)
 * after:  z = Transpose(x, r) with r_i = p_(q_i); nothing where r is the identity (remove-no-ops takes it)
 * when:   both permutations are given; the inner one is no graph output and read here only, or the two cancel out
 * why it is exact: axis i of z is axis q_i of the middle, which is axis p_(q_i) of x.
 */
import { intsAttribute, makeInts } from '../onnx/attributes.ts';
import { counted, definePass, noOptions } from './define-pass.ts';
import { isOp } from './support/match.ts';

export const mergeTransposes = definePass({
  name: 'merge-transposes',
  family: 'layout',
  summary: 'Makes one Transpose of two in a row.',
  options: noOptions,
  run(graph) {
    let count = 0;
    for (const outer of graph.sorted()) {
      const middle = outer.inputs[0] ?? '';
      const inner = graph.producer(middle);
      if (!isOp(outer, 'Transpose') || !isOp(inner, 'Transpose')) continue;
      const [p, q] = [intsAttribute(inner, 'perm'), intsAttribute(outer, 'perm')];
      if (!p || !q || p.length !== q.length) continue;
      const merged = q.map((axis) => p[axis] ?? -1);
      const cancels = merged.every((axis, i) => axis === i);
      if (merged.includes(-1) || (!cancels && graph.soleConsumer(middle) !== outer)) continue;
      graph.setAttribute(outer, 'perm', makeInts(merged));
      graph.setInput(outer, 0, inner.inputs[0] ?? '');
      if (!graph.isOutput(middle) && graph.uses(middle).length === 0) graph.removeNode(inner);
      count++;
    }
    return counted('merged', count);
  },
});
