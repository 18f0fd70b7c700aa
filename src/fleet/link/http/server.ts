/**
 * The artifact server: blobs and signed documents to devices that have a certificate, and the two paths by which one gets it.
 *
 *   GET  /v1/blobs/SHA256      ranges, HEAD
 *   GET  /v1/roots/N           the signed root document of that version; 404: there is none yet
 *   GET  /v1/freshness         the signed list of current manifests
 *   GET  /v1/manifests/SHA256
 *   GET  /v1/time?nonce=HEX    the time, signed for one question
 *   POST /v1/enrolments        see src/contract/wire/enrolment.ts
 *   GET  /v1/enrolments/ID
 *
 * The certificate is looked at for each request, so a device that is shut out gets nothing more over a connection that it has open.
 * Load is shed with 503 and `Retry-After`, which a device takes for what it is: not a failure.
 */
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { EdgewiseError } from '../../../base/errors.ts';
import { asRefusal, sendBytes, sendRefusal } from './answers.ts';
import { createPace, createQuotas, type Pace } from './buckets.ts';
import { answerEnrolment } from './enrolment-endpoints.ts';
import type { ArtifactSource, DeviceStore, Enrolments } from './ports.ts';
import { sendBody, startAnswer } from './send-blob.ts';

export interface ArtifactServerLimits {
  /** Over all stores; null: no limit. */
  readonly bytesPerS: number | null;
  readonly downloads: number;
  readonly downloadsPerDevice: number;
  /** A download that could not have this much is shed instead of being starved. */
  readonly leastBytesPerS: number;
  /** Mean of what `Retry-After` says; each answer says another time, between half and one and a half of it. */
  readonly retryAfterS: number;
  readonly requestsPerMinute: number;
  /** By address. */
  readonly enrolmentsPerMinute: number;
  readonly pollsPerMinute: number;
  readonly connections: number;
  /** How long a device may take for 64 KiB, or be silent. */
  readonly idleMs: number;
}

export const DEFAULT_LIMITS: ArtifactServerLimits = {
  bytesPerS: null,
  downloads: 64,
  downloadsPerDevice: 3,
  leastBytesPerS: 2048,
  retryAfterS: 20,
  requestsPerMinute: 600,
  enrolmentsPerMinute: 20,
  pollsPerMinute: 120,
  connections: 4000,
  idleMs: 60_000,
};

export interface ArtifactServerOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** PEM. `certPem`: the server's own; the authority's is sent after it, so that a device which joins can hold it against its claim. */
  readonly tls: { readonly keyPem: string; readonly certPem: string; readonly authorityPem: string };
  readonly source: ArtifactSource;
  readonly enrolments: Enrolments;
  /** @param certificateFingerprint SHA-256 of the certificate (DER), upper-case hex in pairs with colons */
  readonly mayFetch: (deviceId: string, certificateFingerprint: string) => boolean;
  readonly storeOf: (deviceId: string) => DeviceStore | null;
  readonly limits?: Partial<ArtifactServerLimits>;
  /** Monotonic milliseconds. */
  readonly clock?: () => number;
  readonly random?: () => number;
  readonly onFault?: (error: unknown) => void;
}

export interface ArtifactServer {
  readonly port: number;
  /** Since the start. `shed`: downloads that were told to come back later. */
  stats(): { readonly downloads: number; readonly sentBytes: number; readonly shed: number };
  /** null: no limit over all. */
  setBytesPerS(bytesPerS: number | null): void;
  /** Breaks off what the device has open. */
  shutOut(deviceId: string): void;
  /** For connections from now on; those that are open stay. */
  setTls(tls: ArtifactServerOptions['tls']): void;
  close(): Promise<void>;
}

interface Download {
  readonly deviceId: string;
  readonly store: DeviceStore | null;
}

