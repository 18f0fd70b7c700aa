/**
 * NumPy arrays (NEP 1): NPY holds one array, NPZ is a zip of them. The first axis counts samples. In an NPZ the samples are `x` (or
 * `x_test`, `images`, `data`, else the first array of rank above 1) and the labels `y` (or `y_test`, `labels`, `targets`).
 */
import { open, readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import { EdgewiseError } from '../../base/errors.ts';
import type { Dataset, DatasetOptions } from './types.ts';
import { labelsInOrder, numberedClasses } from './labels.ts';
import { prepareNumbers, preparePicture } from './prepare.ts';

const MAX_HEADER_BYTES = 64 * 1024;
const MAX_ZIP_BYTES = 2 ** 30;
const MAX_RANK = 8;
/** Kind and bytes of the elements that are read. */
const ELEMENTS = new Set(['f4', 'f8', 'u1', 'u2', 'u4', 'u8', 'i1', 'i2', 'i4', 'i8', 'b1']);

interface ArrayHeader {
  readonly kind: 'u' | 'i' | 'f' | 'b';
  readonly bytes: number;
  readonly dims: readonly number[];
  /** Where the elements begin. */
  readonly start: number;
}

interface ArrayReader {
  readonly header: ArrayHeader;
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** One array file; read by ranges. @throws BAD_DATASET, BAD_LABELS */
export async function openNpy(path: string, options: DatasetOptions): Promise<Dataset> {
  const file = await open(path, 'r');
  const { size } = await stat(path);
  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    const buffer = new Uint8Array(length);
    const { bytesRead } = await file.read(buffer, 0, length, offset);
    return buffer.subarray(0, bytesRead);
  };
  try {
    const header = parseHeader(path, await read(0, Math.min(size, MAX_HEADER_BYTES)), size);
    const labels = options.labelsPath === undefined ? undefined : labelsInOrder(options.labelsPath, header.dims[0] ?? 0);
    return asDataset(path, 'npy', { header, read, close: () => file.close() }, labels, options.labelsPath);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** @throws BAD_DATASET, BAD_LABELS */
export async function openNpz(path: string, options: DatasetOptions): Promise<Dataset> {
  if ((await stat(path)).size > MAX_ZIP_BYTES) throw bad(path, 'is larger than 1 GB packed', 'Save the samples as an NPY file: it is read by ranges.');
  const arrays = await unzip(path, await readFile(path));
  const pick = (names: readonly string[]): ArrayReader | undefined => names.map((name) => arrays.get(name)).find((array) => array !== undefined);
  const samples = pick(['x', 'x_test', 'images', 'data', 'X']) ?? [...arrays.values()].find(({ header }) => header.dims.length > 1);
  if (samples === undefined) throw bad(path, `has no array of samples (found: ${[...arrays.keys()].join(', ') || 'nothing'})`, 'Name the samples x and the labels y.');
  const own = pick(['y', 'y_test', 'labels', 'targets', 'label']);
  const count = samples.header.dims[0] ?? 0;
  const labels = options.labelsPath !== undefined ? labelsInOrder(options.labelsPath, count) : (own === undefined ? undefined : [...(await numbers(own, 0, own.header.dims.reduce((a, b) => a * b, 1)))]);
  if (labels !== undefined && labels.length !== count) {
    throw new EdgewiseError('BAD_LABELS', `"${path}" has ${count} samples and ${labels.length} labels.`, { hint: 'Save one label for each sample.', details: { path } });
  }
  return asDataset(path, 'npz', samples, labels, options.labelsPath);
}

function asDataset(path: string, kind: 'npy' | 'npz', array: ArrayReader, labels: readonly number[] | undefined, labelsPath: string | undefined): Dataset {
  const { header } = array;
  const [count = 0, ...dims] = header.dims;
  if (header.dims.length < 2 || header.dims.includes(0)) throw bad(path, `holds an array of ${header.dims.join(' x ') || 'one number'}; the first axis has to count samples`, 'Save an array of rank 2 or more.');
  const size = dims.reduce((a, b) => a * b, 1);
  const pixels = header.kind === 'u' && header.bytes === 1 ? pictureShape(dims) : undefined;
  return {
    facts: {
      path,
      kind,
      samples: count,
      classes: numberedClasses(labelsPath ?? path, labels),
      labelled: labels !== undefined,
      sampleShape: dims,
      warnings: [],
    },
    label: (index) => labels?.[index],
    async load(index, preprocess) {
      if (pixels !== undefined && preprocess !== undefined) {
        const raw = await array.read(header.start + index * size, size);
        return preparePicture({ ...pixels, pixels: raw }, preprocess);
      }
      return prepareNumbers(await numbers(array, index * size, size), dims, preprocess);
    },
    close: () => array.close(),
  };
}

/** Unsigned bytes of H x W or H x W x (1 or 3) are a picture. */
function pictureShape(dims: readonly number[]): { height: number; width: number; channels: 1 | 3 } | undefined {
  const [height = 0, width = 0, channels = 1] = dims;
  return (dims.length === 2 || dims.length === 3) && (channels === 1 || channels === 3) ? { height, width, channels } : undefined;
}

async function numbers(array: ArrayReader, from: number, count: number): Promise<Float32Array> {
  const { bytes, kind, start } = array.header;
  const raw = await array.read(start + from * bytes, count * bytes);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const at: Record<string, (offset: number) => number> = {
    f4: (o) => view.getFloat32(o, true), f8: (o) => view.getFloat64(o, true), u1: (o) => view.getUint8(o), i1: (o) => view.getInt8(o), b1: (o) => view.getUint8(o),
    u2: (o) => view.getUint16(o, true), i2: (o) => view.getInt16(o, true), u4: (o) => view.getUint32(o, true), i4: (o) => view.getInt32(o, true),
    i8: (o) => Number(view.getBigInt64(o, true)), u8: (o) => Number(view.getBigUint64(o, true)),
  };
  const get = at[`${kind}${bytes}`] as (offset: number) => number;
  return Float32Array.from({ length: count }, (_, i) => get(i * bytes));
}

function parseHeader(path: string, bytes: Uint8Array, size: number): ArrayHeader {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_HEADER_BYTES)).toString('latin1');
  if (!text.startsWith('\x93NUMPY') || bytes.length < 12) throw bad(path, 'is no NPY array: its first bytes are wrong');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const long = (bytes[6] ?? 1) >= 2;
  const length = long ? view.getUint32(8, true) : view.getUint16(8, true);
  const start = (long ? 12 : 10) + length;
  const header = text.slice(long ? 12 : 10, start);
  const type = /'descr':\s*'([<>|=])([uifb])(\d)'/u.exec(header);
  const shape = /'shape':\s*\(([\d,\s]*)\)/u.exec(header);
  if (type === null || shape === null || start > bytes.length) throw bad(path, 'has a header that is not understood', 'Save plain numbers (no objects, no records).');
  const [, order, kind, width] = type as unknown as [string, string, 'u' | 'i' | 'f' | 'b', string];
  if (order === '>' || /'fortran_order':\s*True/u.test(header) || !ELEMENTS.has(kind + width)) throw bad(path, `has elements in a form that is not read (${order}${kind}${width}${/True/u.test(header) ? ', Fortran order' : ''})`, 'Save it as little-endian numbers in C order, float32 for example.');
  const dims = (shape[1] ?? '').split(',').filter((part) => part.trim() !== '').map(Number);
  const elements = dims.reduce((a, b) => a * b, 1);
  if (dims.length > MAX_RANK || !Number.isSafeInteger(elements * Number(width))) throw bad(path, `says that it has the shape ${dims.join(' x ')}, which cannot be`);
  if (start + elements * Number(width) > size) throw bad(path, `says that it has the shape ${dims.join(' x ')}, but ends too early`);
  return { kind, bytes: Number(width), dims, start };
}

const ENTRY = 0x02014b50;
const END = 0x06054b50;

/** The .npy members of a zip (APPNOTE 6.3.10; stored or deflated, no Zip64). */
async function unzip(path: string, zip: Buffer): Promise<Map<string, ArrayReader>> {
  const arrays = new Map<string, ArrayReader>();
  let end = zip.length - 22;
  while (end >= Math.max(0, zip.length - 66_000) && zip.readUInt32LE(end) !== END) end--;
  if (end < 0 || zip.readUInt32LE(end) !== END) throw bad(path, 'is no complete zip file');
  const entries = zip.readUInt16LE(end + 10);
  let total = 0;
  for (let at = zip.readUInt32LE(end + 16), i = 0; i < entries; i++) {
    if (at + 46 > zip.length || zip.readUInt32LE(at) !== ENTRY) throw bad(path, 'has a damaged list of members');
    const [nameLength, extraLength, commentLength] = [zip.readUInt16LE(at + 28), zip.readUInt16LE(at + 30), zip.readUInt16LE(at + 32)];
    const [method, packedSize, size, local] = [zip.readUInt16LE(at + 10), zip.readUInt32LE(at + 20), zip.readUInt32LE(at + 24), zip.readUInt32LE(at + 42)];
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength);
    at += 46 + nameLength + extraLength + commentLength;
    if (!name.endsWith('.npy')) continue;
    total += size;
    if (total > MAX_ZIP_BYTES) throw bad(path, 'is larger than 1 GB unpacked', 'Save the samples as an NPY file: it is read by ranges.');
    if (local + 30 > zip.length) throw bad(path, 'has a member that lies behind its end');
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const packed = zip.subarray(start, start + packedSize);
    if (method !== 0 && method !== 8) throw bad(path, `has a member packed with method ${method}`, 'Use numpy.savez or numpy.savez_compressed.');
    let bytes: Buffer;
    try {
      bytes = method === 8 ? await promisify(inflateRaw)(packed, { maxOutputLength: Math.max(1, size) }) : packed;
    } catch (error) {
      throw bad(path, `has a damaged member "${name}" (${error instanceof Error ? error.message : 'unreadable'})`);
    }
    const header = parseHeader(path, bytes, bytes.length);
    arrays.set(name.slice(0, -4), { header, read: async (offset, length) => bytes.subarray(offset, offset + length), close: async () => {} });
  }
  return arrays;
}

function bad(path: string, what: string, hint = 'Save or download the file again.'): EdgewiseError {
  return new EdgewiseError('BAD_DATASET', `"${path}" ${what}.`, { hint, details: { path } });
}
