/**
 * The ways to get a file to a device: as it is, packed, or as what differs from a file that the device has. Packed is zstd; a difference
 * is zstd with the older file as its dictionary, so equal stretches anywhere in it cost a few bytes. Both come with Node.
 * Figures on real models: docs/artifacts.md. Whatever the way, the file counts only by its own length and SHA-256.
 */
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { EdgewiseError } from '../../base/errors.ts';
import { CHUNK_BYTES, type ArtifactFile, type BlobRecord, type FileSourceRecord } from '../../contract/records/artifact.ts';
import { sha256 } from './keys.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Beyond this, two files and the tables for them are more than a small device or a laptop has to spare. */
const MAX_DELTA_BYTES = 2 ** 28;
/** The window must reach back over base and file; 27 is what every decoder takes, 30 what two files of the limit need. */
const MAX_WINDOW_LOG = 30;
/** A form that saves less than a twentieth is not worth its work on the device. */
const WORTH = 0.95;
const LEVEL = 9;

export interface PackedFile {
  readonly file: ArtifactFile;
  /** By SHA-256: every blob that the file's sources name. */
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

/** Digests of the whole and of each chunk. */
export function describeBlob(bytes: Uint8Array): BlobRecord {
  const chunks: string[] = [];
  for (let start = 0; start < bytes.length; start += CHUNK_BYTES) chunks.push(sha256(bytes.subarray(start, start + CHUNK_BYTES)));
  return { sha256: sha256(bytes), length: bytes.length, chunks };
}

/**
 * The file with every form that is worth it, the smallest first; the plain form is always among them.
 * @param bases files that devices may have, for example the versions before
 */
export async function packFile(name: string, bytes: Uint8Array, bases: readonly Uint8Array[] = []): Promise<PackedFile> {
  const plain = describeBlob(bytes);
  const blobs = new Map([[plain.sha256, bytes]]);
  const sources: FileSourceRecord[] = [{ form: 'plain', blob: plain }];
  const packed = await compress(bytes, { params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 0 } });
  const addIfSmaller = (blob: Uint8Array, source: (record: BlobRecord) => FileSourceRecord, than: number): void => {
    if (blob.length > than * WORTH) return;
    const record = describeBlob(blob);
    blobs.set(record.sha256, blob);
    sources.push(source(record));
  };
  addIfSmaller(packed, (blob) => ({ form: 'zstd', blob }), bytes.length);
  const full = Math.min(packed.length, bytes.length);
  for (const base of bases) {
    const digest = sha256(base);
    if (digest === plain.sha256 || bytes.length > MAX_DELTA_BYTES || base.length > MAX_DELTA_BYTES || base.length === 0) continue;
    addIfSmaller(await difference(bytes, base), (blob) => ({ form: 'zstd-delta', base: digest, blob }), full);
  }
  sources.sort((a, b) => a.blob.length - b.blob.length);
  return { file: { name, length: bytes.length, sha256: plain.sha256, sources }, blobs };
}

/** zstd indexes at most as much of a dictionary as its tables hold: they are made as large as the base. */
function difference(bytes: Uint8Array, base: Uint8Array): Promise<Uint8Array> {
  const tables = Math.min(27, Math.max(17, Math.ceil(Math.log2(base.length))));
  return compress(bytes, {
    dictionary: base,
    params: {
      [constants.ZSTD_c_compressionLevel]: LEVEL,
      [constants.ZSTD_c_windowLog]: Math.min(MAX_WINDOW_LOG, Math.max(17, Math.ceil(Math.log2(bytes.length + base.length + 1)))),
      [constants.ZSTD_c_hashLog]: tables,
      [constants.ZSTD_c_chainLog]: tables,
      [constants.ZSTD_c_checksumFlag]: 0,
    },
  });
}

/** Whether a source can be used by who has the files of these digests. */
export function usable(source: FileSourceRecord, file: ArtifactFile, has: (sha256: string) => boolean): boolean {
  return source.form !== 'zstd-delta' || (has(source.base) && file.length <= MAX_DELTA_BYTES);
}

/**
 * The file out of a packed blob. Stops as soon as more comes out than the file has bytes.
 * @param base the bytes of the file that a delta names
 * @throws WRONG_CONTENT, ENDLESS_DATA
 */
export async function unpackFile(file: ArtifactFile, source: FileSourceRecord, blob: Uint8Array, base?: Uint8Array): Promise<Uint8Array> {
  if (source.form === 'plain') return verified(file, blob);
  if (source.form === 'zstd-delta' && (base === undefined || sha256(base) !== source.base)) {
    throw new EdgewiseError('WRONG_CONTENT', `The difference for "${file.name}" needs another base than the file that is here.`, { hint: 'Fetch the whole file.', details: { file: file.name } });
  }
  let bytes: Uint8Array;
  try {
    bytes = await decompress(blob, {
      // 0 would mean: no limit.
      maxOutputLength: Math.max(1, file.length),
      params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG },
      ...(source.form === 'zstd-delta' && base !== undefined ? { dictionary: base } : {}),
    });
  } catch (error) {
    if (error instanceof RangeError || (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new EdgewiseError('ENDLESS_DATA', `More than the ${file.length} bytes of "${file.name}" come out of its packed form.`, { hint: 'Publish the artifact again.', details: { file: file.name, length: file.length }, cause: error });
    }
    throw new EdgewiseError('WRONG_CONTENT', `The packed form of "${file.name}" cannot be unpacked.`, { hint: 'Fetch the whole file.', details: { file: file.name }, cause: error });
  }
  return verified(file, bytes);
}

function verified(file: ArtifactFile, bytes: Uint8Array): Uint8Array {
  const digest = sha256(bytes);
  if (bytes.length === file.length && digest === file.sha256) return bytes;
  throw new EdgewiseError('WRONG_CONTENT', `"${file.name}" is not what was signed: ${bytes.length} bytes, SHA-256 ${digest}; signed are ${file.length} bytes, ${file.sha256}.`, {
    hint: 'Fetch it again.',
    details: { file: file.name, sha256: digest, expected: file.sha256 },
  });
}
