/**
 * matmul-add-to-gemm
 *
 * before: z = MatMul(x, w) + b
 * after:  z = Gemm(x, w, b)
 * when:   x and w are proven to be 2-D; the product is read by the Add alone and is no graph output; b is a constant float of
 *         [N], [1, N] or one element, with N the columns of w, so that it does not broadcast the product up; opset 7 or later.
 * why it is exact: Gemm with alpha = beta = 1 is x w + b.
 */
import { counted, definePass, noOptions } from './define-pass.ts';
import { isOp, takeOver } from './support/match.ts';
import { isFloat } from './support/numbers.ts';

export const matmulAddToGemm = definePass({
  name: 'matmul-add-to-gemm',
  family: 'fusion',
  summary: 'Makes one Gemm of a 2-D MatMul and the addition of a constant bias.',
  options: noOptions,
  run(graph, context) {
    let count = 0;
    for (const add of graph.sorted()) {
      if (!isOp(add, 'Add') || context.opset < 7) continue;
      const product = add.inputs.find((input) => isOp(graph.producer(input), 'MatMul') && graph.soleConsumer(input) === add) ?? '';
      const matmul = graph.producer(product);
      const biasName = add.inputs.find((input) => input !== product) ?? '';
      const bias = graph.constant(biasName);
      if (!matmul || !bias || !isFloat(bias.dataType)) continue;
      const [x, w] = matmul.inputs.map((input) => context.shapes.get(input)?.shape);
      const columns = w?.[1];
      if (x?.length !== 2 || w?.length !== 2 || typeof columns !== 'number' || bias.dims.length > 2) continue;
      if (bias.dims.some((size, axis) => size !== 1 && (axis !== bias.dims.length - 1 || size !== columns))) continue;
      graph.setOpType(matmul, 'Gemm');
      graph.setInput(matmul, 2, biasName);
      takeOver(graph, matmul, add);
      count++;
    }
    return counted('fused', count);
  },
});
