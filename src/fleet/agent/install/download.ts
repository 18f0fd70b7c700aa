/**
 * Brings one blob to the disk. The server is not believed: every chunk is checked against its signed digest before it is kept, reading
 * stops at the first byte too many, and a download goes on from the last chunk on the disk that is right, whatever happened in between.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { EdgewiseError, cancelled, throwIfAborted } from '../../../base/errors.ts';
import { CHUNK_BYTES, type BlobRecord } from '../../../contract/records/artifact.ts';
import { sha256 } from '../../artifact/keys.ts';
import type { InstallDisk } from './disk.ts';

/** What is used of `fetch`; an agent passes one that carries its client certificate. */
export type Fetch = (
  url: string,
  init: { readonly headers: Readonly<Record<string, string>>; readonly signal: AbortSignal; readonly redirect: 'error' },
) => Promise<{ readonly status: number; readonly headers: { get(name: string): string | null }; readonly body: AsyncIterable<Uint8Array> | null }>;

export interface DownloadPorts {
  readonly fetch: Fetch;
  readonly disk: InstallDisk;
  /** 0 to 1; spreads the retries of many devices. */
  readonly random: () => number;
  /** Milliseconds since 1970, for dates in `Retry-After`. */
  readonly now: () => number;
}

export interface DownloadPolicy {
  /** Tries in a row that may bring no new chunk. */
  readonly attempts: number;
  /** The first wait; doubles up to `maxDelayMs`, and half of it is random. */
  readonly delayMs: number;
  readonly maxDelayMs: number;
  /** Less than this over one window is too slow. */
  readonly minBytesPerSecond: number;
  readonly windowMs: number;
}

export const DEFAULT_DOWNLOAD: DownloadPolicy = { attempts: 8, delayMs: 1000, maxDelayMs: 300_000, minBytesPerSecond: 512, windowMs: 60_000 };

export const DOWNLOADS = 'downloads';

export function partPath(blob: BlobRecord): string {
  return `${DOWNLOADS}/${blob.sha256}.part`;
}

/**
 * Downloads to `partPath(blob)`; what is right of an earlier try is kept. A server that is busy is waited for without end: it is not a failure.
 * @throws WRONG_CONTENT, ENDLESS_DATA, DOWNLOAD_SLOW, DOWNLOAD_FAILED, DISK_FULL, WRITE_FAILED, CANCELLED
 */
export async function downloadBlob(ports: DownloadPorts, policy: DownloadPolicy, baseUrl: string, blob: BlobRecord, signal: AbortSignal): Promise<void> {
  const path = partPath(blob);
  let ranges = true;
  let fruitless = 0;
  let kept = await keepVerified(ports.disk, path, blob, signal);
  while (kept < blob.chunks.length) {
    const before = kept;
    let failure: EdgewiseError;
    try {
      await fetchFrom(ports, policy, `${baseUrl}/${blob.sha256}`, path, blob, kept, ranges, signal, () => kept++);
      continue;
    } catch (error) {
      if (!(error instanceof EdgewiseError) || !WORTH_ANOTHER_TRY.has(error.code)) throw error;
      failure = error;
    }
    if (failure.details?.['ranges'] === false) ranges = false;
    fruitless = kept > before ? 0 : fruitless + (failure.code === 'SERVER_BUSY' ? 0 : 1);
    if (fruitless >= policy.attempts) throw failure;
    await pauseBeforeRetry(ports, policy, failure, fruitless, signal);
  }
  await ports.disk.sync(path);
}

const WORTH_ANOTHER_TRY: ReadonlySet<string> = new Set(['DOWNLOAD_FAILED', 'DOWNLOAD_SLOW', 'SERVER_BUSY', 'WRONG_CONTENT']);

