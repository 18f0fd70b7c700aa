/** Writing a finished model to where a person wants it: whole or not at all. */
import { constants, existsSync } from 'node:fs';
import { copyFile, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { EdgewiseError } from '../../base/errors.ts';
import { dataFileName } from '../../engine/onnx/index.ts';
import { namingDataFile } from './model-file.ts';

/**
 * Copies the model at `from` to `to` through temporary files in the same folder, synced before they take their names. Weights in a file
 * beside it come along as `<to>.data`, and take their name first: whoever finds a new model finds its weights.
 * @param from a model of Edgewise's own: its data file, if there is one, has its name and `.data`
 * @returns the path of the model and the bytes of all files
 * @throws CONFLICT where a file exists and `overwrite` is off; FILE_NOT_FOUND where its folder does not; DISK_FULL; WRITE_FAILED
 */
export async function copyOut(from: string, to: string, overwrite: boolean): Promise<{ path: string; bytes: number }> {
  const path = resolve(to);
  const folder = dirname(path);
  if (!existsSync(folder)) throw new EdgewiseError('FILE_NOT_FOUND', `There is no folder ${folder}.`, { hint: 'Make the folder first, or choose another.', details: { path } });
  const copies = copiesOf(from, path);
  for (const { target } of copies) await refuseTaken(target, overwrite);
  try {
    let bytes = 0;
    for (const { temporary, write } of copies) {
      await write(temporary);
      const file = await open(temporary, 'r+');
      try {
        await file.sync();
        bytes += (await file.stat()).size;
      } finally {
        await file.close();
      }
    }
    for (const { target, temporary } of copies) await rename(temporary, target);
    await syncFolder(folder);
    return { path, bytes };
  } catch (error) {
    for (const { temporary } of copies) await rm(temporary, { force: true });
    const code = (error as NodeJS.ErrnoException).code;
    if (error instanceof EdgewiseError) throw error;
    if (code === 'ENOSPC' || code === 'EDQUOT') throw new EdgewiseError('DISK_FULL', `There is no room left for ${path}.`, { hint: 'Free some space, or choose another disk.', cause: error });
    throw new EdgewiseError('WRITE_FAILED', `${path} could not be written: ${(error as Error).message}.`, { hint: 'Check the permissions of the folder.', cause: error });
  }
}

interface Copy {
  readonly target: string;
  readonly temporary: string;
  readonly write: (temporary: string) => Promise<void>;
}

/** In the order in which they take their names. */
function copiesOf(from: string, path: string): readonly Copy[] {
  const copy = (target: string, write: Copy['write']): Copy => ({ target, temporary: join(dirname(target), `.${basename(target).slice(0, 200)}.${process.pid}.tmp`), write });
  const data = dataFileName(from);
  if (!existsSync(data)) return [copy(path, (temporary) => copyFile(from, temporary, constants.COPYFILE_FICLONE))];
  const dataPath = dataFileName(path);
  return [
    copy(dataPath, (temporary) => copyFile(data, temporary, constants.COPYFILE_FICLONE)),
    copy(path, (temporary) => writeFile(temporary, namingDataFile(from, dataPath))),
  ];
}

async function refuseTaken(path: string, overwrite: boolean): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) throw new EdgewiseError('CONFLICT', `${path} is a folder.`, { hint: 'Name a file in it.', details: { path } });
  if (found && !overwrite) throw new EdgewiseError('CONFLICT', `There is a file at ${path} already.`, { hint: 'Choose another name, or allow it to be replaced.', details: { path } });
}

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
