/**
 * Model files by content: `models/<first two hex digits>/<sha256>.onnx`. A file is complete and synced before it gets that name,
 * so whatever is found under it is whole.
 */
import { constants } from 'node:fs';
import { copyFile, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EdgewiseError } from '../../base/errors.ts';
import { hashFile } from '../../runtime/files/hash-file.ts';

export interface ModelStore {
  /** The path of a digest's file, whether it is there or not. */
  pathOf(sha256: string): string;
  has(sha256: string): Promise<boolean>;
  /** Copies a file in. @returns its digest and size. @throws DISK_FULL, WRITE_FAILED */
  addFile(path: string): Promise<StoredFile>;
  /** Writes chunks in. */
  addChunks(chunks: Iterable<Uint8Array>): Promise<StoredFile>;
  remove(sha256: string): Promise<void>;
  /** Removes what no record needs and leftovers of writes that were cut short; answers the digests that are needed and missing. */
  sweep(needed: ReadonlySet<string>): Promise<{ readonly removed: number; readonly missing: string[] }>;
}

export interface StoredFile {
  readonly sha256: string;
  readonly bytes: number;
}

const FILE = /^([0-9a-f]{64})\.onnx$/;

export function createModelStore(folder: string, newId: () => string): ModelStore {
  const pathOf = (sha256: string): string => join(folder, sha256.slice(0, 2), `${sha256}.onnx`);

  async function add(write: (temporary: string) => Promise<void>): Promise<StoredFile> {
    await mkdir(folder, { recursive: true });
    const temporary = join(folder, `incoming-${newId()}.tmp`);
    try {
      await write(temporary);
      await sync(temporary);
      const sha256 = await hashFile(temporary);
      const { size } = await stat(temporary);
      const target = pathOf(sha256);
      await mkdir(dirname(target), { recursive: true });
      await rename(temporary, target);
      await sync(dirname(target));
      await sync(folder);
      return { sha256, bytes: size };
    } catch (error) {
      await rm(temporary, { force: true });
      throw writeError(error, folder);
    }
  }

  return {
    pathOf,
    has: (sha256) => stat(pathOf(sha256)).then((found) => found.isFile(), () => false),
    addFile: (path) => add((temporary) => copyFile(path, temporary, constants.COPYFILE_FICLONE)),
    addChunks: (chunks) =>
      add(async (temporary) => {
        const file = await open(temporary, 'wx');
        try {
          for (const chunk of chunks) await file.writeFile(chunk);
        } finally {
          await file.close();
        }
      }),
    async remove(sha256) {
      await rm(pathOf(sha256), { force: true });
    },
    async sweep(needed) {
      const found = new Set<string>();
      let removed = 0;
      for (const entry of await readdir(folder, { withFileTypes: true })) {
        if (entry.isFile() && entry.name.endsWith('.tmp')) {
          await rm(join(folder, entry.name), { force: true });
          removed++;
        }
        if (!entry.isDirectory() || !/^[0-9a-f]{2}$/.test(entry.name)) continue;
        for (const name of await readdir(join(folder, entry.name))) {
          const sha256 = FILE.exec(name)?.[1];
          if (sha256 === undefined) continue;
          found.add(sha256);
          if (needed.has(sha256)) continue;
          await rm(join(folder, entry.name, name), { force: true });
          removed++;
        }
      }
      return { removed, missing: [...needed].filter((sha256) => !found.has(sha256)) };
    },
  };
}

async function sync(path: string): Promise<void> {
  if (process.platform === 'win32' && !path.includes('.')) return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function writeError(error: unknown, folder: string): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (error instanceof EdgewiseError || code === undefined) return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new EdgewiseError('DISK_FULL', `There is no room left for a model in ${folder}.`, { hint: 'Delete models that are no longer needed, or free space on the disk.', cause: error });
  }
  if (code === 'ENOENT' || code === 'EISDIR') return error;
  return new EdgewiseError('WRITE_FAILED', `A model could not be written to ${folder}: ${(error as Error).message}.`, { hint: 'Check the permissions of the data folder.', cause: error });
}