/** How many chunks from the start are on the disk and right; the rest is cut off. */
export async function keepVerified(disk: InstallDisk, path: string, blob: BlobRecord, signal?: AbortSignal): Promise<number> {
  const size = await disk.size(path);
  if (size === null) {
    await disk.makeFolder(DOWNLOADS);
    await disk.writeAt(path, 0, new Uint8Array(0));
    return 0;
  }
  let good = 0;
  for (; good < blob.chunks.length && good * CHUNK_BYTES < size; good++) {
    throwIfAborted(signal);
    const bytes = await disk.read(path, good * CHUNK_BYTES, chunkLength(blob, good));
    if (sha256(bytes) !== blob.chunks[good]) break;
  }
  const end = Math.min(good * CHUNK_BYTES, blob.length);
  if (size > end) await disk.truncate(path, end);
  return good;
}

function chunkLength(blob: BlobRecord, index: number): number {
  return Math.min(CHUNK_BYTES, blob.length - index * CHUNK_BYTES);
}

/**
 * As long as the server asks for, and a pause that doubles with each try.
 * @param tries in a row that have brought nothing. @throws CANCELLED
 */
export async function pauseBeforeRetry(ports: Pick<DownloadPorts, 'random'>, policy: Pick<DownloadPolicy, 'delayMs' | 'maxDelayMs'>, failure: EdgewiseError, tries: number, signal: AbortSignal): Promise<void> {
  const asked = failure.details?.['retryAfterMs'];
  const backoff = Math.min(policy.maxDelayMs, policy.delayMs * 2 ** Math.max(0, tries - 1));
  const ms = (typeof asked === 'number' ? Math.min(asked, policy.maxDelayMs) : 0) + backoff * (0.5 + 0.5 * ports.random());
  await delay(ms, undefined, { signal }).catch(() => {
    throw cancelled();
  });
}

/** One request, from chunk `first` on. */
async function fetchFrom(ports: DownloadPorts, policy: DownloadPolicy, url: string, path: string, blob: BlobRecord, first: number, ranges: boolean, signal: AbortSignal, onChunk: () => void): Promise<void> {
  const watch = watchPace(policy, signal);
  try {
    const offset = first * CHUNK_BYTES;
    const headers = { 'accept-encoding': 'identity', ...(offset > 0 && ranges ? { range: `bytes=${offset}-${blob.length - 1}` } : {}) };
    const response = await ports.fetch(url, { headers, signal: watch.signal, redirect: 'error' });
    const skip = bytesToSkip(ports, response.status, (name) => response.headers.get(name), blob, offset);
    if (response.body === null) throw failed('the server sent nothing');
    await keepChunks(ports.disk, path, blob, first, skip, watch.paced(response.body), onChunk);
  } catch (error) {
    watch.refuse();
    if (error instanceof EdgewiseError) throw error;
    throw failed(`the connection broke (${reasonOf(error)})`, {}, error);
  } finally {
    watch.end();
  }
}

/** Bytes at the start of the body that are there already. @throws where the answer is not one to the question */
function bytesToSkip(ports: DownloadPorts, status: number, header: (name: string) => string | null, blob: BlobRecord, offset: number): number {
  const encoding = header('content-encoding');
  if (encoding !== null && encoding !== 'identity') throw failed(`the server packed the answer as ${encoding}, which was not asked for`);
  const length = header('content-length');
  if (status === 200) {
    if (length !== null && Number(length) !== blob.length) throw otherLength(Number(length), blob);
    return offset;
  }
  if (status === 206) {
    const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header('content-range') ?? '');
    if (range === null || Number(range[1]) !== offset) throw failed(`the server answered with another range (${header('content-range') ?? 'none'}) than from byte ${offset}`, { ranges: false });
    if (range[3] !== '*' && Number(range[3]) !== blob.length) throw otherLength(Number(range[3]), blob);
    return 0;
  }
  if (status === 416) throw failed(`the server has no bytes from ${offset} on`, { ranges: false });
  if (status === 429 || status === 503) {
    throw new EdgewiseError('SERVER_BUSY', `The server is busy (${status}).`, { hint: 'The download goes on by itself.', details: { retryAfterMs: retryAfter(header('retry-after'), ports.now()) } });
  }
  throw failed(`the server answered ${status}`, { status });
}

