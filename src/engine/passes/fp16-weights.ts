/**
 * fp16-weights
 *
 * before: initializer w of float32
 * after:  initializer of float16, and w = Cast(it, float32): half the bytes on disk, float32 arithmetic
 * when:   at least `minElements` elements; w is no graph input or output; every element is finite and within float16's range.
 * not exact: each weight is rounded to 11 bits, a relative error of 2^-12 at most for normal numbers. Outputs move by as much.
 */
import { z } from 'zod';
import { makeInt } from '../onnx/attributes.ts';
import { elementCount } from '../onnx/tensor.ts';
import { DataType } from '../onnx/types.ts';
import { definePass } from './define-pass.ts';
import { isOp } from './support/match.ts';
import { makeFloats, readFloats, type Floats } from './support/numbers.ts';

/** Largest finite float16. */
const HALF_MAX = 65_504;

export const fp16Weights = definePass({
  name: 'fp16-weights',
  family: 'precision',
  summary: 'Stores float32 weights as float16 and computes in float32.',
  once: true,
  options: z.strictObject({ minElements: z.number().int().min(1).default(256).describe('weights with fewer elements stay float32') }),
  run(graph, _context, { minElements }) {
    const notes: string[] = [];
    let weights = 0;
    for (const [name, tensor] of graph.initializers) {
      if (tensor.dataType !== DataType.FLOAT || elementCount(tensor.dims) < minElements || graph.isInput(name) || graph.isOutput(name)) continue;
      // Scales and zero points of quantized layers are not weights.
      if (graph.uses(name).some((use) => isOp(use.node, 'QuantizeLinear', 'DequantizeLinear'))) continue;
      const values = readFloats(tensor);
      if (!values || !fitsHalf(values)) {
        notes.push(`"${name}" stays float32: it has elements beyond float16's range.`);
        continue;
      }
      const half = graph.addInitializer(makeFloats(`${name}_fp16`, DataType.FLOAT16, tensor.dims, values));
      graph.removeInitializer(name);
      graph.addNode({ opType: 'Cast', name: graph.uniqueName(`${name}_cast`), inputs: [half], outputs: [name], attributes: { to: makeInt(DataType.FLOAT) } });
      weights++;
    }
    return { changed: weights, stats: weights > 0 ? { weights } : {}, notes };
  },
});

/** True where float16 holds every element without overflow. */
export function fitsHalf(values: Floats): boolean {
  for (let i = 0; i < values.length; i++) if (!(Math.abs(values[i] as number) <= HALF_MAX)) return false;
  return true;
}
