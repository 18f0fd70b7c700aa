/** The face of every kind of data set. */
import type { PreprocessRecord } from '../../base/ports.ts';
import type { DatasetFacts } from '../../contract/records/dataset.ts';

/** A sample as the model takes it, without the batch dimension. */
export interface PreparedSample {
  readonly values: Float32Array;
  readonly dims: readonly number[];
}

export interface Dataset {
  readonly facts: DatasetFacts;
  /** Class index of a sample; undefined where there are no labels. */
  label(index: number): number | undefined;
  /** @throws BAD_DATASET where the sample cannot be read, BAD_PREPROCESS where the record does not fit it */
  load(index: number, preprocess: PreprocessRecord | undefined): Promise<PreparedSample>;
  close(): Promise<void>;
}

export interface DatasetOptions {
  /** A file with labels; see docs/data-sets.md for its forms. */
  readonly labelsPath?: string | undefined;
}