function retryAfter(value: string | null, now: number): number {
  if (value === null) return 0;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}

/** Writes each chunk once it is whole and right. */
async function keepChunks(disk: InstallDisk, path: string, blob: BlobRecord, first: number, skip: number, body: AsyncIterable<Uint8Array>, onChunk: () => void): Promise<void> {
  let index = first;
  let toSkip = skip;
  let chunk = Buffer.alloc(Math.max(0, chunkLength(blob, index)));
  let filled = 0;
  for await (const received of body) {
    let bytes = received.subarray(Math.min(toSkip, received.length));
    toSkip -= received.length - bytes.length;
    while (bytes.length > 0) {
      if (index >= blob.chunks.length) {
        throw new EdgewiseError('ENDLESS_DATA', `More than the ${blob.length} bytes that were signed came from the server.`, { hint: 'Fetch from another server.', details: { blob: blob.sha256, length: blob.length } });
      }
      const taken = bytes.subarray(0, chunk.length - filled);
      chunk.set(taken, filled);
      filled += taken.length;
      bytes = bytes.subarray(taken.length);
      if (filled < chunk.length) continue;
      if (sha256(chunk) !== blob.chunks[index]) throw wrongChunk(blob, index);
      await disk.writeAt(path, index * CHUNK_BYTES, chunk);
      onChunk();
      index++;
      filled = 0;
      if (index < blob.chunks.length) chunk = Buffer.alloc(chunkLength(blob, index));
    }
  }
  if (index < blob.chunks.length) throw failed(`the server ended at byte ${index * CHUNK_BYTES + filled} of ${blob.length}`);
}

/** Breaks a request off that brings less than the policy asks, answered or not. */
function watchPace(policy: DownloadPolicy, outer: AbortSignal): {
  readonly signal: AbortSignal;
  paced(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /** Throws what broke it off, if this did. */
  refuse(): void;
  end(): void;
} {
  const own = new AbortController();
  let received = 0;
  let slow = false;
  const timer = setInterval(() => {
    slow = received < (policy.minBytesPerSecond * policy.windowMs) / 1000;
    received = 0;
    if (slow) own.abort();
  }, policy.windowMs);
  return {
    signal: AbortSignal.any([outer, own.signal]),
    async *paced(body) {
      for await (const bytes of body) {
        received += bytes.length;
        yield bytes;
      }
    },
    refuse() {
      if (outer.aborted) throw cancelled();
      if (slow) throw new EdgewiseError('DOWNLOAD_SLOW', `The server sent less than ${policy.minBytesPerSecond} bytes a second over ${policy.windowMs / 1000} s.`, { hint: 'The download goes on later from where it is. Check the link of the store.' });
    },
    end() {
      clearInterval(timer);
      // Lets go of a connection that still delivers.
      own.abort();
    },
  };
}

function wrongChunk(blob: BlobRecord, index: number): EdgewiseError {
  return new EdgewiseError('WRONG_CONTENT', `Chunk ${index + 1} of ${blob.chunks.length} is not what was signed.`, { hint: 'Fetch from another server.', details: { blob: blob.sha256, chunk: index } });
}

function otherLength(length: number, blob: BlobRecord): EdgewiseError {
  const code = length > blob.length ? 'ENDLESS_DATA' : 'WRONG_CONTENT';
  return new EdgewiseError(code, `The server announces ${length} bytes where ${blob.length} were signed.`, { hint: 'Fetch from another server.', details: { blob: blob.sha256, length, expected: blob.length } });
}

function failed(what: string, details: Readonly<Record<string, unknown>> = {}, cause?: unknown): EdgewiseError {
  return new EdgewiseError('DOWNLOAD_FAILED', `The download failed: ${what}.`, { hint: 'It goes on from where it is when it is tried again.', details, ...(cause === undefined ? {} : { cause }) });
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? ('code' in cause && typeof cause.code === 'string' ? cause.code : cause.message) : String(cause);
}
