/** Files between the page and the console: a model up, a model or a report down. Streams, so that a large model costs no memory. */
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EdgewiseError } from '../../src/base/errors.ts';
import type { Uploads } from '../../src/console/uploads.ts';

/** As much of the console as moves files. */
export interface FileConsole {
  readonly uploads: Uploads;
  readonly library: {
    get(id: string): { readonly record: { readonly name: string } };
    pathOf(id: string): Promise<string>;
  };
  reportFile(id: string, kind: 'json' | 'html'): { readonly name: string; readonly text: string };
}

/** The most an ONNX file can hold. */
const MAX_UPLOAD_BYTES = 2 ** 31;

/**
 * Keeps what the page sends until it is imported.
 * @throws EdgewiseError TOO_LARGE, DISK_FULL; nothing is left behind then
 */
export async function receiveUpload(uploads: Uploads, body: ReadableStream<Uint8Array>, maxBytes = MAX_UPLOAD_BYTES): Promise<string> {
  const { id, path } = uploads.begin();
  let bytes = 0;
  const limit = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      bytes += chunk.byteLength;
      if (bytes <= maxBytes) done(null, chunk);
      else done(tooLarge(maxBytes));
    },
  });
  try {
    await pipeline(Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]), limit, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  } catch (error) {
    await uploads.drop(id);
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw new EdgewiseError('DISK_FULL', 'There is no room left for the file.', { hint: 'Free some space.', cause: error });
    throw error;
  }
  uploads.complete(id);
  return id;
}

export interface Download {
  readonly fileName: string;
  readonly type: string;
  readonly bytes: number;
  readonly body: ReadableStream<Uint8Array> | string;
}

const MODEL = /^\/download\/models\/([0-9A-Za-z-]{1,64})$/;
const REPORT = /^\/download\/reports\/([0-9A-Za-z-]{1,64})\.(json|html)$/;

/** What a path names; undefined where it names nothing. @throws EdgewiseError NOT_FOUND where the model or report is gone */
export async function openDownload(console: FileConsole, path: string): Promise<Download | undefined> {
  const model = MODEL.exec(path)?.[1];
  if (model !== undefined) {
    const { record } = console.library.get(model);
    const file = await console.library.pathOf(model);
    const { size } = await stat(file);
    return { fileName: `${record.name}.onnx`, type: 'application/octet-stream', bytes: size, body: Readable.toWeb(createReadStream(file)) as ReadableStream<Uint8Array> };
  }
  const [, report, kind] = REPORT.exec(path) ?? [];
  if (report === undefined || (kind !== 'json' && kind !== 'html')) return undefined;
  const { name, text } = console.reportFile(report, kind);
  const type = kind === 'json' ? 'application/json; charset=utf-8' : 'text/html; charset=utf-8';
  return { fileName: name, type, bytes: Buffer.byteLength(text), body: text };
}

function tooLarge(maxBytes: number): EdgewiseError {
  return new EdgewiseError('TOO_LARGE', `The file is larger than ${maxBytes} bytes, the most that can be sent through the page.`, {
    hint: 'Choose it in the file dialog instead; then nothing is sent.',
    details: { limitBytes: maxBytes },
  });
}
