/**
 * A model as files: one, as long as protobuf can hold it, else (or where that is wanted) the model and its weights in a file beside it.
 */
import type { Workspace } from '../../base/ports.ts';
import type { Model } from './types.ts';
import { encodeModel, MAX_MODEL_BYTES, type FileEncoding } from './writer.ts';

export interface NamedFile extends FileEncoding {
  readonly name: string;
}

export interface ModelFilesOptions {
  /** Weights go beside the model however small it is. */
  readonly externalData?: boolean;
  /** Bytes above which one file becomes two; tests set it lower. */
  readonly fileBytes?: number;
}

/** Smaller tensors stay in the model: shapes and axes are needed before any data file is opened. The onnx package does the same. */
const EXTERNAL_BYTES = 1024;

/** The files in the order in which to write them: weights first, so that whoever finds the model finds them. @throws TOO_LARGE */
export function modelFiles(model: Model, name: string, { externalData = false, fileBytes = MAX_MODEL_BYTES }: ModelFilesOptions = {}): readonly NamedFile[] {
  const { external, byteLength, chunks } = encodeModel(model, { externalTensors: { location: dataFileName(name), threshold: EXTERNAL_BYTES, above: externalData ? 0 : fileBytes } });
  const file = { name, byteLength, chunks };
  return external ? [{ name: external.location, byteLength: external.byteLength, chunks: external.chunks }, file] : [file];
}

/** Where the weights of a model of this name are, if they are beside it. */
export function dataFileName(name: string): string {
  return `${name}.data`;
}

export interface SavedModel {
  /** The .onnx file. */
  readonly path: string;
  /** All files, the model first. */
  readonly paths: readonly string[];
  /** Bytes of all files. */
  readonly bytes: number;
}

export interface SaveOptions extends ModelFilesOptions {
  /** Nobody reads the files after a crash. */
  readonly scratch?: boolean;
}

/** Writes a model to the workspace. @throws TOO_LARGE, and whatever writing throws */
export async function saveModel(workspace: Workspace, name: string, model: Model, { scratch = false, ...options }: SaveOptions = {}): Promise<SavedModel> {
  const paths: string[] = [];
  let bytes = 0;
  for (const file of modelFiles(model, name, options)) {
    paths.unshift(await workspace.write(file.name, file.chunks, { scratch }));
    bytes += file.byteLength;
  }
  return { path: paths[0] as string, paths, bytes };
}

/** Bytes of all files that `saveModel` would write. */
export function modelByteLength(model: Model): number {
  return modelFiles(model, '').reduce((sum, file) => sum + file.byteLength, 0);
}
