/** A recipe: ordered steps as data, hand-editable JSON. */
import { z } from 'zod';

/** One step: a pass or a quantization by name, with its options. Options are parsed by the step's own schema. */
export const recipeStep = z.strictObject({
  step: z.string().min(1),
  options: z.record(z.string(), z.unknown()).optional(),
});

/** A limit that the result has to keep; shares for top1Drop, milliseconds, bytes, ratios. */
export const recipeGate = z.strictObject({
  metric: z.enum(['top1Drop', 'top1Agreement', 'cosine', 'latencyP95Ms', 'speedup', 'bytes']),
  op: z.enum(['<=', '>=']),
  value: z.number(),
});

export const recipe = z.strictObject({
  version: z.literal(1),
  name: z.string().min(1).max(100),
  summary: z.string().max(500).optional(),
  steps: z.array(recipeStep).min(1).max(100),
  /** Device profile that the result is meant for. */
  target: z.string().optional(),
  gates: z.array(recipeGate).optional(),
});

export type Recipe = z.infer<typeof recipe>;
export type RecipeStep = z.infer<typeof recipeStep>;
export type RecipeGate = z.infer<typeof recipeGate>;
