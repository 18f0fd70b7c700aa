/**
 * The files that a model names as external data. A model is written by a stranger, so a name in it may reach nothing but plain files in
 * the model's own folder: no way up, no links of any kind (a hard link to a private file looks like a plain file but has two names),
 * no pipes that never end.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, realpathSync, type Stats } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { EdgewiseError } from '../../base/errors.ts';
import type { ByteSource, ExternalFiles } from '../../base/ports.ts';
import { readingFailed } from './file-errors.ts';
import { readExactly } from './file-source.ts';

export interface ModelFolder extends ExternalFiles {
  /** Closes every file; sources that were opened cannot be read afterwards. Idempotent. */
  close(): void;
}

/** Old exporters write one file per tensor: more stay named than stay open. */
const MAX_OPEN_FILES = 64;

/** @param modelPath the .onnx file; external data is looked for in its folder and below */
export function externalFilesIn(modelPath: string): ModelFolder {
  let root: string | null = null;
  const open = new Map<string, { readonly descriptor: number; readonly size: number }>();

  const file = (location: string): { readonly descriptor: number; readonly size: number } => {
    const known = open.get(location);
    if (known) return known;
    root ??= folderOf(modelPath);
    const opened = openInside(root, location);
    const oldest = open.size >= MAX_OPEN_FILES ? [...open][0] : undefined;
    if (oldest) {
      closeSync(oldest[1].descriptor);
      open.delete(oldest[0]);
    }
    open.set(location, opened);
    return opened;
  };

  return {
    open(location): ByteSource {
      const { size } = file(location);
      return {
        size,
        read(offset, length) {
          const inside = offset >= 0 && length >= 0 && Number.isSafeInteger(offset + length) && offset + length <= size;
          const bytes = inside ? readExactly(file(location).descriptor, location, offset, length) : null;
          if (bytes === null) {
            throw bad(location, `ends too early: bytes ${offset} to ${offset + length} were asked for and it has ${size}`, { offset, length, size });
          }
          return bytes;
        },
      };
    },
    close() {
      for (const { descriptor } of open.values()) closeSync(descriptor);
      open.clear();
    },
  };
}

function folderOf(modelPath: string): string {
  try {
    return realpathSync(dirname(resolve(modelPath)));
  } catch (error) {
    throw readingFailed(modelPath, error);
  }
}

function openInside(root: string, location: string): { descriptor: number; size: number } {
  const path = join(root, ...segmentsOf(location));
  const before = inspect(root, path, location);
  let descriptor: number;
  try {
    // Non-blocking, so that a pipe put there in the meantime cannot hold the program up.
    descriptor = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    throw bad(location, 'cannot be opened', {}, error);
  }
  try {
    const stats = fstatSync(descriptor);
    refuseUnlessPlain(stats, location);
    if (stats.ino !== before.ino || stats.dev !== before.dev || realpathSync(path) !== path) throw forbidden(location, 'changed while it was opened');
    return { descriptor, size: stats.size };
  } catch (error) {
    closeSync(descriptor);
    throw error instanceof EdgewiseError ? error : bad(location, 'cannot be opened', {}, error);
  }
}

/** The steps of a location below the folder. @throws EXTERNAL_FORBIDDEN on every name that could mean another place */
function segmentsOf(location: string): string[] {
  if (location.trim() === '') throw bad(location, 'has no name');
  // oxlint-disable-next-line no-control-regex -- these are what is refused
  if (/[\u0000-\u001f\u007f]/.test(location)) throw forbidden(location, 'has control characters in its name');
  if (location.includes('_ORT_MEM_ADDR_')) throw forbidden(location, 'is an address in memory, which a file must not name');
  if (location.includes('\\') || /^[A-Za-z]:/.test(location)) throw forbidden(location, 'is a path of another system');
  if (location.startsWith('/')) throw forbidden(location, 'is an absolute path');
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(location)) throw forbidden(location, 'is an address on a network');
  const segments = location.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..')) throw forbidden(location, 'leads out of the folder of the model');
  if (segments.length === 0 || location.endsWith('/')) throw forbidden(location, 'is a folder');
  return segments;
}

/** Looks at every step without following it. */
function inspect(root: string, path: string, location: string): Stats {
  const steps = path.slice(root.endsWith(sep) ? root.length : root.length + 1).split(sep);
  let current = root;
  for (const [index, step] of steps.entries()) {
    current = join(current, step);
    let stats: Stats;
    try {
      stats = lstatSync(current);
    } catch (error) {
      throw bad(location, 'is not there', {}, error);
    }
    if (stats.isSymbolicLink()) throw forbidden(location, index === steps.length - 1 ? 'is a link' : 'is in a linked folder');
    if (index === steps.length - 1) {
      refuseUnlessPlain(stats, location);
      return stats;
    }
    if (!stats.isDirectory()) throw bad(location, 'is not there');
  }
  throw forbidden(location, 'is a folder');
}

function refuseUnlessPlain(stats: Stats, location: string): void {
  if (stats.isDirectory()) throw forbidden(location, 'is a folder');
  if (!stats.isFile()) throw forbidden(location, 'is a pipe, a socket or a device');
  if (stats.nlink > 1) throw forbidden(location, 'is a hard link: the same file has another name elsewhere');
  if (stats.size === 0) throw bad(location, 'is empty');
}

function shown(location: string): string {
  // oxlint-disable-next-line no-control-regex -- a message must not carry them
  const plain = location.replace(/[\u0000-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g, '?');
  return plain.length <= 120 ? plain : `${plain.slice(0, 117)}...`;
}

function forbidden(location: string, what: string): EdgewiseError {
  return new EdgewiseError('EXTERNAL_FORBIDDEN', `The model names "${shown(location)}" as its data file, which is refused: it ${what}.`, {
    hint: 'Data files must be plain files in the folder of the model. Copy the data file there, or export the model again.',
    details: { location: shown(location) },
  });
}

function bad(location: string, what: string, details: Readonly<Record<string, unknown>> = {}, cause?: unknown): EdgewiseError {
  return new EdgewiseError('EXTERNAL_BAD', `The data file "${shown(location)}" that the model names ${what}.`, {
    hint: 'Keep the .onnx file together with its data files, and copy or download all of them again.',
    details: { location: shown(location), ...details },
    ...(cause === undefined ? {} : { cause }),
  });
}
