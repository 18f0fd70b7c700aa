/** Answers requests to app://edgewise/: the page's own files, a model that the page sends in, a file that it saves. */
import { toEdgewiseError, type ErrorCode } from '../../src/base/errors.ts';
import { pageHeaders } from '../../src/contract/csp.ts';
import { APP_ORIGIN, parseAppUrl } from '../security/origin.ts';
import type { PageFile } from './page-files.ts';
import { openDownload, receiveUpload, type FileConsole } from './page-transfers.ts';

/** As much of a request as is looked at. */
export interface PageRequest {
  readonly url: string;
  readonly method: string;
  readonly body: ReadableStream<Uint8Array> | null;
  /** The origin that issued it, as Electron knows it; absent for what the browser itself asks for. */
  readonly initiatorOrigin?: string;
}

const STATUS: Partial<Record<ErrorCode, number>> = { NOT_FOUND: 404, FILE_NOT_FOUND: 404, TOO_LARGE: 413, FORBIDDEN: 403, BAD_REQUEST: 400, DISK_FULL: 507 };
const JSON_TYPE = 'application/json; charset=utf-8';

/** A report is a page of its own: no script, nothing fetched, its style in it. */
const PRINT_POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/** @param printed reports that are being printed, by path @returns the handler for Electron's `protocol.handle`; it never throws */
export function createAppProtocol(files: ReadonlyMap<string, PageFile>, console: FileConsole, printed: (path: string) => string | undefined): (request: PageRequest) => Promise<Response> {
  return async (request) => {
    const url = parseAppUrl(request.url);
    if (url === undefined) return empty(404);
    if (request.initiatorOrigin !== undefined && request.initiatorOrigin !== APP_ORIGIN) return empty(403);
    try {
      const report = printed(url.pathname);
      if (report !== undefined) return answer(200, report, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': PRINT_POLICY });
      return await answerTo(request, url.pathname, files, console);
    } catch (thrown) {
      const error = toEdgewiseError(thrown);
      return answer(STATUS[error.code] ?? 500, JSON.stringify({ error: error.toRecord() }), { 'Content-Type': JSON_TYPE });
    }
  };
}

async function answerTo(request: PageRequest, path: string, files: ReadonlyMap<string, PageFile>, console: FileConsole): Promise<Response> {
  if (path === '/upload') {
    if (request.method !== 'PUT') return empty(405);
    const uploadId = await receiveUpload(console.uploads, request.body ?? emptyStream());
    return answer(200, JSON.stringify({ uploadId }), { 'Content-Type': JSON_TYPE });
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') return empty(405);
  const head = request.method === 'HEAD';
  const file = files.get(path);
  if (file !== undefined) return answer(200, head ? null : file.bytes, { 'Content-Type': file.type });
  if (head) return empty(404);
  const download = await openDownload(console, path);
  if (download === undefined) return empty(404);
  return answer(200, download.body, {
    'Content-Type': download.type,
    'Content-Length': String(download.bytes),
    'Content-Disposition': `attachment; filename*=UTF-8''${encoded(download.fileName)}`,
  });
}

function encoded(fileName: string): string {
  const plain = fileName.toWellFormed().replaceAll(/[\\/]/g, '_');
  return encodeURIComponent(plain).replaceAll(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function empty(status: 403 | 404 | 405): Response {
  return answer(status, null, {});
}

function answer(status: number, body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null, headers: Readonly<Record<string, string>>): Response {
  return new Response(body, { status, headers: { ...pageHeaders(), 'Cache-Control': 'no-store', ...headers } });
}

function emptyStream(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.close() });
}
