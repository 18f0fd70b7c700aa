/** Answers that are no file: documents, and refusals as `{ code, message, hint }`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { EdgewiseError, type ErrorCode } from '../../../base/errors.ts';

const STATUS: Partial<Record<ErrorCode, number>> = {
  BAD_REQUEST: 400,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  TOO_LARGE: 413,
  SERVER_BUSY: 503,
};

export function sendBytes(request: IncomingMessage, response: ServerResponse, status: number, bytes: Uint8Array, headers: Readonly<Record<string, string>>): void {
  response.writeHead(status, { 'content-length': bytes.length, ...headers });
  if (request.method === 'HEAD') response.end();
  else response.end(bytes);
}

export function sendJson(request: IncomingMessage, response: ServerResponse, status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): void {
  sendBytes(request, response, status, Buffer.from(JSON.stringify(value)), { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers });
}

/** @param status where the code alone does not say it: 405, 429 */
export function sendRefusal(request: IncomingMessage, response: ServerResponse, error: EdgewiseError, headers: Readonly<Record<string, string>> = {}, status?: number): void {
  const { code, message, hint } = error;
  sendJson(request, response, status ?? STATUS[code] ?? 500, { code, message, hint: hint ?? null }, headers);
}

/** Anything thrown as what a device may be told: what it has no name for stays inside. */
export function asRefusal(error: unknown): EdgewiseError {
  if (error instanceof EdgewiseError && STATUS[error.code] !== undefined) return error;
  return new EdgewiseError('INTERNAL', 'The server has failed.', { hint: 'Its log says why. Try again later.' });
}
