/** A model file on disk, parsed within bounds and looked at. */
import { basename, dirname, join, resolve } from 'node:path';
import type { ModelFacts } from '../../contract/records/model.ts';
import { checkModel, encodeModel, modelFacts, modelFiles, parseModel, type GraphData, type Model, type ModelFilesOptions, type NamedFile, type Tensor } from '../../engine/onnx/index.ts';
import { externalFilesIn } from '../../runtime/files/external-files.ts';
import { openFileSource } from '../../runtime/files/file-source.ts';

export interface ModelFile {
  readonly model: Model;
  /** Bytes of the file and its external data. */
  readonly bytes: number;
  /** The .onnx file and, in the order in which it names them, the files that hold its other weights. */
  readonly paths: readonly [string, ...string[]];
  /** Worked out when first asked for. */
  readonly facts: ModelFacts;
  /** The model as one file, or as two where one cannot hold it; in the order in which to write them. */
  files(name: string, options?: ModelFilesOptions): readonly NamedFile[];
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
      const outside = externalData(model.graph);
      const bytes = source.size + outside.bytes;
      let facts: ModelFacts | undefined;
      return await use({
        model,
        bytes,
        paths: [full, ...[...outside.locations].map((location) => join(dirname(full), location))],
        get facts() {
          return (facts ??= modelFacts(model, bytes, warnings));
        },
        files: (name, options) => modelFiles(model, name, options),
      });
    } finally {
      source.close();
    }
  } finally {
    folder.close();
  }
}

/** The data files of a model that may not have been checked, as full paths. @throws what reading it throws */
export function dataFilesOf(path: string): string[] {
  return read(path, (model) => [...externalData(model.graph).locations].map((location) => join(dirname(resolve(path)), location)));
}

/** The .onnx file of a model whose weights are all in one file beside it, for when that file gets another name. */
export function namingDataFile(path: string, dataPath: string): Iterable<Uint8Array> {
  return read(path, (model) => encodeModel(model, { externalStays: { location: basename(dataPath) } }).chunks);
}

function read<T>(path: string, use: (model: Model) => T): T {
  const folder = externalFilesIn(resolve(path));
  const source = openFileSource(path);
  try {
    return use(parseModel(source, folder));
  } finally {
    source.close();
    folder.close();
  }
}

interface ExternalData {
  bytes: number;
  readonly locations: Set<string>;
}

/** Weights may also sit in attributes, and those in the graphs of If, Loop and Scan. */
function externalData(graph: GraphData, found: ExternalData = { bytes: 0, locations: new Set() }): ExternalData {
  const add = ({ payload }: Tensor): void => {
    if (payload.kind !== 'external') return;
    found.bytes += payload.length;
    found.locations.add(payload.location);
  };
  for (const tensor of graph.initializers.values()) add(tensor);
  for (const node of graph.nodes) {
    for (const attribute of node.attributes.values()) {
      if (attribute.kind === 'tensor') add(attribute.value);
      else if (attribute.kind === 'tensors') attribute.value.forEach(add);
      else if (attribute.kind === 'graph') externalData(attribute.value, found);
      else if (attribute.kind === 'graphs') for (const inner of attribute.value) externalData(inner, found);
    }
  }
  return found;
}
