/** What crosses between a host and its job process: paths, ids and numbers, never tensors. */
import { z } from 'zod';
import { errorRecord, preprocessRecord } from '../../contract/records/common.ts';
import { energyChoice } from '../../contract/records/energy.ts';
import { recipe } from '../../contract/records/recipe.ts';
import { optimizeReport } from '../../contract/records/report.ts';

/** One optimization, complete: the child needs nothing else. */
export const jobTask = z.object({
  modelPath: z.string(),
  modelName: z.string(),
  recipe,
  data: z.object({ path: z.string(), labelsPath: z.string().optional(), preprocess: preprocessRecord.optional() }).nullable(),
  /** Calibration samples. */
  samples: z.number().int().positive(),
  /** At most so many of the other samples are used for the measurements. */
  evaluationSamples: z.number().int().positive(),
  seed: z.number().int().nonnegative(),
  verify: z.boolean(),
  threads: z.number().int().positive(),
  /** How energy is measured; left out: by whatever meter this machine has. */
  energy: energyChoice.optional(),
  /** The result's weights go into a file of their own however small they are. */
  externalData: z.boolean().optional(),
  /** An empty folder for intermediate models; the host deletes it. */
  workspace: z.string(),
  /** Path without an ending: the smallest model on which a rewrite went wrong is kept as this and `.failure-<pass>.onnx`. */
  failures: z.string().optional(),
  /** Folder for what outlives an interrupted job; it may be missing. Absent: nothing does. */
  checkpoints: z.string().optional(),
  inferenceChild: z.string(),
  version: z.string(),
  createdAt: z.string(),
});

/** Host to child. `release` says that the host has stored the result, or wants none. */
export const toJobProcess = z.discriminatedUnion('type', [
  z.object({ type: z.literal('start'), task: jobTask }),
  z.object({ type: z.literal('cancel') }),
  z.object({ type: z.literal('release') }),
]);

/** Child to host. */
export const fromJobProcess = z.discriminatedUnion('type', [
  z.object({ type: z.literal('progress'), stage: z.string(), fraction: z.number(), detail: z.string().optional() }),
  z.object({ type: z.literal('log'), level: z.enum(['info', 'warn', 'error']), message: z.string() }),
  /** Every living child of the child, so that a host without process groups can end them too. */
  z.object({ type: z.literal('children'), pids: z.array(z.number().int().positive()) }),
  z.object({ type: z.literal('done'), outputPath: z.string(), report: optimizeReport, gatesMet: z.boolean() }),
  z.object({ type: z.literal('failed'), error: errorRecord }),
]);

export type JobTask = z.infer<typeof jobTask>;
export type ToJobProcess = z.infer<typeof toJobProcess>;
export type FromJobProcess = z.infer<typeof fromJobProcess>;
