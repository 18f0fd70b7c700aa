/** The device's side of the artifact server. Nothing that comes is believed; what is too long or too slow is broken off. */
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { EdgewiseError, cancelled } from '../../../base/errors.ts';
import { ENVELOPE_OVERHEAD, MAX_DOCUMENT_BYTES, type DocumentType } from '../../artifact/envelope.ts';
import type { UpdateDocuments } from '../../artifact/verify.ts';
import { PinnedAgent, type PinnedTls } from './pinned-tls.ts';

export interface ArtifactClientOptions {
  /** Base of the server, `https://host:port`. */
  readonly url: string;
  readonly tls: PinnedTls;
  /** How long one document may take. */
  readonly timeoutMs?: number;
}

export interface ArtifactClient {
  /** What the installer downloads with; its base for `offer` is `blobsUrl`. Without redirects. */
  readonly fetch: (
    url: string,
    init: { readonly headers: Readonly<Record<string, string>>; readonly signal: AbortSignal },
  ) => Promise<{ readonly status: number; readonly headers: { get(name: string): string | null }; readonly body: AsyncIterable<Uint8Array> }>;
  readonly blobsUrl: string;
  /**
   * The root documents after the one that is trusted, the current list and the manifest: unverified, for `verifyUpdate`.
   * @param digest SHA-256 of the manifest, as it was named in the command
   * @throws NOT_FOUND (withdrawn), SERVER_BUSY with `retryAfterMs`, ENDLESS_DATA, DOWNLOAD_SLOW, DOWNLOAD_FAILED, FORBIDDEN, CANCELLED
   */
  documents(trustedRootVersion: number, digest: string, signal?: AbortSignal): Promise<UpdateDocuments>;
  /** The time, signed for this question. @param nonce 32 hex digits, random, used once */
  time(nonce: string, signal?: AbortSignal): Promise<Uint8Array>;
  /** Ends its connections. */
  close(): void;
}

/** More rotations than a server is asked for at a time; the rest comes with the next update. */
const MAX_ROOTS = 64;
const TIMEOUT_MS = 60_000;

export function createArtifactClient(options: ArtifactClientOptions): ArtifactClient {
  const base = options.url.replace(/\/+$/, '');
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const agent = new PinnedAgent(options.tls, { keepAlive: true, maxSockets: 4, timeout: timeoutMs });

  async function fetchDocument(type: DocumentType, path: string, outer?: AbortSignal): Promise<Uint8Array> {
    const response = await get({ agent, timeoutMs, maxBytes: MAX_DOCUMENT_BYTES[type] + ENVELOPE_OVERHEAD, what: `the ${type} document`, url: `${base}${path}`, signal: outer });
    return response.status === 200 ? response.bytes : refuseStatus(response, `the ${type} document`);
  }

  async function nextRoots(trusted: number, signal?: AbortSignal): Promise<Uint8Array[]> {
    const roots: Uint8Array[] = [];
    for (let version = trusted + 1; roots.length < MAX_ROOTS; version++) {
      try {
        roots.push(await fetchDocument('root', `/v1/roots/${version}`, signal));
      } catch (error) {
        if (error instanceof EdgewiseError && error.code === 'NOT_FOUND') break;
        throw error;
      }
    }
    return roots;
  }

  return {
    blobsUrl: `${base}/v1/blobs`,
    async fetch(url, { headers, signal }) {
      const message = await send(url, { agent, headers, signal });
      return { status: message.statusCode ?? 0, headers: { get: (name) => headerOf(message, name) }, body: message };
    },
    async documents(trustedRootVersion, digest, signal) {
      const roots = await nextRoots(trustedRootVersion, signal);
      const freshness = await fetchDocument('freshness', '/v1/freshness', signal);
      return { roots, freshness, manifest: await fetchDocument('manifest', `/v1/manifests/${digest}`, signal) };
    },
    time: (nonce, signal) => fetchDocument('time', `/v1/time?nonce=${nonce}`, signal),
    close: () => agent.destroy(),
  };
}

