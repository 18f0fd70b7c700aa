/** A model file on disk, parsed within bounds and looked at. */
import { dirname, resolve } from 'node:path';
import type { ModelFacts } from '../../contract/records/model.ts';
import { checkModel, encodeModel, modelFacts, parseModel, type Model } from '../../engine/onnx/index.ts';
import { externalFilesIn, openFileSource } from '../../runtime/index.ts';

export interface ModelFile {
  readonly model: Model;
  /** Bytes of the file and its external data. */
  readonly bytes: number;
  /** Some weights are in other files. */
  readonly external: boolean;
  readonly facts: ModelFacts;
  /** The model as one file, external data merged in. */
  encode(): Iterable<Uint8Array>;
}

/** @throws EdgewiseError with what is wrong with the file and where */
export function openModelFile(path: string): ModelFile {
  const source = openFileSource(resolve(path));
  const model = parseModel(source, externalFilesIn(dirname(resolve(path))));
  const warnings = checkModel(model);
  const outside = externalBytes(model);
  const bytes = source.size + outside;
  return { model, bytes, external: outside > 0, facts: modelFacts(model, bytes, warnings), encode: () => encodeModel(model).chunks };
}

function externalBytes(model: Model): number {
  let bytes = 0;
  for (const tensor of model.graph.initializers.values()) if (tensor.payload.kind === 'external') bytes += tensor.payload.length;
  return bytes;
}
