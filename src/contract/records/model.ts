/** What is known of a model file, and a model in the library. */
import { z } from 'zod';

export const valueRecord = z.object({
  name: z.string(),
  type: z.string(),
  /** A number, a symbol such as `batch`, or null where unknown. */
  shape: z.array(z.union([z.number(), z.string(), z.null()])).nullable(),
});

export const layerRecord = z.object({
  name: z.string(),
  op: z.string(),
  /** Multiply-adds; one multiplication with its addition counts as one. null: unknown (a dynamic shape or an uncounted operator). */
  macs: z.number().nullable(),
  parameters: z.number(),
  outputShape: z.array(z.union([z.number(), z.string(), z.null()])).nullable(),
  /** Bytes of the outputs; null where the shape is not fully known. */
  activationBytes: z.number().nullable(),
});

export const modelFacts = z.object({
  nodes: z.number().int(),
  parameters: z.number().int(),
  macs: z.number(),
  /** The file and its external data. */
  bytes: z.number().int(),
  opset: z.number().int(),
  ir: z.number().int(),
  producer: z.string(),
  /** True where QuantizeLinear, QLinear* or integer operators are in it already. */
  quantized: z.boolean(),
  inputs: z.array(valueRecord),
  outputs: z.array(valueRecord),
  layers: z.array(layerRecord),
  warnings: z.array(z.string()),
});

/** How a model came to be in the library. */
export const modelOrigin = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('imported'), fileName: z.string() }),
  z.object({ kind: z.literal('optimized'), fromModelId: z.string(), jobId: z.string(), recipe: z.string() }),
  z.object({ kind: z.literal('sample') }),
]);

export const modelRecord = z.object({
  id: z.string(),
  name: z.string(),
  /** Hex digest of the bytes of its file in the library, or of both where it is two, one after the other; also its address there. */
  sha256: z.string(),
  bytes: z.number().int(),
  nodes: z.number().int(),
  parameters: z.number().int(),
  macs: z.number(),
  opset: z.number().int(),
  quantized: z.boolean(),
  origin: modelOrigin,
  createdAt: z.string(),
});

export type ValueRecord = z.infer<typeof valueRecord>;
export type LayerRecord = z.infer<typeof layerRecord>;
export type ModelFacts = z.infer<typeof modelFacts>;
export type ModelOrigin = z.infer<typeof modelOrigin>;
export type ModelRecord = z.infer<typeof modelRecord>;
