/**
 * Model files by content: `models/<first two hex digits>/<sha256>.onnx`. A model that one file cannot hold has a folder instead,
 * `<sha256>/model.onnx` and `<sha256>/model.onnx.data`, and its digest is that of both, one after the other. A file or folder is complete
 * and synced before it gets that name, so whatever is found under it is whole.
 */
import { constants, existsSync } from 'node:fs';
import { copyFile, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EdgewiseError } from '../../base/errors.ts';
import { dataFileName, type NamedFile } from '../../engine/onnx/index.ts';
import { hashFile } from '../../runtime/files/hash-file.ts';

export interface ModelStore {
  /** The path of a digest's .onnx file, whether it is there or not. */
  pathOf(sha256: string): string;
  has(sha256: string): Promise<boolean>;
  /** Copies a file in. @returns its digest and size. @throws DISK_FULL, WRITE_FAILED */
  addFile(path: string): Promise<StoredFile>;
  /** Writes chunks in. */
  addChunks(chunks: Iterable<Uint8Array>): Promise<StoredFile>;
  /** Writes a model in, of one file or two: `files(name)` gives them, weights first. */
  addModel(files: (name: string) => readonly NamedFile[]): Promise<StoredFile>;
  remove(sha256: string): Promise<void>;
  /** Removes what no record needs and leftovers of writes that were cut short; answers the digests that are needed and missing. */
  sweep(needed: ReadonlySet<string>): Promise<{ readonly removed: number; readonly missing: string[] }>;
}

export interface StoredFile {
  readonly sha256: string;
  readonly bytes: number;
}

const ENTRY = /^([0-9a-f]{64})(?:\.onnx)?$/;
const MODEL = 'model.onnx';

export function createModelStore(folder: string, newId: () => string): ModelStore {
  const fileOf = (sha256: string): string => join(folder, sha256.slice(0, 2), `${sha256}.onnx`);
  const folderOf = (sha256: string): string => join(folder, sha256.slice(0, 2), sha256);
  const pathOf = (sha256: string): string => {
    const inFolder = join(folderOf(sha256), MODEL);
    return existsSync(inFolder) ? inFolder : fileOf(sha256);
  };

  /** @param write makes the file or folder of that name and answers its files, the model first */
  async function add(write: (temporary: string) => Promise<readonly string[]>): Promise<StoredFile> {
    await mkdir(folder, { recursive: true });
    const temporary = join(folder, `incoming-${newId()}.tmp`);
    try {
      const paths = await write(temporary);
      for (const path of paths) await sync(path);
      if (paths.length > 1) await sync(temporary);
      const sha256 = await hashFile(paths);
      let bytes = 0;
      for (const path of paths) bytes += (await stat(path)).size;
      const target = paths.length > 1 ? folderOf(sha256) : fileOf(sha256);
      await mkdir(dirname(target), { recursive: true });
      // A folder cannot take the name of another; what is there under a digest is the same.
      if (paths.length > 1 && existsSync(target)) await rm(temporary, { recursive: true });
      else await rename(temporary, target);
      await sync(dirname(target));
      await sync(folder);
      return { sha256, bytes };
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw writeError(error, folder);
    }
  }

  return {
    pathOf,
    has: (sha256) => stat(pathOf(sha256)).then((found) => found.isFile(), () => false),
    addFile: (path) =>
      add(async (temporary) => {
        await copyFile(path, temporary, constants.COPYFILE_FICLONE);
        return [temporary];
      }),
    addChunks: (chunks) =>
      add(async (temporary) => {
        await writeChunks(temporary, chunks);
        return [temporary];
      }),
    addModel: (files) =>
      add(async (temporary) => {
        const written = files(MODEL);
        const [only, ...others] = written;
        if (only && others.length === 0) {
          await writeChunks(temporary, only.chunks);
          return [temporary];
        }
        await mkdir(temporary);
        for (const { name, chunks } of written) await writeChunks(join(temporary, name), chunks);
        return [MODEL, dataFileName(MODEL)].map((name) => join(temporary, name));
      }),
    async remove(sha256) {
      await rm(fileOf(sha256), { force: true });
      await rm(folderOf(sha256), { recursive: true, force: true });
    },
    async sweep(needed) {
      const found = new Set<string>();
      let removed = 0;
      for (const entry of await readdir(folder, { withFileTypes: true })) {
        if (entry.name.endsWith('.tmp')) {
          await rm(join(folder, entry.name), { recursive: true, force: true });
          removed++;
        }
        if (!entry.isDirectory() || !/^[0-9a-f]{2}$/.test(entry.name)) continue;
        for (const name of await readdir(join(folder, entry.name))) {
          const sha256 = ENTRY.exec(name)?.[1];
          if (sha256 === undefined) continue;
          found.add(sha256);
          if (needed.has(sha256)) continue;
          await rm(join(folder, entry.name, name), { recursive: true, force: true });
          removed++;
        }
      }
      return { removed, missing: [...needed].filter((sha256) => !found.has(sha256)) };
    },
  };
}

async function writeChunks(path: string, chunks: Iterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx');
  try {
    for (const chunk of chunks) await file.writeFile(chunk);
  } finally {
    await file.close();
  }
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
