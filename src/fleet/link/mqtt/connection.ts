/**
 * One MQTT connection that keeps itself: MQTT 3.1.1, JSON, quality of service 1. It comes back by itself with growing, jittered pauses, asks for
 * its last will anew each time, and hands on only what fits its schema and size.
 */
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import type { z } from 'zod';
import { EdgewiseError } from '../../../base/errors.ts';
import { MAX_MESSAGE_BYTES } from '../../../contract/wire/messages.ts';

/** PEM. `authorityPem`: whoever vouches for the broker. Without `identity`, user name and password in the URL, if any, have to do. */
export interface LinkTls {
  readonly authorityPem: string;
  readonly identity?: { readonly certPem: string; readonly keyPem: string };
}

export type LinkState = 'connecting' | 'connected' | 'disconnected' | 'closed';

export interface ConnectionOptions {
  /** `mqtts://host:port`; `mqtt://` on this machine only. */
  readonly url: string;
  readonly tls?: LinkTls;
  readonly clientId: string;
  readonly subscriptions: readonly string[];
  /** Asked for before each connection. */
  readonly will?: () => { readonly topic: string; readonly message: unknown };
  readonly onMessage: (topic: string, payload: Uint8Array) => void;
  /** Connected and subscribed, or not. */
  readonly onState: (state: LinkState, error?: EdgewiseError) => void;
  readonly random: () => number;
  /** Pauses between tries double from the first to the second. */
  readonly retry?: { readonly firstMs: number; readonly mostMs: number };
}

export interface Connection {
  /** @returns when the broker has it. @throws CONFLICT while there is no connection, or where it ends before that */
  publish(topic: string, message: unknown): Promise<void>;
  /** Says good-bye: the last will is not told. */
  close(): Promise<void>;
  /** Ends as a line does that breaks, and stays away: nothing is said, so the broker tells the last will. */
  lose(): void;
}

const KEEPALIVE_S = 30;
const CONNECT_MS = 20_000;
const RETRY = { firstMs: 1000, mostMs: 60_000 };

/** @throws BAD_REQUEST for an address that is none, or would go over the network in clear */
export function openConnection(options: ConnectionOptions): Connection {
  refuseClear(options.url);
  const { random, onState } = options;
  const retry = options.retry ?? RETRY;
  let client: MqttClient | undefined;
  let timer: NodeJS.Timeout | undefined;
  let tries = 0;
  let ready = false;
  let closed = false;

  const again = (): void => {
    if (closed) return;
    const pause = Math.min(retry.mostMs, retry.firstMs * 2 ** Math.min(tries++, 16));
    // Half of it by chance: after a power cut a thousand devices come back in the same second.
    timer = setTimeout(start, pause / 2 + (random() * pause) / 2);
  };

  const start = (): void => {
    const will = options.will?.();
    const settings: IClientOptions = {
      protocolVersion: 4,
      clientId: options.clientId,
      clean: false,
      keepalive: KEEPALIVE_S,
      connectTimeout: CONNECT_MS,
      // Coming back is done here: the last will has to be another one each time.
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      ...(options.tls === undefined ? {} : { ca: options.tls.authorityPem, rejectUnauthorized: true, ...(options.tls.identity ? { cert: options.tls.identity.certPem, key: options.tls.identity.keyPem } : {}) }),
      ...(will ? { will: { topic: will.topic, payload: Buffer.from(JSON.stringify(will.message)), qos: 1, retain: false } } : {}),
    };
    onState('connecting');
    const mine = connect(options.url, settings);
    client = mine;
    let failure: EdgewiseError | undefined;
    mine.on('connect', () => {
      mine.subscribe(Object.fromEntries(options.subscriptions.map((topic) => [topic, { qos: 1 }])), (error, granted) => {
        if (client !== mine || closed) return;
        // 128: refused. Without its topics the connection is of no use.
        const refused = granted?.some(({ qos }) => (qos as number) === 128);
        if (error || refused) {
          failure = new EdgewiseError('FORBIDDEN', `The broker at ${safe(options.url)} does not let ${options.clientId} listen to its own topics.`, { hint: 'Check the rights that the broker gives to this name (docs/link.md).' });
          mine.end(true);
          return;
        }
        tries = 0;
        ready = true;
        onState('connected');
      });
    });
    mine.on('message', (topic, payload) => options.onMessage(topic, payload));
    mine.on('error', (error) => {
      failure ??= named(options.url, options.clientId, error);
    });
    mine.on('close', () => {
      if (client !== mine) return;
      client = undefined;
      ready = false;
      mine.removeAllListeners();
      mine.on('error', () => {});
      mine.end(true);
      if (closed) return;
      onState('disconnected', failure);
      again();
    });
  };

  start();
  return {
    publish(topic, message) {
      const at = client;
      if (at === undefined || !ready) return Promise.reject(new EdgewiseError('CONFLICT', 'There is no connection to the broker now.', { hint: 'It is tried again by itself.' }));
      return new Promise((resolve, reject) => {
        at.publish(topic, JSON.stringify(message), { qos: 1 }, (error) => {
          if (error) reject(new EdgewiseError('CONFLICT', 'The connection to the broker ended before it had the message.', { hint: 'It is sent again by itself.', cause: error }));
          else resolve();
        });
      });
    },
    lose() {
      closed = true;
      ready = false;
      clearTimeout(timer);
      const at = client;
      client = undefined;
      at?.on('error', () => {});
      at?.end(true);
    },
    async close() {
      if (closed) return;
      closed = true;
      clearTimeout(timer);
      const at = client;
      client = undefined;
      if (at) {
        await new Promise<void>((resolve) => {
          const late = setTimeout(() => {
            at.end(true);
            resolve();
          }, 2000);
          at.end(false, {}, () => {
            clearTimeout(late);
            resolve();
          });
        });
      }
      onState('closed');
    },
  };
}

