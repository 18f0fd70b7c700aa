/**
 * One blob to one device: whole or one range, at the pace of its store and of all. A device that does not take what it asked for is let go.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pace } from './buckets.ts';
import type { OpenBlob } from './ports.ts';
import { rangeOf } from './ranges.ts';

/** Small enough that streams take turns, large enough that a fast line is filled. */
const PIECE = { least: 1024, most: 65_536 } as const;

export interface Sending {
  readonly blob: OpenBlob;
  /** Every byte waits for all of them. */
  readonly paces: readonly Pace[];
  /** Bytes a second of the slowest of the paces; null: none has a limit. */
  readonly bytesPerS: number | null;
  /** How long one piece may take to be taken. */
  readonly drainMs: number;
  readonly onSent: (bytes: number) => void;
}

/** What is sent, without the body. @returns the bytes to send; null: the answer is complete */
export function startAnswer(request: IncomingMessage, response: ServerResponse, sha256: string, length: number): { readonly start: number; readonly end: number } | null {
  const etag = `"${sha256}"`;
  response.setHeader('etag', etag);
  response.setHeader('accept-ranges', 'bytes');
  response.setHeader('cache-control', 'private, max-age=31536000, immutable');
  response.setHeader('content-type', 'application/octet-stream');
  if (tagsOf(request.headers['if-none-match']).includes(etag)) {
    response.writeHead(304).end();
    return null;
  }
  const head = request.method === 'HEAD';
  const range = head ? null : rangeOf(request.headers.range, headerOf(request, 'if-range'), etag, length);
  if (range === 'unsatisfiable') {
    response.writeHead(416, { 'content-range': `bytes */${length}`, 'content-length': 0 }).end();
    return null;
  }
  const { start, end } = range ?? { start: 0, end: length };
  response.writeHead(range === null ? 200 : 206, { 'content-length': end - start, ...(range === null ? {} : { 'content-range': `bytes ${start}-${end - 1}/${length}` }) });
  if (!head && end > start) return { start, end };
  response.end();
  return null;
}

/** Sends until the end, or until the device has gone. Never throws for what the device does. */
export async function sendBody(response: ServerResponse, sending: Sending, { start, end }: { readonly start: number; readonly end: number }): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const piece = sending.bytesPerS === null ? PIECE.most : Math.min(PIECE.most, Math.max(PIECE.least, Math.floor(sending.bytesPerS / 8)));
  for (let at = start; at < end && !gone.signal.aborted; ) {
    const length = Math.min(piece, end - at);
    const waitMs = Math.max(...sending.paces.map((pace) => pace.book(length)));
    if (waitMs > 1) await delay(waitMs, undefined, { signal: gone.signal }).catch(() => {});
    if (gone.signal.aborted) return;
    const bytes = await sending.blob.read(at, length);
    if (gone.signal.aborted) return;
    at += length;
    sending.onSent(length);
    if (response.write(bytes)) continue;
    if (!(await drained(response, sending.drainMs))) {
      response.destroy();
      return;
    }
  }
  if (!gone.signal.aborted) response.end();
}

/** @returns false when the device took nothing for so long, or has gone */
function drained(response: ServerResponse, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (taken: boolean) => (): void => {
      clearTimeout(timer);
      response.off('drain', onDrain).off('close', onClose);
      resolve(taken);
    };
    const [onDrain, onClose] = [settle(true), settle(false)];
    const timer = setTimeout(onClose, ms);
    response.once('drain', onDrain).once('close', onClose);
  });
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

function tagsOf(header: string | undefined): string[] {
  return (header ?? '').split(',').map((tag) => tag.trim());
}
