/** One face for every kind of data set: how many samples, their labels, and a sample prepared for a model. */
import { existsSync, statSync } from 'node:fs';
import { extname } from 'node:path';
import { EdgewiseError } from '../../base/errors.ts';
import { openCsv } from './csv.ts';
import { readingFailed } from '../files/file-errors.ts';
import type { Dataset, DatasetOptions } from './types.ts';
import { openIdx } from './idx.ts';
import { openNpy, openNpz } from './npy.ts';
import { openPictures } from './pictures.ts';

/**
 * Opens a data set without decoding its samples.
 * @throws FILE_NOT_FOUND, FILE_UNREADABLE, BAD_DATASET, BAD_LABELS
 */
export async function openDataset(path: string, options: DatasetOptions = {}): Promise<Dataset> {
  if (!existsSync(path)) {
    throw new EdgewiseError('FILE_NOT_FOUND', `There is no data set at "${path}".`, { hint: 'Check the path. A data set is a folder of pictures, or an IDX, NPY, NPZ or CSV file.', details: { path } });
  }
  if (options.labelsPath !== undefined && !existsSync(options.labelsPath)) {
    throw new EdgewiseError('FILE_NOT_FOUND', `There is no label file at "${options.labelsPath}".`, { hint: 'Check the path of the label file.', details: { path: options.labelsPath } });
  }
  try {
    return await openByKind(path, options);
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? readingFailed(path, error) : error;
  }
}

async function openByKind(path: string, options: DatasetOptions): Promise<Dataset> {
  if (statSync(path).isDirectory()) return openPictures(path, options);
  const name = path.toLowerCase();
  if (/idx\d?-ubyte(\.gz)?$|\.idx(\.gz)?$|ubyte\.gz$/u.test(name)) return openIdx(path, options);
  if (name.endsWith('.npy')) return openNpy(path, options);
  if (name.endsWith('.npz')) return openNpz(path, options);
  if (/\.(csv|tsv|txt|tes|tra|data)$/u.test(name)) return openCsv(path, options);
  throw new EdgewiseError('BAD_DATASET', `"${path}" is no data set that Edgewise reads (${extname(path) || 'no extension'}).`, {
    hint: 'Choose a folder of PNG or JPEG pictures, an IDX (also .gz), NPY, NPZ or CSV file.',
    details: { path },
  });
}

