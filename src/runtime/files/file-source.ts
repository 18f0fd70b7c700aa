/** A file as random-access bytes. Nothing is read before it is asked for. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { EdgewiseError } from '../../base/errors.ts';
import type { ByteSource } from '../../base/ports.ts';
import { readingFailed } from './file-errors.ts';

export interface FileSource extends ByteSource {
  /** Ends the use of the file; views that were read stay valid. Idempotent. */
  close(): void;
}

/** One read call takes at most this; the operating system ends at 2 GiB. */
const MAX_READ = 2 ** 30;

/** @throws FILE_NOT_FOUND, FILE_UNREADABLE (folders, devices and pipes included) */
export function openFileSource(path: string): FileSource {
  let descriptor: number | null = null;
  let size: number;
  try {
    // Non-blocking: opening a pipe would otherwise wait for ever for somebody to write.
    descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) {
      throw new EdgewiseError('FILE_UNREADABLE', `"${path}" is no file: it is ${stats.isDirectory() ? 'a folder' : 'a device or a pipe'}.`, {
        hint: 'Choose a file.',
        details: { path },
      });
    }
    size = stats.size;
  } catch (error) {
    if (descriptor !== null) closeSync(descriptor);
    throw readingFailed(path, error);
  }
  return {
    size,
    read(offset, length) {
      if (descriptor === null) throw new Error(`"${path}" is closed`);
      const bytes = offset >= 0 && length >= 0 && offset + length <= size ? readExactly(descriptor, path, offset, length) : null;
      if (bytes === null) {
        throw new EdgewiseError('TRUNCATED', `"${path}" ends too early: bytes ${offset} to ${offset + length} were asked for and it has ${size}.`, {
          hint: 'Copy or download the file again; it was cut off or it changed while it was read.',
          details: { path, offset, length, size },
        });
      }
      return bytes;
    },
    close() {
      if (descriptor !== null) closeSync(descriptor);
      descriptor = null;
    },
  };
}

/** null when the file has become shorter. The buffer is the file's own, so 8-byte offsets in it stay aligned. */
export function readExactly(descriptor: number, path: string, offset: number, length: number): Uint8Array | null {
  const bytes = new Uint8Array(length);
  try {
    for (let done = 0; done < length; ) {
      const count = readSync(descriptor, bytes, done, Math.min(length - done, MAX_READ), offset + done);
      if (count === 0) return null;
      done += count;
    }
  } catch (error) {
    throw readingFailed(path, error);
  }
  return bytes;
}
