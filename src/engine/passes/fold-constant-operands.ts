/**
 * fold-constant-operands
 *
 * before: z = y * c, y / c, y + c, y - c or c - y with a constant c per channel, y = Conv | ConvTranspose | Gemm | BatchNormalization
 * after:  z = the layer with other weights
 * derivation: each is z = a y + d per channel (a = c, 1/c, 1, 1, -1); folding that into a layer stands in fold-batch-norm.ts. For a
 *         normalization y = s (x - m) / sqrt(v + eps) + b: s' = a s, b' = a b + d.
 * when:   y is read here only and is no graph output; c broadcasts along the channel axis alone and not to a higher rank; the layer's
 *         parameters are constant; the results are finite. Division by c multiplies by 1/c in float64, then rounds once.
 */
import type { Graph, Node } from '../onnx/graph.ts';
import { counted, definePass, noOptions, type PassContext } from './define-pass.ts';
import { foldAffine, normAsAffine, operatorAsAffine, outputChannels, type Affine } from './support/affine.ts';
import { constantFloats, isOp, replaceConstant, takeOver } from './support/match.ts';
import { allFinite, makeFloats } from './support/numbers.ts';

export const foldConstantOperands = definePass({
  name: 'fold-constant-operands',
  family: 'folding',
  summary: 'Folds multiplications and additions of constants into the Conv, Gemm or normalization before them.',
  options: noOptions,
  run(graph, context) {
    let folded = 0;
    for (const node of graph.sorted()) {
      if (!isOp(node, 'Add', 'Sub', 'Mul', 'Div')) continue;
      for (const value of new Set(node.inputs)) {
        const layer = graph.producer(value);
        if (!layer || graph.soleConsumer(value) !== node) continue;
        const form = isOp(layer, 'Conv', 'ConvTranspose', 'Gemm', 'BatchNormalization') ? outputChannels(graph, layer, context) : null;
        const affine = form && operatorAsAffine(graph, node, value, form);
        if (!affine) continue;
        const done = isOp(layer, 'BatchNormalization') ? foldIntoNorm(graph, layer, affine, context) : foldAffine(graph, layer, affine, context) !== null;
        if (!done) continue;
        takeOver(graph, layer, node);
        folded++;
        break;
      }
    }
    return counted('folded', folded);
  },
});

function foldIntoNorm(graph: Graph, norm: Node, { scale, shift }: Affine, context: PassContext): boolean {
  const dataType = graph.constant(norm.inputs[1] ?? '')?.dataType ?? 0;
  const [s, b] = [constantFloats(graph, norm.inputs[1]), constantFloats(graph, norm.inputs[2])];
  if (!normAsAffine(graph, norm, context) || !s || !b || s.length !== scale.length) return false;
  const scaled = Float64Array.from(s, (value, c) => value * (scale[c] ?? 0));
  const moved = Float64Array.from(b, (value, c) => value * (scale[c] ?? 0) + (shift[c] ?? 0));
  if (!allFinite(scaled) || !allFinite(moved)) return false;
  replaceConstant(graph, norm, 1, makeFloats(`${norm.inputs[1]}_scaled`, dataType, [s.length], scaled));
  replaceConstant(graph, norm, 2, makeFloats(`${norm.inputs[2]}_moved`, dataType, [s.length], moved));
  return true;
}
