/** The address of a file's content. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { cancelled } from '../../base/errors.ts';
import { readingFailed } from './file-errors.ts';

/** SHA-256 of the file's bytes, or of those of several files one after the other, as 64 hex digits. @throws FILE_NOT_FOUND, FILE_UNREADABLE, CANCELLED */
export async function hashFile(paths: string | readonly string[], options: { readonly signal?: AbortSignal } = {}): Promise<string> {
  const hash = createHash('sha256');
  for (const path of typeof paths === 'string' ? [paths] : paths) {
    try {
      await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash, { ...options, end: false });
    } catch (error) {
      if (options.signal?.aborted) throw cancelled();
      throw readingFailed(path, error);
    }
  }
  return hash.digest('hex');
}
