/**
 * A model as one stream for a page to save. A browser saves one file, so a model of two files goes as a tar archive, which every system of
 * today unpacks; nothing is compressed, as weights hardly are.
 */
import { createReadStream, existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { dataFileName } from '../../engine/onnx/index.ts';

export interface ModelDownload {
  readonly fileName: string;
  readonly bytes: number;
  body(): Readable;
}

const BLOCK = 512;

/** @param path of a model in the library @throws what the file system says */
export async function modelDownload(path: string, name: string): Promise<ModelDownload> {
  const data = dataFileName(path);
  if (!existsSync(data)) return { fileName: `${name}.onnx`, bytes: (await stat(path)).size, body: () => createReadStream(path) };
  const entries = await Promise.all([path, data].map(async (file) => ({ file, size: (await stat(file)).size })));
  const bytes = entries.reduce((sum, { size }) => sum + BLOCK + size + padding(size), 2 * BLOCK);
  return {
    fileName: `${name}.tar`,
    bytes,
    body: () =>
      Readable.from(
        (async function* () {
          for (const { file, size } of entries) {
            yield tarHeader(basename(file), size);
            // As many bytes as the header says, whatever happens to the file.
            if (size > 0) yield* createReadStream(file, { end: size - 1, highWaterMark: 2 ** 20 });
            yield Buffer.alloc(padding(size));
          }
          yield Buffer.alloc(2 * BLOCK);
        })(),
        { objectMode: false },
      ),
  };
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/** One ustar header (POSIX 1003.1-1988), readable and writable by its owner. */
function tarHeader(name: string, size: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, digits: number): void => void header.write(value.toString(8).padStart(digits, '0'), at, 'ascii');
  header.write(name, 0, 100, 'ascii');
  octal(0o644, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  // Eleven octal digits end at 8 GiB; then the size is a binary number, marked by its first bit.
  if (size < 2 ** 33) octal(size, 124, 11);
  else {
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(size), 128);
  }
  octal(0, 136, 11);
  header.write('0', 156, 'ascii');
  header.write('ustar\u000000', 257, 'latin1');
  // The sum over the header, its own eight bytes as blanks.
  header.fill(' ', 148, 156);
  header.write(`${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\u0000 `, 148, 'latin1');
  return header;
}
