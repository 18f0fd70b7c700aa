/** The device's folder. A port, so that tests can cut the power between any two of its operations; here, the real one. */
import { mkdir, open, readFile, readdir, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readingFailed, writingFailed } from '../../../runtime/files/file-errors.ts';
import { syncFolder, writeFileAtomically } from '../../../runtime/files/write-file.ts';

/** Paths are relative to the device's folder, with `/`. Nothing is sure to be on the disk before `sync`, but for `writeAtomically`. */
export interface InstallDisk {
  /** For programs that open files by path. */
  absolute(path: string): string;
  /** null: not there. */
  readText(path: string): Promise<string | null>;
  /** The old content or the new one, never a mixture; on the disk when it answers. */
  writeAtomically(path: string, text: string): Promise<void>;
  /** Bytes; null: not there. */
  size(path: string): Promise<number | null>;
  /** Fewer bytes where the file ends. */
  read(path: string, offset: number, length: number): Promise<Uint8Array>;
  /** Makes the file where it is not there. */
  writeAt(path: string, offset: number, bytes: Uint8Array): Promise<void>;
  truncate(path: string, length: number): Promise<void>;
  /** Content and name of a file. */
  sync(path: string): Promise<void>;
  makeFolder(path: string): Promise<void>;
  /** Names; empty where there is no such folder. */
  list(folder: string): Promise<readonly string[]>;
  /** A file or a folder with all in it. */
  remove(path: string): Promise<void>;
  /** What an unprivileged process may still write, bytes. */
  freeBytes(): Promise<number>;
}

/** @throws every operation: DISK_FULL, WRITE_FAILED or FILE_UNREADABLE */
export function nodeDisk(root: string): InstallDisk {
  const at = (path: string): string => join(root, path);
  async function writing<T>(path: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw writingFailed(at(path), error);
    }
  }
  async function reading<T>(path: string, absent: T, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      const failure = readingFailed(at(path), error);
      if (failure.code === 'FILE_NOT_FOUND') return absent;
      throw failure;
    }
  }
  async function opened<T>(path: string, flags: string, use: (handle: Awaited<ReturnType<typeof open>>) => Promise<T>): Promise<T> {
    const handle = await open(at(path), flags);
    try {
      return await use(handle);
    } finally {
      await handle.close();
    }
  }

  return {
    absolute: at,
    readText: (path) => reading<string | null>(path, null, () => readFile(at(path), 'utf8')),
    writeAtomically: (path, text) => writeFileAtomically(at(path), [Buffer.from(text)], { mode: 0o600 }),
    size: (path) => reading<number | null>(path, null, async () => (await stat(at(path))).size),
    read: (path, offset, length) =>
      reading(path, new Uint8Array(0), () =>
        opened(path, 'r', async (handle) => {
          const bytes = new Uint8Array(length);
          let done = 0;
          for (let count = -1; done < length && count !== 0; done += count) ({ bytesRead: count } = await handle.read(bytes, done, length - done, offset + done));
          return bytes.subarray(0, done);
        }),
      ),
    writeAt: (path, offset, bytes) =>
      writing(path, async () => {
        const write = (flags: string): Promise<void> =>
          opened(path, flags, async (handle) => {
            for (let done = 0; done < bytes.length; ) done += (await handle.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
          });
        await write('r+').catch((error: unknown) => ((error as NodeJS.ErrnoException).code === 'ENOENT' ? write('w') : Promise.reject(error)));
      }),
    truncate: (path, length) => writing(path, () => opened(path, 'r+', (handle) => handle.truncate(length))),
    sync: (path) =>
      writing(path, async () => {
        await opened(path, 'r+', (handle) => handle.sync());
        await syncFolder(dirname(at(path)));
      }),
    makeFolder: (path) =>
      writing(path, async () => {
        await mkdir(at(path), { recursive: true });
        await syncFolder(dirname(at(path)));
      }),
    list: (folder) => reading<readonly string[]>(folder, [], () => readdir(at(folder))),
    remove: (path) => writing(path, () => rm(at(path), { recursive: true, force: true })),
    freeBytes: async () => {
      const { bavail, bsize } = await statfs(root);
      return bavail * bsize;
    },
  };
}
