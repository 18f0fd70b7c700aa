/**
 * Who may talk to the browser host. It listens on the loopback address only, but so does every page the person has open elsewhere:
 * the Host header stops DNS rebinding, the Origin header stops foreign pages, and the session cookie stops other users of the machine.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** The Host header where it names this server, else undefined. */
export function checkedHost(request: IncomingMessage, port: number): string | undefined {
  const host = request.headers.host;
  return host === `127.0.0.1:${port}` || host === `localhost:${port}` ? host : undefined;
}

/** Whether the Origin header, where there is one, is this server's own. `required`: it must be there. */
export function originAllowed(request: IncomingMessage, host: string, required: boolean): boolean {
  const origin = request.headers.origin;
  return origin === undefined ? !required : origin === `http://${host}`;
}

export interface Sessions {
  /** A token that opens one session; it is worth nothing afterwards. */
  newToken(): string;
  /** Exchanges a token for the value of a session cookie. */
  exchange(token: string): string | undefined;
  /** A session for a program of the same user; it knows its cookie, as `name=value`. */
  openLocal(): string;
  /** Whether the request carries the cookie of a session. */
  has(request: IncomingMessage): boolean;
  /** The Set-Cookie header for a session. */
  cookie(session: string): string;
}

/** @param port cookies are shared by all ports of a host, so the cookie's name carries it */
export function createSessions(port: () => number): Sessions {
  // Digests only: comparing them takes the same time whatever the input, and the secrets themselves stay nowhere.
  const tokens = new Set<string>();
  const sessions = new Set<string>();
  const name = (): string => `edgewise_${port()}`;
  return {
    newToken() {
      const token = randomBytes(32).toString('base64url');
      tokens.add(digest(token));
      return token;
    },
    exchange(token) {
      const found = find(tokens, token);
      if (found === undefined) return undefined;
      tokens.delete(found);
      const session = randomBytes(32).toString('base64url');
      sessions.add(digest(session));
      return session;
    },
    openLocal() {
      const session = randomBytes(32).toString('base64url');
      sessions.add(digest(session));
      return `${name()}=${session}`;
    },
    has(request) {
      const value = cookieOf(request, name());
      return value !== undefined && find(sessions, value) !== undefined;
    },
    cookie: (session) => `${name()}=${session}; HttpOnly; SameSite=Strict; Path=/`,
  };
}

function digest(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

function find(digests: ReadonlySet<string>, secret: string): string | undefined {
  const wanted = Buffer.from(digest(secret), 'hex');
  for (const candidate of digests) if (timingSafeEqual(Buffer.from(candidate, 'hex'), wanted)) return candidate;
  return undefined;
}

function cookieOf(request: IncomingMessage, name: string): string | undefined {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const at = part.indexOf('=');
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}