export interface SmallRequest {
  readonly agent: PinnedAgent;
  readonly url: string;
  /** For messages. */
  readonly what: string;
  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
}

export interface SmallResponse {
  readonly status: number;
  readonly bytes: Uint8Array;
  /** What `Retry-After` says; null: nothing. */
  readonly retryAfterMs: number | null;
}

/** A request whose answer is held in memory. @throws ENDLESS_DATA, DOWNLOAD_SLOW, DOWNLOAD_FAILED, FORBIDDEN (another server), CANCELLED */
export async function get(request: SmallRequest): Promise<SmallResponse> {
  const { what, maxBytes, timeoutMs } = request;
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]);
  try {
    const message = await send(request.url, { ...request, headers: { 'accept-encoding': 'identity', ...request.headers }, signal });
    const pieces: Buffer[] = [];
    let length = 0;
    for await (const piece of message as AsyncIterable<Buffer>) {
      length += piece.length;
      // Leaving the loop lets go of the connection.
      if (length > maxBytes) throw new EdgewiseError('ENDLESS_DATA', `More than the ${maxBytes} bytes that ${what} may have came from the server.`, { hint: 'Check the server.', details: { limit: maxBytes } });
      pieces.push(piece);
    }
    const seconds = headerOf(message, 'retry-after');
    return { status: message.statusCode ?? 0, bytes: Buffer.concat(pieces), retryAfterMs: seconds !== null && /^\d{1,6}$/.test(seconds) ? Number(seconds) * 1000 : null };
  } catch (error) {
    if (error instanceof EdgewiseError) throw error;
    if (request.signal?.aborted) throw cancelled();
    if (timeout.aborted) throw new EdgewiseError('DOWNLOAD_SLOW', `${sentence(what)} did not come within ${timeoutMs / 1000} s.`, { hint: 'It is tried again later. Check the link of the store.' });
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : String(error);
    throw new EdgewiseError('DOWNLOAD_FAILED', `${sentence(what)} did not come: the connection broke (${code}).`, { hint: 'It is tried again later. Check the address and the link of the store.', cause: error });
  }
}

/** @throws what the answer stands for */
export function refuseStatus({ status, bytes, retryAfterMs }: SmallResponse, what: string): never {
  if (status === 429 || status === 503) {
    throw new EdgewiseError('SERVER_BUSY', `The server is busy (${status}).`, { hint: 'It is asked again by itself.', details: { retryAfterMs: retryAfterMs ?? 0 } });
  }
  const said = saidBy(bytes);
  if (status === 403) throw new EdgewiseError('FORBIDDEN', `The server does not serve this device: ${said}`, { hint: 'Ask the operator whether the device was shut out; if so, it must join again.' });
  if (status === 404) throw new EdgewiseError('NOT_FOUND', `The server does not have ${what}: ${said}`, { hint: 'It may have been withdrawn. Ask for the current one.' });
  throw new EdgewiseError('DOWNLOAD_FAILED', `${sentence(what)} did not come: the server answered ${status}. ${said}`, { hint: 'It is tried again later.', details: { status } });
}

/** One line at most, and nothing that steers a terminal. */
function saidBy(bytes: Uint8Array): string {
  try {
    const { message } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { message?: unknown };
    return typeof message === 'string' ? message.replaceAll(/[^\P{C}]/gu, ' ').slice(0, 300) : '';
  } catch {
    return '';
  }
}

interface Sent {
  readonly agent: PinnedAgent;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly method?: 'GET' | 'POST';
  readonly body?: string;
}

function send(url: string, { agent, headers = {}, signal, method = 'GET', body }: Sent): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const request = httpsRequest(url, { agent, method, headers: { ...headers, ...length }, signal }, resolve);
    request.once('error', reject);
    request.end(body);
  });
}

function headerOf(message: IncomingMessage, name: string): string | null {
  const value = message.headers[name];
  return Array.isArray(value) ? value.join(', ') : (value ?? null);
}

function sentence(what: string): string {
  return what.charAt(0).toUpperCase() + what.slice(1);
}
