/** Writing a finished file to where a person wants it: whole or not at all. */
import { constants, existsSync } from 'node:fs';
import { copyFile, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { EdgewiseError } from '../../base/errors.ts';

/**
 * Copies `from` to `to` through a temporary file in the same folder, synced before it takes its name.
 * @throws CONFLICT where `to` exists and `overwrite` is off; FILE_NOT_FOUND where its folder does not; DISK_FULL; WRITE_FAILED
 */
export async function copyOut(from: string, to: string, overwrite: boolean): Promise<{ path: string; bytes: number }> {
  const path = resolve(to);
  const folder = dirname(path);
  if (!existsSync(folder)) throw new EdgewiseError('FILE_NOT_FOUND', `There is no folder ${folder}.`, { hint: 'Make the folder first, or choose another.', details: { path } });
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) throw new EdgewiseError('CONFLICT', `${path} is a folder.`, { hint: 'Name a file in it.', details: { path } });
  if (found && !overwrite) throw new EdgewiseError('CONFLICT', `There is a file at ${path} already.`, { hint: 'Choose another name, or allow it to be replaced.', details: { path } });
  const temporary = join(folder, `.${basename(path)}.${process.pid}.tmp`);
  try {
    await copyFile(from, temporary, constants.COPYFILE_FICLONE);
    const file = await open(temporary, 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(folder);
    return { path, bytes: (await stat(path)).size };
  } catch (error) {
    await rm(temporary, { force: true });
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOSPC' || code === 'EDQUOT') throw new EdgewiseError('DISK_FULL', `There is no room left for ${path}.`, { hint: 'Free some space, or choose another disk.', cause: error });
    throw new EdgewiseError('WRITE_FAILED', `${path} could not be written: ${(error as Error).message}.`, { hint: 'Check the permissions of the folder.', cause: error });
  }
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
