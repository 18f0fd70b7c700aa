/** Schemas shared by all records. */
import { z } from 'zod';
import { ERROR_EXIT_CODES, type ErrorCode } from '../../base/errors.ts';

const codes = Object.keys(ERROR_EXIT_CODES) as [ErrorCode, ...ErrorCode[]];

export const errorRecord = z.object({
  code: z.enum(codes),
  message: z.string(),
  hint: z.string().optional(),
  details: z.record(z.string(), z.unknown()).optional(),
});

const pair = z.tuple([z.number().int().positive(), z.number().int().positive()]);

/** How one picture becomes a tensor: (pixel * scale - mean) / std. A field left out means: not done. Sizes are [height, width]. */
export const preprocessRecord = z.strictObject({
  resize: z
    .strictObject({ mode: z.enum(['shorter', 'stretch', 'letterbox']), size: z.union([z.number().int().positive(), pair]) })
    .optional(),
  crop: z.union([z.number().int().positive(), pair]).optional(),
  channels: z.enum(['RGB', 'BGR', 'L']).optional(),
  scale: z.number().optional(),
  mean: z.array(z.number()).optional(),
  std: z.array(z.number().refine((value) => value !== 0, 'std must not be 0')).optional(),
  layout: z.enum(['NCHW', 'NHWC']).optional(),
});

/** Median and 95th percentile, milliseconds per inference. */
export const latencyStats = z.object({ median: z.number(), p95: z.number() });

export const latencyComparison = z.object({
  threads: z.number().int(),
  pairs: z.number().int(),
  beforeMs: latencyStats,
  afterMs: latencyStats,
  /** before / after; above 1 is faster. */
  ratio: z.number(),
  ci95: z.tuple([z.number(), z.number()]),
});

export const fidelity = z.object({
  samples: z.number().int(),
  cosine: z.number(),
  cosineMin: z.number(),
  /** null: outputs identical. */
  sqnrDb: z.number().nullable(),
  /** null: no output looks like class scores. */
  top1Agreement: z.number().nullable(),
  maxAbsError: z.number(),
});

export const accuracy = z.object({ samples: z.number().int(), top1: z.number(), top5: z.number() });

export type LatencyComparisonRecord = z.infer<typeof latencyComparison>;
