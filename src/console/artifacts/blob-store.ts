/** Blobs by their own SHA-256: `<first two digits>/<sha256>`, whole as soon as they have that name. Which of them are served is not decided here. */
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { OpenBlob } from '../../fleet/link/http/ports.ts';
import { syncFolder, writeFileAtomically } from '../../runtime/files/write-file.ts';

export interface BlobStore {
  /** Nothing is written where it is there already. @throws DISK_FULL, WRITE_FAILED */
  add(sha256: string, bytes: Uint8Array): Promise<void>;
  /** null: it is not there. */
  open(sha256: string): Promise<OpenBlob | null>;
  /** null: it is not there. */
  read(sha256: string): Promise<Uint8Array | null>;
  /** Removes what nobody needs, and leftovers of writes that were cut short. */
  sweep(needed: ReadonlySet<string>): Promise<void>;
}

export function createBlobStore(folder: string): BlobStore {
  const pathOf = (sha256: string): string => join(folder, sha256.slice(0, 2), sha256);
  return {
    async add(sha256, bytes) {
      const path = pathOf(sha256);
      // Its name may be newer than the last time that the disk was told of it.
      if (existsSync(path)) return syncFolder(dirname(path));
      const made = await mkdir(dirname(path), { recursive: true });
      if (made !== undefined) {
        await syncFolder(folder);
        await syncFolder(dirname(made));
      }
      await writeFileAtomically(path, [bytes]);
    },
    async open(sha256) {
      const file = await open(pathOf(sha256), 'r').catch(absent);
      if (file === null) return null;
      try {
        const { size } = await file.stat();
        return {
          length: size,
          async read(offset, length) {
            const bytes = Buffer.alloc(length);
            for (let filled = 0; filled < length; ) {
              const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
              if (bytesRead === 0) throw new Error(`the blob ${sha256} ends too early`);
              filled += bytesRead;
            }
            return bytes;
          },
          close: () => file.close(),
        };
      } catch (error) {
        await file.close();
        throw error;
      }
    },
    read: (sha256) => readFile(pathOf(sha256)).catch(absent),
    async sweep(needed) {
      for (const group of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
        if (!group.isDirectory()) continue;
        for (const name of await readdir(join(folder, group.name))) if (!needed.has(name)) await rm(join(folder, group.name, name), { force: true });
      }
    },
  };
}

function absent(error: unknown): null {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
  throw error;
}
