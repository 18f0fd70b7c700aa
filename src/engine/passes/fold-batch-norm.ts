/**
 * fold-batch-norm
 *
 * before: z = BatchNormalization(y, s, b, m, v; eps),  y = L(x, W, B)  with L = Conv, ConvTranspose, Gemm or a 2-D MatMul
 * after:  z = L(x, W', B')
 * derivation, for each output channel c:
 *   z_c = s_c (y_c - m_c) / sqrt(v_c + eps) + b_c  =  a_c y_c + (b_c - a_c m_c),  a_c = s_c / sqrt(v_c + eps)
 *   y_c = W_c . x + B_c, hence W'_c = a_c W_c and B'_c = a_c (B_c - m_c) + b_c
 *   output channel c is axis 0 of Conv's W; of ConvTranspose's W[in, out/group] axis 1 within the input's group; of Gemm's B the
 *   axis that alpha * A * B leaves as columns. Gemm's beta goes into B', so it becomes 1.
 * when:   y is read by the normalization alone and is no graph output; W, B, s, b, m, v are constants of float, double or
 *         float16; the normalization is at inference (training_mode 0; before opset 14 only one output; spatial before opset 9);
 *         for Gemm, bias [N], [1, N] or one element; for MatMul a 2-D constant weight and a 2-D result; all results are finite.
 * Weights that other nodes read as well are copied; `unshared` counts them.
 */
import { definePass, noOptions } from './define-pass.ts';
import { foldAffine, normAsAffine } from './support/affine.ts';
import { isOp, takeOver } from './support/match.ts';

export const foldBatchNorm = definePass({
  name: 'fold-batch-norm',
  family: 'folding',
  summary: 'Folds BatchNormalization into the Conv, ConvTranspose, Gemm or MatMul before it.',
  options: noOptions,
  run(graph, context) {
    let folded = 0;
    let unshared = 0;
    for (const norm of graph.sorted()) {
      const layer = graph.producer(norm.inputs[0] ?? '');
      if (!isOp(norm, 'BatchNormalization') || !layer || graph.soleConsumer(norm.inputs[0] ?? '') !== norm) continue;
      const affine = normAsAffine(graph, norm, context);
      const done = affine && foldAffine(graph, layer, affine, context);
      if (!done) continue;
      takeOver(graph, layer, norm);
      folded++;
      if (done === 'unshared') unshared++;
    }
    return { changed: folded, stats: { ...(folded > 0 ? { folded } : {}), ...(unshared > 0 ? { unshared } : {}) }, notes: [] };
  },
});
