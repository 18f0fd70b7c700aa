/**
 * What an artifact says about its model: the file `edgewise.json` beside `model.onnx`. It is a file of the artifact like any other, so it is signed
 * with it. A device feeds the model by it, and measures accuracy on the check set that may come along as `check.npz`.
 */
import { z } from 'zod';
import { preprocessRecord } from './common.ts';

/** Names of an artifact's files. Weights beside the model are `model.onnx.data`. */
export const ARTIFACT_FILES = { model: 'model.onnx', facts: 'edgewise.json', check: 'check.npz' } as const;

export const workloadFacts = z.object({
  format: z.literal(1),
  /** Name of the model in the library that it was published from. */
  model: z.string().max(200),
  /** `classification`: the first output holds class scores. */
  task: z.enum(['classification', 'other']),
  /** How a picture becomes the model's input; null: it takes numbers as they are, or nobody knows. */
  preprocess: preprocessRecord.nullable(),
  /** Class names in the order of the scores; empty where they are not known. */
  labels: z.array(z.string().max(200)).max(100_000),
  /**
   * Labelled samples that were not calibrated with: `x` and `y` of a NumPy archive, pictures already resized and cropped. null: none.
   * Feed them as a data set with this `preprocess`, which is what is left to do.
   */
  check: z
    .object({
      file: z.literal(ARTIFACT_FILES.check),
      samples: z.number().int().min(1),
      metric: z.literal('top1'),
      preprocess: preprocessRecord.nullable(),
    })
    .nullable(),
});

export type WorkloadFacts = z.infer<typeof workloadFacts>;
