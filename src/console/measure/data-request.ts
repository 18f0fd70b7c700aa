/** What the runtime needs to know of a model to feed it. */
import type { PreprocessRecord, TensorElementType, ValueDescription } from '../../base/ports.ts';
import type { ModelFacts } from '../../contract/records/model.ts';
import type { preprocessRecord } from '../../contract/records/common.ts';
import type { DataRequest } from '../../runtime/index.ts';
import type { z } from 'zod';

export interface DataChoice {
  readonly path: string;
  readonly labelsPath?: string | undefined;
  readonly preprocess?: z.infer<typeof preprocessRecord> | undefined;
}

/** @param modelName tells detectors from classifiers */
export function dataRequest(data: DataChoice, facts: ModelFacts, modelName: string): DataRequest {
  return {
    path: data.path,
    labelsPath: data.labelsPath,
    preprocess: data.preprocess as PreprocessRecord | undefined,
    inputs: facts.inputs.map(({ name, type, shape }): ValueDescription => ({ name, type: type as TensorElementType, shape: shape ?? [] })),
    modelName,
  };
}
