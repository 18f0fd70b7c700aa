/** Files between the page and the console: a model up, a model or a report down. */
import { createWriteStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EdgewiseError, toEdgewiseError, type ErrorCode } from '../base/errors.ts';
import type { Console } from '../console/create-console.ts';
import { modelDownload } from '../console/models/model-download.ts';

const STATUS: Partial<Record<ErrorCode, number>> = { NOT_FOUND: 404, FILE_NOT_FOUND: 404, TOO_LARGE: 413, FORBIDDEN: 403, BAD_REQUEST: 400, DISK_FULL: 507 };

export function answerJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': Buffer.byteLength(text), 'Cache-Control': 'no-store' });
  response.end(text);
}

export function answerError(response: ServerResponse, thrown: unknown): void {
  const error = toEdgewiseError(thrown);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  answerJson(response, STATUS[error.code] ?? 500, { error: error.toRecord() });
}

/** PUT /upload: the body is the file. Answers `{ uploadId }`. */
export async function upload(console: Console, request: IncomingMessage, response: ServerResponse, maxBytes: number): Promise<void> {
  const tooLarge = (): EdgewiseError =>
    new EdgewiseError('TOO_LARGE', `The file is larger than ${maxBytes} bytes, the most that can be sent through the page.`, {
      hint: 'Name the file by its path instead; then nothing is sent.',
      details: { limitBytes: maxBytes },
    });
  const announced = Number(request.headers['content-length'] ?? Number.NaN);
  if (announced > maxBytes) {
    response.setHeader('Connection', 'close');
    throw tooLarge();
  }
  const { id, path } = console.uploads.begin();
  let bytes = 0;
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > maxBytes) done(tooLarge());
      else done(null, chunk);
    },
  });
  try {
    await pipeline(request, limit, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
    if (Number.isFinite(announced) && bytes !== announced) throw new EdgewiseError('BAD_REQUEST', 'The file did not arrive whole.', { hint: 'Send it again.' });
  } catch (error) {
    await console.uploads.drop(id);
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw new EdgewiseError('DISK_FULL', 'There is no room left for the file.', { hint: 'Free some space.', cause: error });
    throw error;
  }
  console.uploads.complete(id);
  answerJson(response, 200, { uploadId: id });
}

const MODEL = /^\/download\/models\/([0-9A-Za-z-]{1,64})$/;
const REPORT = /^\/download\/reports\/([0-9A-Za-z-]{1,64})\.(json|html)$/;

/** GET /download/...; false where the path names nothing that can be downloaded. */
export async function download(console: Console, path: string, response: ServerResponse): Promise<boolean> {
  const model = MODEL.exec(path)?.[1];
  if (model !== undefined) {
    const { record } = console.library.get(model);
    const { fileName, bytes, body } = await modelDownload(await console.library.pathOf(model), record.name);
    response.writeHead(200, {
      'Content-Type': 'application/octet-stream',
      'Content-Length': bytes,
      'Content-Disposition': disposition(fileName),
      'Cache-Control': 'no-store',
    });
    await pipeline(body(), response);
    return true;
  }
  const [, report, kind] = REPORT.exec(path) ?? [];
  if (report !== undefined && (kind === 'json' || kind === 'html')) {
    const { name, text } = console.reportFile(report, kind);
    response.writeHead(200, {
      'Content-Type': kind === 'json' ? 'application/json; charset=utf-8' : 'text/html; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
      'Content-Disposition': disposition(name),
      'Cache-Control': 'no-store',
    });
    response.end(text);
    return true;
  }
  return false;
}

/** A file name for any language (RFC 6266): an ASCII stand-in and the true name in UTF-8. */
function disposition(name: string): string {
  const ascii = name.replaceAll(/[^\w. -]/g, '_');
  const encoded = encodeURIComponent(name.toWellFormed().replaceAll(/[\\/]/g, '_')).replaceAll(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
