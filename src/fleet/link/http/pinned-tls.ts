/**
 * A TLS connection to the console and to nobody else: the server's certificate must be issued by the one authority that this device
 * knows, in full or by its fingerprint, and be for this host. Nothing is sent before that is certain.
 *
 * The dates of the certificate are left aside. A device without a battery for its clock starts in 1970 and would never reach the server that
 * tells it the time; what it takes from there is signed, with its own rules for time (src/fleet/artifact/clock.ts).
 */
import { createHash, X509Certificate } from 'node:crypto';
import { Agent, type AgentOptions } from 'node:https';
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import type { Duplex } from 'node:stream';
import { EdgewiseError } from '../../../base/errors.ts';

/** The authority in full, or the SHA-256 of its certificate (DER) as a claim code has it. */
export type PinnedAuthority = { readonly pem: string } | { readonly sha256: string };

export interface PinnedTls {
  readonly authority: PinnedAuthority;
  /** The device's own, PEM; absent while it joins. */
  readonly identity?: { readonly certPem: string; readonly keyPem: string };
}

/** SHA-256 of a certificate (DER), 64 hex digits. */
export function certificateSha256(pem: string): string {
  return createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');
}

/** For the connection and its handshake. */
const CONNECT_MS = 20_000;
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

/** @throws FORBIDDEN */
function checkServer(socket: TLSSocket, host: string, authority: PinnedAuthority): void {
  const refuse = (what: string): never => {
    throw new EdgewiseError('FORBIDDEN', `The server at ${host} is not the console that this device belongs to: ${what}.`, {
      hint: 'Check the address. If the console was set up anew, the device must join again with a new claim code.',
    });
  };
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined) return refuse('it has no certificate');
  const root = 'pem' in authority ? new X509Certificate(authority.pem) : rootOf(leaf);
  if ('sha256' in authority && createHash('sha256').update(root.raw).digest('hex') !== authority.sha256) return refuse('its authority is another one than in the claim code');
  if (!root.ca || leaf.ca || !leaf.checkIssued(root) || !leaf.verify(root.publicKey)) return refuse('its certificate is of another authority');
  // For an address only a name that is an address counts; keyUsage is what the extended key usage is called here.
  const named = isIP(host) === 0 ? leaf.checkHost(host, { wildcards: false }) : leaf.checkIP(host);
  if (named === undefined) return refuse(`its certificate is for ${leaf.subjectAltName ?? 'no host'}`);
  // eslint-disable-next-line typescript/no-unnecessary-condition -- undefined where the certificate has none, against its type
  if (leaf.keyUsage?.includes(SERVER_AUTH) !== true) return refuse('its certificate is not one of a server');
}

/** The last of the chain that the server sent. */
function rootOf(leaf: X509Certificate): X509Certificate {
  let last = leaf;
  for (let depth = 0; depth < 4; depth++) {
    const issuer = last.issuerCertificate;
    if (issuer === undefined || issuer.fingerprint256 === last.fingerprint256) break;
    last = issuer;
  }
  return last;
}

/** Connections that are checked as above before the first byte of a request. */
export class PinnedAgent extends Agent {
  readonly #tls: PinnedTls;

  constructor(tls: PinnedTls, options: AgentOptions) {
    super(options);
    this.#tls = tls;
  }

  override createConnection(options: { readonly host?: string | null; readonly port?: number | string | null }, callback?: (error: Error | null, stream: Duplex) => void): Duplex | null | undefined {
    const host = (options.host ?? '').replace(/^\[(.*)\]$/, '$1');
    const { authority, identity } = this.#tls;
    const socket = connect({
      host,
      port: Number(options.port ?? 443),
      ...(isIP(host) === 0 ? { servername: host } : {}),
      minVersion: 'TLSv1.3',
      // checkServer() decides: this would also look at the dates, and knows no fingerprints.
      rejectUnauthorized: false,
      ...('pem' in authority ? { ca: authority.pem } : {}),
      ...(identity === undefined ? {} : { cert: identity.certPem, key: identity.keyPem }),
    });
    let settled = false;
    const settle = (error: Error | null): void => {
      if (settled) return;
      settled = true;
      socket.setTimeout(0);
      if (error !== null) socket.destroy();
      callback?.(error, socket);
    };
    const fail = (error: Error): void => settle(error);
    socket.setTimeout(CONNECT_MS, () => settle(Object.assign(new Error('the server did not answer'), { code: 'ETIMEDOUT' })));
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      try {
        checkServer(socket, host, authority);
        socket.off('error', fail);
        settle(null);
      } catch (error) {
        settle(error as Error);
      }
    });
    return undefined;
  }
}
