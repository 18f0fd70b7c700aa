/**
 * IDX files (the format of MNIST): two zero bytes, a type byte, the number of dimensions, each dimension as a big-endian 32-bit
 * number, then the elements. Only unsigned bytes are used for pictures. Plain files are read by ranges, .gz files once, and no further than
 * their header says.
 */
import { createReadStream, existsSync } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { EdgewiseError } from '../../base/errors.ts';
import type { Dataset, DatasetOptions } from './types.ts';
import { labelsInOrder, numberedClasses } from './labels.ts';
import { preparePicture } from './prepare.ts';

const UNSIGNED_BYTE = 8;
const MAX_UNPACKED_BYTES = 2 ** 30;
const MAX_HEADER_BYTES = 20;

interface Bytes {
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** @throws BAD_DATASET, BAD_LABELS */
export async function openIdx(path: string, options: DatasetOptions): Promise<Dataset> {
  const { labelsPath } = options;
  const bytes = await openBytes(path);
  try {
    const { dims, start } = await header(path, bytes);
    const [count = 0, height = 1, width = 1] = dims;
    if (dims.length < 2 || dims.length > 3) throw bad(path, `has ${dims.length} dimension${dims.length === 1 ? '' : 's'}; pictures have 3 (count, height, width)`);
    const labels = labelsPath !== undefined && !/ubyte|\.idx/u.test(basename(labelsPath)) ? labelsInOrder(labelsPath, count) : await labelsBeside(path, labelsPath, count);
    const size = height * width;
    const picture = dims.length === 3 ? ({ width, height, channels: 1 } as const) : ({ width: height, height: 1, channels: 1 } as const);
    return {
      facts: {
        path,
        kind: 'idx',
        samples: count,
        classes: numberedClasses(labelsPath ?? path, labels),
        labelled: labels !== undefined,
        sampleShape: dims.length === 3 ? [height, width, 1] : [height],
        warnings: [],
      },
      label: (index) => labels?.[index],
      load: async (index, preprocess) => preparePicture({ ...picture, pixels: await bytes.read(start + index * size, size) }, preprocess ?? {}),
      close: () => bytes.close(),
    };
  } catch (error) {
    await bytes.close();
    throw error;
  }
}

async function openBytes(path: string): Promise<Bytes> {
  if (path.endsWith('.gz')) {
    const unpacked = await unpack(path);
    return { size: unpacked.length, read: async (offset, length) => unpacked.subarray(offset, offset + length), close: async () => {} };
  }
  const file: FileHandle = await open(path, 'r');
  const { size } = await stat(path);
  return {
    size,
    async read(offset, length) {
      const buffer = new Uint8Array(length);
      const { bytesRead } = await file.read(buffer, 0, length, offset);
      return buffer.subarray(0, bytesRead);
    },
    close: () => file.close(),
  };
}

/** What the header asks for and not a byte more, so that a bomb ends as soon as it is one. */
async function unpack(path: string): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  let wanted = MAX_UNPACKED_BYTES;
  try {
    await pipeline(createReadStream(path), createGunzip(), async (unpacked: AsyncIterable<Buffer>) => {
      for await (const chunk of unpacked) {
        if (size === 0) wanted = Math.min(MAX_UNPACKED_BYTES, wantedBytes(chunk) ?? MAX_HEADER_BYTES);
        chunks.push(chunk);
        size += chunk.length;
        if (size >= wanted) return;
      }
    });
  } catch (error) {
    // Leaving early counts as an abort.
    if (size < wanted) throw bad(path, `cannot be unpacked (${error instanceof Error ? error.message : 'damaged'})`, error);
  }
  return Buffer.concat(chunks).subarray(0, wanted);
}

/** Length of the whole file by its header; undefined where that is none. */
function wantedBytes(start: Buffer): number | undefined {
  const rank = start[3] ?? 0;
  if (start.length < 4 + 4 * rank || rank > 4) return undefined;
  return Array.from({ length: rank }, (_, i) => start.readUInt32BE(4 + 4 * i)).reduce((a, b) => a * b, 1) + 4 + 4 * rank;
}

async function header(path: string, bytes: Bytes): Promise<{ dims: number[]; start: number }> {
  const magic = await bytes.read(0, 4);
  const [zero, alsoZero, type, rank] = magic;
  if (magic.length < 4 || zero !== 0 || alsoZero !== 0 || rank === undefined || rank < 1 || rank > 4) throw bad(path, 'is no IDX file: its first bytes are wrong');
  if (type !== UNSIGNED_BYTE) throw bad(path, `holds elements of type ${type}; only unsigned bytes (8) are read`);
  const view = await bytes.read(4, 4 * rank);
  if (view.length < 4 * rank) throw bad(path, 'ends within its header');
  const data = new DataView(view.buffer, view.byteOffset, view.byteLength);
  const dims = Array.from({ length: rank }, (_, i) => data.getUint32(4 * i));
  const start = 4 + 4 * rank;
  const wanted = start + dims.reduce((a, b) => a * b, 1);
  if (dims.some((dim) => dim === 0)) throw bad(path, 'says that it holds nothing');
  if (bytes.size < wanted) throw bad(path, `says that it holds ${dims.join(' x ')} bytes, but ends after ${bytes.size} bytes of ${wanted}`);
  return { dims, start };
}

/** The usual pair: `...images-idx3-ubyte` and `...labels-idx1-ubyte` in one folder. */
async function labelsBeside(path: string, given: string | undefined, count: number): Promise<Uint8Array | undefined> {
  const name = basename(path);
  const folder = path.slice(0, path.length - name.length);
  const candidates = [name.replace('images', 'labels').replace('idx3', 'idx1')].flatMap((other) => [other, other.replace(/\.gz$/u, ''), `${other}.gz`]).filter((other) => other !== name);
  const found = given ?? candidates.map((other) => folder + other).find((other) => existsSync(other));
  if (found === undefined) return undefined;
  const bytes = await openBytes(found);
  try {
    const { dims, start } = await header(found, bytes);
    if (dims.length !== 1 || dims[0] !== count) {
      throw new EdgewiseError('BAD_LABELS', `"${found}" has ${dims.join(' x ')} labels, but there are ${count} pictures.`, { hint: 'Choose the label file that belongs to the pictures.', details: { path: found } });
    }
    return await bytes.read(start, count);
  } finally {
    await bytes.close();
  }
}

function bad(path: string, what: string, cause?: unknown): EdgewiseError {
  return new EdgewiseError('BAD_DATASET', `"${path}" ${what}.`, { hint: 'Download or export the file again.', details: { path }, ...(cause === undefined ? {} : { cause }) });
}