const PATH = /^\/v1\/(?:(?<kind>blobs|manifests)\/(?<sha256>[0-9a-f]{64})|roots\/(?<version>[1-9]\d{0,8})|(?<freshness>freshness)|time\?nonce=(?<nonce>[0-9a-f]{32})|enrolments(?:\/(?<id>[A-Za-z0-9_-]{1,64}))?)$/;

/** @throws the system's error where the port cannot be had */
export async function startArtifactServer(options: ArtifactServerOptions): Promise<ArtifactServer> {
  const { source, tls, enrolments } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const clock = options.clock ?? (() => performance.now());
  const random = options.random ?? Math.random;
  let bytesPerS = limits.bytesPerS;
  const allPace = createPace(bytesPerS, clock);
  const storePaces = new Map<string, Pace>();
  const requestQuotas = createQuotas(limits.requestsPerMinute, clock);
  const enrolmentQuotas = { requests: createQuotas(limits.enrolmentsPerMinute, clock), polls: createQuotas(limits.pollsPerMinute, clock) };
  const downloads = new Set<Download>();
  const sockets = new Map<TLSSocket, string | null>();
  const total = { sentBytes: 0, shed: 0 };

  /** @throws FORBIDDEN */
  function deviceOf(socket: TLSSocket): string {
    const refuse = (what: string): never => {
      throw new EdgewiseError('FORBIDDEN', `Only devices of this console may fetch: ${what}.`, { hint: 'Enrol the device, or ask the operator whether it was shut out.' });
    };
    if (!socket.authorized) return refuse('there is no certificate of its authority');
    const { subject, fingerprint256 } = socket.getPeerCertificate();
    const name: unknown = subject.CN;
    if (typeof name !== 'string' || !options.mayFetch(name, fingerprint256)) return refuse('this certificate is not one of a device that may');
    return name;
  }

  function paceOf(store: DeviceStore): Pace {
    const known = storePaces.get(store.id) ?? createPace(store.bytesPerS, clock);
    known.setRate(store.bytesPerS);
    storePaces.set(store.id, known);
    return known;
  }

  /** Why another download of this device would be one too many; null: it would not. */
  function overload({ deviceId, store }: Download): string | null {
    const running = [...downloads];
    const inStore = store === null ? 0 : running.filter((other) => other.store?.id === store.id).length;
    const starves = (rate: number | null | undefined, others: number): boolean => typeof rate === 'number' && others > 0 && rate / (others + 1) < limits.leastBytesPerS;
    if (running.length >= limits.downloads) return 'it serves as many downloads as it may at once';
    if (running.filter((other) => other.deviceId === deviceId).length >= limits.downloadsPerDevice) return 'this device has as many downloads open as it may';
    if (starves(store?.bytesPerS, inStore)) return 'the line of the store is full';
    return starves(bytesPerS, running.length) ? 'the line is full' : null;
  }

  async function answerBlob(request: IncomingMessage, response: ServerResponse, sha256: string, deviceId: string): Promise<void> {
    const store = options.storeOf(deviceId);
    const download: Download = { deviceId, store };
    const full = request.method === 'GET' ? overload(download) : null;
    if (full !== null) {
      total.shed++;
      const error = new EdgewiseError('SERVER_BUSY', `The server sheds load: ${full}.`, { hint: 'The download goes on by itself.' });
      sendRefusal(request, response, error, { 'retry-after': String(Math.max(1, Math.round(limits.retryAfterS * (0.5 + random())))) });
      return;
    }
    downloads.add(download);
    let blob;
    try {
      blob = await source.blob(sha256);
      if (blob === null) throw notFound('blob');
      const range = startAnswer(request, response, sha256, blob.length);
      if (range === null) return;
      const rates = [bytesPerS, store?.bytesPerS ?? null].filter((rate) => rate !== null);
      const paces = store === null ? [allPace] : [paceOf(store), allPace];
      const onSent = (bytes: number): void => void (total.sentBytes += bytes);
      await sendBody(response, { blob, paces, bytesPerS: rates.length === 0 ? null : Math.min(...rates), drainMs: limits.idleMs, onSent }, range);
    } finally {
      downloads.delete(download);
      await blob?.close();
    }
  }

  async function answerDocument(request: IncomingMessage, response: ServerResponse, parts: Partial<Record<string, string>>): Promise<void> {
    const { sha256, version, nonce } = parts;
    const document = await (sha256 !== undefined ? source.manifest(sha256) : version !== undefined ? source.root(Number(version)) : nonce !== undefined ? source.time(nonce) : source.freshness());
    if (document === null) throw notFound('document');
    sendBytes(request, response, 200, document, { 'content-type': 'application/octet-stream', 'cache-control': sha256 === undefined ? 'no-store' : 'private, max-age=31536000, immutable' });
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('x-content-type-options', 'nosniff');
    const parts: Partial<Record<string, string>> | undefined = PATH.exec(request.url ?? '')?.groups;
    if (parts !== undefined && Object.values(parts).every((part) => part === undefined || part === parts['id'])) {
      await answerEnrolment(request, response, parts['id'] ?? null, enrolments, enrolmentQuotas);
      return;
    }
    const socket = request.socket as TLSSocket;
    const deviceId = deviceOf(socket);
    sockets.set(socket, deviceId);
    const waitMs = requestQuotas.take(deviceId);
    if (waitMs > 0) {
      sendRefusal(request, response, new EdgewiseError('SERVER_BUSY', 'This device asks too often.', { hint: 'It asks again by itself.' }), { 'retry-after': String(Math.ceil(waitMs / 1000)) }, 429);
    } else if (parts === undefined) throw notFound('path');
    else if (request.method !== 'GET' && request.method !== 'HEAD') {
      sendRefusal(request, response, new EdgewiseError('BAD_REQUEST', 'This path takes GET and HEAD alone.'), { allow: 'GET, HEAD' }, 405);
    } else if (parts['kind'] === 'blobs') await answerBlob(request, response, parts['sha256'] ?? '', deviceId);
    else await answerDocument(request, response, parts);
  }

  const server = createServer(
    {
      ...secure(tls),
      requestCert: true,
      // A device that joins has no certificate yet; deviceOf() refuses the others.
      rejectUnauthorized: false,
      handshakeTimeout: 10_000,
      maxHeaderSize: 8192,
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      keepAliveTimeout: 5000,
    },
    (request, response) => {
      answer(request, response).catch((error: unknown) => {
        const refusal = asRefusal(error);
        if (refusal.code === 'INTERNAL') options.onFault?.(error);
        if (response.headersSent) response.destroy();
        // What is left of a body that was refused is not read.
        else sendRefusal(request, response, refusal, request.complete ? {} : { connection: 'close' });
      });
    },
  );
  server.maxConnections = limits.connections;
  server.setTimeout(2 * limits.idleMs);
  server.on('secureConnection', (socket) => {
    sockets.set(socket, null);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', (_, socket) => void socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', (error) => options.onFault?.(error));

  return {
    port: (server.address() as AddressInfo).port,
    stats: () => ({ downloads: downloads.size, ...total }),
    setBytesPerS(next) {
      bytesPerS = next;
      allPace.setRate(next);
    },
    shutOut(deviceId) {
      for (const [socket, owner] of sockets) if (owner === deviceId) socket.destroy();
    },
    setTls: (next) => server.setSecureContext(secure(next)),
    async close() {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function secure({ keyPem, certPem, authorityPem }: ArtifactServerOptions['tls']): SecureContextOptions {
  return { key: keyPem, cert: `${certPem.trim()}\n${authorityPem.trim()}\n`, ca: authorityPem, minVersion: 'TLSv1.3' };
}

function notFound(what: string): EdgewiseError {
  return new EdgewiseError('NOT_FOUND', `There is no such ${what} here.`, { hint: 'What is served changes when something is published or withdrawn: ask for the current documents.' });
}
