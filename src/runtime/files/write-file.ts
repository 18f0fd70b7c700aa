/**
 * Files that are there whole or not at all: a temporary file in the same folder is written and synced, then takes the name in one step,
 * and the folder is synced, so that neither a crash nor a power cut leaves half a file under the name.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { throwIfAborted } from '../../base/errors.ts';
import { writingFailed } from './file-errors.ts';

export interface WriteOptions {
  readonly signal?: AbortSignal;
  /** Permission bits of a new file; default 0o644 less the process's mask. */
  readonly mode?: number;
}

/** What goes into one call: enough to make calls cheap, and far below the 1,024 pieces that systems take. */
const BATCH_PIECES = 256;
const BATCH_BYTES = 32 * 2 ** 20;
const MAX_PIECE = 256 * 2 ** 20;

/**
 * Writes the chunks as `path`, in place of what was there. On any failure the old file is unchanged and nothing is left behind.
 * Errors of the chunks themselves come through as they are.
 * @throws DISK_FULL, WRITE_FAILED, CANCELLED
 */
export async function writeFileAtomically(path: string, chunks: Iterable<Uint8Array>, options: WriteOptions = {}): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path).slice(0, 100)}.${randomBytes(6).toString('hex')}.tmp`);
  throwIfAborted(options.signal);
  let handle: FileHandle;
  try {
    handle = await open(temporary, 'wx', options.mode ?? 0o644);
  } catch (error) {
    throw writingFailed(path, error);
  }
  try {
    try {
      for (const batch of batches(chunks)) {
        throwIfAborted(options.signal);
        await attempt(path, () => writeAll(handle, batch));
      }
      await attempt(path, () => handle.sync());
    } finally {
      await handle.close();
    }
    throwIfAborted(options.signal);
    await attempt(path, () => rename(temporary, path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await attempt(path, () => syncFolder(folder));
}

/**
 * Writes the chunks over what `path` holds, for a file that is worth nothing after a crash: nothing waits for the disk, and pages of the old
 * content that the system still holds in memory are used again, which makes it several times faster.
 * @throws DISK_FULL, WRITE_FAILED
 */
export async function writeScratchFile(path: string, chunks: Iterable<Uint8Array>): Promise<void> {
  await attempt(path, async () => {
    const handle = await open(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
    try {
      let bytes = 0;
      for (const batch of batches(chunks)) {
        await writeAll(handle, batch);
        for (const piece of batch) bytes += piece.length;
      }
      await handle.truncate(bytes);
    } finally {
      await handle.close();
    }
  });
}

async function attempt(path: string, action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    throw writingFailed(path, error);
  }
}

function* batches(chunks: Iterable<Uint8Array>): Generator<Uint8Array[]> {
  let batch: Uint8Array[] = [];
  let bytes = 0;
  for (const chunk of chunks) {
    for (let start = 0; start < chunk.length; start += MAX_PIECE) {
      const piece = chunk.subarray(start, start + MAX_PIECE);
      batch.push(piece);
      bytes += piece.length;
      if (batch.length >= BATCH_PIECES || bytes >= BATCH_BYTES) {
        yield batch;
        batch = [];
        bytes = 0;
      }
    }
  }
  if (batch.length > 0) yield batch;
}

/** A call may write less than it was given. */
async function writeAll(handle: FileHandle, batch: Uint8Array[]): Promise<void> {
  let pending = batch;
  while (pending.length > 0) {
    let { bytesWritten } = await handle.writev(pending);
    const left: Uint8Array[] = [];
    for (const piece of pending) {
      if (bytesWritten >= piece.length) bytesWritten -= piece.length;
      else {
        left.push(piece.subarray(bytesWritten));
        bytesWritten = 0;
      }
    }
    pending = left;
  }
}

/** Makes the new name itself last. Windows has no such call and refuses to open a folder. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
