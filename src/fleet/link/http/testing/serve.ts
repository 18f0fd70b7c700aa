/** An artifact server on a free port with content in memory, and devices for it. */
import { sha256 } from '../../../artifact/keys.ts';
import { certificateSha256 } from '../pinned-tls.ts';
import { createArtifactClient, type ArtifactClient } from '../client.ts';
import type { ArtifactSource, Enrolments } from '../ports.ts';
import { startArtifactServer, type ArtifactServer, type ArtifactServerOptions } from '../server.ts';
import { issue, testAuthority, type Issued, type TestAuthority } from './certificates.ts';

export const HOST = '127.0.0.1';

export interface TestServer {
  readonly server: ArtifactServer;
  readonly url: string;
  readonly authority: TestAuthority;
  /** SHA-256 of the authority's certificate, as a claim has it. */
  readonly ca: string;
  readonly blobs: Map<string, Uint8Array>;
  /** By path below /v1/: roots/2, freshness, manifests/SHA, time. */
  readonly documents: Map<string, Uint8Array>;
  readonly shutOut: Set<string>;
  readonly faults: unknown[];
  add(blob: Uint8Array): string;
  device(name: string): Promise<Issued>;
  client(identity: Issued, timeoutMs?: number): ArtifactClient;
  close(): Promise<void>;
}

export const noEnrolments: Enrolments = {
  request: () => Promise.reject(new Error('nobody joins here')),
  poll: () => Promise.reject(new Error('nobody joins here')),
};

export async function serve(options: Partial<ArtifactServerOptions> & { readonly onRead?: (offset: number) => Promise<void> } = {}): Promise<TestServer> {
  const authority = await testAuthority();
  const own = await issue(authority, { name: 'server', usage: 'server', host: HOST });
  const blobs = new Map<string, Uint8Array>();
  const documents = new Map<string, Uint8Array>();
  const shutOut = new Set<string>();
  const faults: unknown[] = [];
  const documentAt = async (path: string): Promise<Uint8Array | null> => documents.get(path) ?? null;
  const source: ArtifactSource = {
    async blob(digest) {
      const bytes = blobs.get(digest);
      if (bytes === undefined) return null;
      return {
        length: bytes.length,
        async read(offset, length) {
          await options.onRead?.(offset);
          return bytes.subarray(offset, offset + length);
        },
        close: async () => {},
      };
    },
    root: (version) => documentAt(`roots/${version}`),
    freshness: () => documentAt('freshness'),
    manifest: (digest) => documentAt(`manifests/${digest}`),
    time: () => documentAt('time'),
  };
  const server = await startArtifactServer({
    host: HOST,
    port: 0,
    tls: { keyPem: own.keyPem, certPem: own.certPem, authorityPem: authority.certPem },
    source,
    enrolments: noEnrolments,
    mayFetch: (deviceId) => deviceId.startsWith('device-') && !shutOut.has(deviceId),
    storeOf: () => null,
    random: () => 0.5,
    onFault: (error) => faults.push(error),
    ...options,
  });
  const url = `https://${HOST}:${server.port}`;
  const clients: ArtifactClient[] = [];
  return {
    server,
    url,
    authority,
    ca: certificateSha256(authority.certPem),
    blobs,
    documents,
    shutOut,
    faults,
    add(blob) {
      const digest = sha256(blob);
      blobs.set(digest, blob);
      return digest;
    },
    device: (name) => issue(authority, { name, usage: 'device' }),
    client(identity, timeoutMs = 5000) {
      const client = createArtifactClient({ url, tls: { authority: { pem: authority.certPem }, identity }, timeoutMs });
      clients.push(client);
      return client;
    },
    async close() {
      for (const client of clients) client.close();
      await server.close();
    },
  };
}