/** @returns null for what is too large, no JSON, or another shape: said to `onBad` */
export function parseMessage<S extends z.ZodType>(schema: S, topic: string, payload: Uint8Array, onBad: (text: string) => void): z.infer<S> | null {
  if (payload.length > MAX_MESSAGE_BYTES) {
    onBad(`${topic}: ${payload.length} bytes, more than a message may have`);
    return null;
  }
  try {
    const parsed = schema.safeParse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)));
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    onBad(`${topic}: ${issue?.path.map(String).join('.') ?? ''} ${issue?.message ?? 'not understood'}`);
  } catch {
    onBad(`${topic}: no JSON in UTF-8`);
  }
  return null;
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/u;

function refuseClear(url: string): void {
  const parsed = URL.parse(url);
  if (parsed !== null && (parsed.protocol === 'mqtts:' || parsed.protocol === 'wss:')) return;
  if (parsed !== null && parsed.protocol === 'mqtt:' && LOOPBACK.test(parsed.hostname)) return;
  throw new EdgewiseError('BAD_REQUEST', parsed === null ? 'The address of the broker is no URL.' : `The address ${safe(url)} would be spoken to in clear.`, { hint: 'Use mqtts://HOST:PORT.' });
}

/** Without user name and password. */
function safe(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? '(no URL)' : `${parsed.protocol}//${parsed.host}`;
}

function named(url: string, clientId: string, error: Error & { readonly code?: unknown }): EdgewiseError {
  const at = `the broker at ${safe(url)}`;
  if (error.code === 4 || error.code === 5) return new EdgewiseError('FORBIDDEN', `${clientId} was turned away by ${at}.`, { hint: 'Its certificate is for another name, was revoked, or is not of the authority that the broker knows.', cause: error });
  if (typeof error.code === 'string' && /CERT|SIGNED|ALTNAME|SSL|TLS/u.test(error.code)) return new EdgewiseError('FORBIDDEN', `${at[0]?.toUpperCase()}${at.slice(1)} could not prove who it is: ${error.message}.`, { hint: 'Check the address and the authority of the broker.', cause: error });
  return new EdgewiseError('CONFLICT', `${at[0]?.toUpperCase()}${at.slice(1)} cannot be reached: ${error.message}.`, { hint: 'It is tried again by itself. Check address, port and firewall.', cause: error });
}
