/** A model file on disk, parsed within bounds and looked at. */
import { resolve } from 'node:path';
import type { ModelFacts } from '../../contract/records/model.ts';
import { checkModel, encodeModel, modelFacts, parseModel, type GraphData, type Model, type Tensor } from '../../engine/onnx/index.ts';
import { externalFilesIn } from '../../runtime/files/external-files.ts';
import { openFileSource } from '../../runtime/files/file-source.ts';

export interface ModelFile {
  readonly model: Model;
  /** Bytes of the file and its external data. */
  readonly bytes: number;
  /** Some weights are in other files. */
  readonly external: boolean;
  /** Worked out when first asked for. */
  readonly facts: ModelFacts;
  /** The model as one file, external data merged in. */
  encode(): Iterable<Uint8Array>;
}

/**
 * Opens a model for as long as `use` takes; weights in other files can be read until then.
 * @throws EdgewiseError with what is wrong with the file and where
 */
export async function withModelFile<T>(path: string, use: (file: ModelFile) => T | Promise<T>): Promise<T> {
  const full = resolve(path);
  const folder = externalFilesIn(full);
  try {
    const source = openFileSource(full);
    try {
      const model = parseModel(source, folder);
      const { warnings } = checkModel(model);
      const outside = externalBytes(model.graph);
      const bytes = source.size + outside;
      let facts: ModelFacts | undefined;
      return await use({
        model,
        bytes,
        external: outside > 0,
        get facts() {
          return (facts ??= modelFacts(model, bytes, warnings));
        },
        encode: () => encodeModel(model).chunks,
      });
    } finally {
      source.close();
    }
  } finally {
    folder.close();
  }
}

/** Weights may also sit in attributes, and those in the graphs of If, Loop and Scan. */
function externalBytes(graph: GraphData): number {
  let bytes = 0;
  const add = ({ payload }: Tensor): void => {
    if (payload.kind === 'external') bytes += payload.length;
  };
  for (const tensor of graph.initializers.values()) add(tensor);
  for (const node of graph.nodes) {
    for (const attribute of node.attributes.values()) {
      if (attribute.kind === 'tensor') add(attribute.value);
      else if (attribute.kind === 'tensors') attribute.value.forEach(add);
      else if (attribute.kind === 'graph') bytes += externalBytes(attribute.value);
      else if (attribute.kind === 'graphs') for (const inner of attribute.value) bytes += externalBytes(inner);
    }
  }
  return bytes;
}
