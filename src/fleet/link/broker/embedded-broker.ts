/**
 * The broker that comes with the console: aedes, over TLS with certificates on both sides, kept on the disk by level. Good for a thousand or
 * two devices; beyond that, docs/link.md says how to set up another one with the same rights.
 */
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { createServer, type Server } from 'node:tls';
import { Aedes, type AuthenticateError, type Client } from 'aedes';
import aedesPersistence from 'aedes-persistence-level';
import { ClassicLevel } from 'classic-level';
import { EdgewiseError } from '../../../base/errors.ts';
import { MAX_MESSAGE_BYTES } from '../../../contract/wire/messages.ts';
import { CONSOLE_NAME } from '../pki/authority.ts';
import { createCloneWatch } from './clones.ts';
import { mayPublish, maySubscribe } from './rights.ts';

export interface EmbeddedBrokerOptions {
  /** Sessions, subscriptions and messages that wait are kept here. */
  readonly folder: string;
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly tls: { readonly keyPem: string; readonly certPem: string; readonly authorityPem: string };
  /** Asked at each connection. @param certificateFingerprint SHA-256 (DER), upper-case hex in pairs with colons */
  readonly mayConnect: (deviceId: string, certificateFingerprint: string) => boolean;
  /** Two devices use this one's certificate. */
  readonly onClone?: (deviceId: string) => void;
  /** Somebody tried what he may not: a line for the log. */
  readonly onRefused?: (text: string) => void;
  readonly maxConnections?: number;
  /** Monotonic milliseconds. */
  readonly clock?: () => number;
}

