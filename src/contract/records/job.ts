/** A job: long work that outlives the screen that started it. */
import { z } from 'zod';
import { errorRecord, preprocessRecord } from './common.ts';
import { recipe } from './recipe.ts';

export const jobState = z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled', 'interrupted']);

export const optimizeInput = z.object({
  modelId: z.string(),
  /** A built-in recipe's name, or a recipe. */
  recipe: z.union([z.string().min(1), recipe]),
  dataPath: z.string().optional(),
  labelsPath: z.string().optional(),
  preprocess: preprocessRecord.optional(),
  /** Calibration samples. */
  samples: z.number().int().min(1).max(100_000).optional(),
  seed: z.number().int().min(0).max(0xffffffff).optional(),
  /** Compare outputs after the rewrites. */
  verify: z.boolean().optional(),
});

export const optimizeResult = z.object({
  modelId: z.string(),
  reportId: z.string(),
});

export const jobRecord = z.object({
  id: z.string(),
  kind: z.literal('optimize'),
  title: z.string(),
  state: jobState,
  input: optimizeInput,
  progress: z.object({ stage: z.string(), fraction: z.number(), detail: z.string().optional(), secondsLeft: z.number().nullable() }).nullable(),
  result: optimizeResult.nullable(),
  error: errorRecord.nullable(),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  endedAt: z.string().nullable(),
});

export type JobState = z.infer<typeof jobState>;
export type OptimizeInput = z.infer<typeof optimizeInput>;
export type OptimizeResult = z.infer<typeof optimizeResult>;
export type JobRecord = z.infer<typeof jobRecord>;
