/** For tests: a publisher with real keys behind a real HTTP server, and models that tell by their own bytes how they behave. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EdgewiseError } from '../../../base/errors.ts';
import type { ManifestDocument } from '../../../contract/records/artifact.ts';
import { signDocument } from '../../artifact/documents.ts';
import { sha256 } from '../../artifact/keys.ts';
import { packFile } from '../../artifact/pack.ts';
import { at, freshnessOf, manifestOf, newKeys, NOW, rootOf } from '../../artifact/testing/publisher.ts';
import type { AgentArtifacts } from '../ports.ts';

/** What a model of the tests does. */
export interface Behaviour {
  readonly latencyMs?: number;
  /** After the swap. */
  readonly serviceMs?: number;
  readonly accuracy?: number;
  /** `load`: does not start. `serve`: dies at its first inference in service. `deadly`: its start ends the device. `benchmark`: dies when it is measured. */
  readonly fault?: 'load' | 'serve' | 'deadly' | 'benchmark';
  readonly bytes?: number;
}

export interface PublishedVersion {
  readonly artifact: 'flow';
  readonly version: number;
  readonly digest: string;
}

export interface PublisherServer {
  readonly url: string;
  readonly root: Uint8Array;
  /** Answers in place of the server: a status, or nothing. */
  intercept: (path: string) => number | null;
  /** The console's time. */
  now: () => number;
  readonly requests: string[];
  publish(version: number, behaviour?: Behaviour, change?: Partial<ManifestDocument>): Promise<PublishedVersion>;
  close(): void;
}

export async function startPublisher(): Promise<PublisherServer> {
  const keys = newKeys();
  const root = signDocument(rootOf(keys), keys.root.slice(0, 2));
  const blobs = new Map<string, Uint8Array>();
  const manifests = new Map<string, Uint8Array>();
  const listed: ManifestDocument[] = [];
  const begun = performance.now();

  const documentAt = (path: string): Uint8Array | undefined => {
    if (path === '/v1/roots/1') return root;
    if (path === '/v1/freshness') return signDocument(freshnessOf(listed.length, listed, { issuedAt: at(NOW - 60_000) }), keys.freshness);
    const manifest = /^\/v1\/manifests\/(\w+)$/.exec(path)?.[1];
    if (manifest !== undefined) return manifests.get(manifest);
    const nonce = /^\/v1\/time\?nonce=(\w+)$/.exec(path)?.[1];
    return nonce === undefined ? undefined : signDocument({ type: 'time', format: 1, nonce, at: at(publisher.now()) }, keys.freshness);
  };

  const server = createServer((request, response) => {
    const path = request.url ?? '';
    publisher.requests.push(path);
    const status = publisher.intercept(path);
    if (status !== null) {
      response.writeHead(status, { 'retry-after': '0' }).end();
      return;
    }
    const blob = blobs.get(/^\/v1\/blobs\/(\w+)$/.exec(path)?.[1] ?? '') ?? documentAt(path);
    const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (blob === undefined) response.writeHead(404).end();
    else if (from > 0) response.writeHead(206, { 'content-range': `bytes ${from}-${blob.length - 1}/${blob.length}` }).end(blob.subarray(from));
    else response.writeHead(200, { 'content-length': blob.length }).end(blob);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const publisher: PublisherServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    root,
    intercept: () => null,
    now: () => NOW + performance.now() - begun,
    requests: [],
    async publish(version, behaviour = {}, change = {}) {
      const text = Buffer.from(JSON.stringify({ version, ...behaviour }));
      const model = Buffer.concat([text, Buffer.alloc(Math.max(0, (behaviour.bytes ?? 3000) - text.length), 32)]);
      const packed = await packFile('model.onnx', model, []);
      const [variant] = manifestOf(version).variants;
      if (variant === undefined) throw new Error('no variant');
      const manifest = manifestOf(version, { variants: [{ ...variant, files: [packed.file] }], ...change });
      const digest = sha256(Buffer.from(JSON.stringify(manifest)));
      manifests.set(digest, signDocument(manifest, keys.release));
      for (const [sha, bytes] of packed.blobs) blobs.set(sha, bytes);
      listed.push(manifest);
      return { artifact: 'flow', version, digest };
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return publisher;
}

/** The device's side, without certificates. */
export function plainArtifacts(url: string): AgentArtifacts {
  const document = async (path: string, signal?: AbortSignal): Promise<Uint8Array> => {
    const response = await globalThis.fetch(`${url}${path}`, signal === undefined ? {} : { signal });
    if (response.status === 503) throw new EdgewiseError('SERVER_BUSY', 'Busy.', { details: { retryAfterMs: 5000 } });
    if (response.status === 404) throw new EdgewiseError('NOT_FOUND', 'There is no such document.');
    if (response.status !== 200) throw new EdgewiseError('DOWNLOAD_FAILED', `The server answered ${response.status}.`);
    return new Uint8Array(await response.arrayBuffer());
  };
  return {
    fetch: globalThis.fetch as AgentArtifacts['fetch'],
    blobsUrl: `${url}/v1/blobs`,
    documents: async (_, digest, signal) => ({ roots: [], freshness: await document('/v1/freshness', signal), manifest: await document(`/v1/manifests/${digest}`, signal) }),
    time: (nonce, signal) => document(`/v1/time?nonce=${nonce}`, signal),
    close: () => {},
  };
}