export interface EmbeddedBroker {
  /** `mqtts://host:port`, by the host that it listens on. */
  readonly url: string;
  readonly port: number;
  /** Devices with an open session, the console left out. */
  sessions(): number;
  /** Messages that came in since the start. */
  messages(): number;
  /** Ends the device's session now. Whether it may come back, `mayConnect` says. */
  shutOut(deviceId: string): void;
  /** For connections from now on; those that are open stay. */
  setTls(tls: EmbeddedBrokerOptions['tls']): void;
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 20_000;
const HANDSHAKE_MS = 15_000;
/** Of TCP, so that a connection whose other end is gone does not stay for ever. */
const KEEP_ALIVE_MS = 60_000;
/** A packet has a header and a topic beside its payload. */
const PACKET_BYTES = MAX_MESSAGE_BYTES + 4096;

/**
 * The broker takes a message with a lower number than the last one for one that comes twice, and drops it. Numbers are given before the disk is
 * asked, so two devices that publish in the same moment may pass each other, and the slower one's message would be lost. Our subscriptions do
 * not overlap: nothing comes twice.
 */
const NOTHING_TWICE: Readonly<Record<string, number>> = new Proxy({}, { get: () => 0, set: () => true });

const refusal = (message: string): AuthenticateError => Object.assign(new Error(message), { returnCode: 5 });

/** @throws CONFLICT where the port is taken, FORBIDDEN where it may not be had, WRITE_FAILED where the folder cannot be used */
export async function startEmbeddedBroker(options: EmbeddedBrokerOptions): Promise<EmbeddedBroker> {
  const { tls } = options;
  const clock = options.clock ?? (() => performance.now());
  const refused = options.onRefused ?? (() => {});
  const clones = createCloneWatch(clock);
  const open = new Map<string, Client>();
  let messages = 0;

  const database = new ClassicLevel(options.folder);
  try {
    await database.open();
  } catch (cause) {
    throw new EdgewiseError('WRITE_FAILED', `The broker cannot use its folder ${options.folder}: ${cause instanceof Error ? cause.message : String(cause)}.`, {
      hint: 'Check that the disk has room and that no other console uses this data folder.',
      cause,
    });
  }

  const aedes = await Aedes.createBroker({
    persistence: aedesPersistence(database),
    connectTimeout: HANDSHAKE_MS,
    maxTopicLevels: 8,
    preConnect(client, packet, done) {
      Object.assign(client, { duplicates: NOTHING_TWICE });
      // A will is a message too: it is looked at before anybody can count on it.
      const { will } = packet;
      const bad = will && (!mayPublish(packet.clientId, will.topic) || will.payload.length > MAX_MESSAGE_BYTES);
      if (bad) refused(`${packet.clientId}: a last will for ${will.topic}`);
      if (will) will.retain = false;
      done(bad ? new Error('the last will is not allowed') : null, !bad);
    },
    authenticate(client, _username, _password, done) {
      const certificate = (client.conn as TLSSocket).getPeerX509Certificate();
      const name = /(?:^|\n)CN=([^\n]+)/u.exec(certificate?.subject ?? '')?.[1];
      if (certificate === undefined || name === undefined || name !== client.id) {
        refused(`${client.id}: its certificate is for ${name ?? 'nobody'}`);
        return done(refusal('the certificate is for another name'), false);
      }
      if (name !== CONSOLE_NAME && !options.mayConnect(name, certificate.fingerprint256)) {
        refused(`${name}: not accepted, or shut out`);
        return done(refusal('this device is not accepted'), false);
      }
      if (open.has(name) && name !== CONSOLE_NAME && clones.takenOver(name)) options.onClone?.(name);
      done(null, true);
    },
    authorizePublish(client, packet, done) {
      const from = client?.id ?? '';
      packet.retain = false;
      if (packet.payload.length > MAX_MESSAGE_BYTES) {
        refused(`${from}: a message of ${packet.payload.length} bytes`);
        return done(new Error('the message is too large'));
      }
      if (client !== null && !mayPublish(from, packet.topic)) {
        refused(`${from}: publishing to ${packet.topic.slice(0, 200)}`);
        return done(new Error('not allowed to publish here'));
      }
      done(null);
    },
    authorizeSubscribe(client, subscription, done) {
      if (maySubscribe(client.id, subscription.topic)) return done(null, subscription);
      refused(`${client.id}: subscribing to ${subscription.topic.slice(0, 200)}`);
      done(null, null);
    },
  });

  // Before the device is told that it is in: from then on it can be shut out.
  aedes.on('client', (client) => {
    open.set(client.id, client);
    const certificate = (client.conn as TLSSocket).getPeerX509Certificate();
    if (client.id !== CONSOLE_NAME && (certificate === undefined || !options.mayConnect(client.id, certificate.fingerprint256))) client.close();
  });
  aedes.on('clientDisconnect', (client) => {
    // The one that took over has the name by now.
    if (open.get(client.id) === client) open.delete(client.id);
  });
  aedes.on('publish', (_packet, client) => {
    if (client) messages++;
  });
  // Told by `refused` where it matters; the rest is lines that break.
  aedes.on('clientError', () => {});
  aedes.on('connectionError', () => {});

  const server = createServer({ ...secure(tls), requestCert: true, rejectUnauthorized: true, handshakeTimeout: HANDSHAKE_MS }, (socket) => {
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.setNoDelay(true);
    const client = aedes.handle(socket);
    socket.on('error', () => {});
    // The parser collects a packet before anybody sees it: what is longer than any message may be is cut off here.
    socket.on('data', () => {
      if (collected(client) > PACKET_BYTES) socket.destroy();
    });
  });
  server.maxConnections = options.maxConnections ?? MAX_CONNECTIONS;
  server.on('tlsClientError', () => {});
  try {
    await listen(server, options);
  } catch (error) {
    await closeBroker(aedes);
    await database.close();
    throw error;
  }
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;

  let closed: Promise<void> | undefined;
  return {
    url: `mqtts://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    port,
    sessions: () => open.size - (open.has(CONSOLE_NAME) ? 1 : 0),
    messages: () => messages,
    shutOut(deviceId) {
      const client = open.get(deviceId);
      if (client) client.close();
    },
    setTls: (next) => server.setSecureContext(secure(next)),
    close() {
      closed ??= (async () => {
        const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
        await closeBroker(aedes);
        await stopped;
        await database.close();
      })();
      return closed;
    },
  };
}

function secure({ keyPem, certPem, authorityPem }: EmbeddedBrokerOptions['tls']): SecureContextOptions {
  return { key: keyPem, cert: certPem, ca: authorityPem, minVersion: 'TLSv1.2' };
}

/** Bytes of a packet that is not whole yet. */
function collected(client: Client): number {
  const { _parser } = client as { readonly _parser?: { readonly _list?: { readonly length: number } } };
  return _parser?._list?.length ?? 0;
}

function closeBroker(aedes: Aedes): Promise<void> {
  return new Promise((resolve) => aedes.close(() => resolve()));
}

function listen(server: Server, { host, port }: EmbeddedBrokerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      reject(
        new EdgewiseError(taken ? 'CONFLICT' : 'FORBIDDEN', taken ? `Port ${port} of the broker is taken by another program.` : `The broker cannot listen on ${host} port ${port}: ${cause.message}.`, {
          hint: 'Choose another port or address under Fleet, Connection.',
          cause,
        }),
      );
    });
    server.listen(port, host, () => resolve());
  });
}
