/** What a data set on disk is, before any sample is decoded. */
import { z } from 'zod';
import { preprocessRecord } from './common.ts';

export const datasetFacts = z.object({
  path: z.string(),
  kind: z.enum(['class-folders', 'pictures', 'idx', 'npy', 'npz', 'csv']),
  samples: z.number().int(),
  /** Class names in label order; empty where there are no labels. */
  classes: z.array(z.string()),
  labelled: z.boolean(),
  /** Height, width, channels of the first sample, or the shape of an array sample. */
  sampleShape: z.array(z.number().int()),
  warnings: z.array(z.string()),
});

/** A data set matched to a model: what would be fed. */
export const datasetMatch = z.object({
  facts: datasetFacts,
  preprocess: preprocessRecord.nullable(),
  /** Why the preprocessing is what it is, one short sentence a field. */
  reasons: z.array(z.string()),
});

export type DatasetFacts = z.infer<typeof datasetFacts>;
export type DatasetMatch = z.infer<typeof datasetMatch>;
