/** What the artifact server answers, over real TLS. */
import { request } from 'node:https';
import { randomBytes, X509Certificate } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ArtifactClient } from './client.ts';
import { issue, testAuthority, type Issued } from './testing/certificates.ts';
import { HOST, serve, type TestServer } from './testing/serve.ts';

const bytes = randomBytes(300_000);
let test: TestServer;
let client: ArtifactClient;
let device: Issued;
let digest: string;

beforeAll(async () => {
  test = await serve();
  digest = test.add(bytes);
  device = await test.device('device-1');
  client = test.client(device);
});
afterAll(() => test.close());

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

/** A request as it is written, whatever it is; without an identity where none is given. */
function ask(path: string, more: { readonly method?: string; readonly headers?: Record<string, string>; readonly identity?: Issued | null; readonly body?: string; readonly port?: number } = {}): Promise<Answer> {
  const identity = more.identity === undefined ? device : more.identity;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: HOST,
        port: more.port ?? test.server.port,
        path,
        method: more.method ?? 'GET',
        headers: more.headers ?? {},
        agent: false,
        rejectUnauthorized: false,
        ...(identity === null ? {} : { cert: identity.certPem, key: identity.keyPem }),
      },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(pieces) }));
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(more.body);
  });
}

const blobPath = (): string => `/v1/blobs/${digest}`;

describe('a blob', () => {
  it('comes whole, under its digest as a strong tag', async () => {
    const { status, headers, body } = await ask(blobPath());
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'content-length': '300000', 'accept-ranges': 'bytes', etag: `"${digest}"`, 'content-type': 'application/octet-stream' });
    expect(body.equals(bytes)).toBe(true);
  });

  it.each([
    ['bytes=100000-', undefined, 206, 'bytes 100000-299999/300000', [100_000, 300_000]],
    ['bytes=0-0', undefined, 206, 'bytes 0-0/300000', [0, 1]],
    ['bytes=-5', undefined, 206, 'bytes 299995-299999/300000', [299_995, 300_000]],
    ['bytes=100000-', 'same', 206, 'bytes 100000-299999/300000', [100_000, 300_000]],
    ['bytes=100000-', '"other"', 200, undefined, [0, 300_000]],
    ['bytes=0-1,5-6', undefined, 200, undefined, [0, 300_000]],
    ['bytes=300000-', undefined, 416, 'bytes */300000', [0, 0]],
  ] as const)('range %s, If-Range %s: %i', async (range, ifRange, expected, contentRange, [start, end]) => {
    const { status, headers, body } = await ask(blobPath(), { headers: { range, ...(ifRange === undefined ? {} : { 'if-range': ifRange === 'same' ? `"${digest}"` : ifRange }) } });
    expect(status).toBe(expected);
    expect(headers['content-range']).toBe(contentRange);
    expect(body.equals(bytes.subarray(start, end))).toBe(true);
  });

  it('HEAD says the length and sends nothing, also for a range; a known tag is not sent again', async () => {
    const head = await ask(blobPath(), { method: 'HEAD', headers: { range: 'bytes=5-' } });
    expect([head.status, head.headers['content-length'], head.body.length]).toEqual([200, '300000', 0]);
    expect((await ask(blobPath(), { headers: { 'if-none-match': `"x", "${digest}"` } })).status).toBe(304);
  });

  it('of nothing is served too', async () => {
    const empty = test.add(new Uint8Array(0));
    expect(await ask(`/v1/blobs/${empty}`)).toMatchObject({ status: 200, headers: { 'content-length': '0' } });
  });
});

describe('paths', () => {
  it.each([
    '/', '/v1', '/v1/blobs/', '/v1/blobs/../../etc/passwd', '/v1/blobs/%2e%2e%2f%2e%2e%2fetc%2fpasswd', `/v1/blobs/${'A'.repeat(64)}`, `/v1/blobs/${'a'.repeat(63)}`,
    `/v1/blobs/${'a'.repeat(64)}/`, `/v1/blobs/${'a'.repeat(64)}?x`, '/v1/roots/0', '/v1/roots/01', '/v1/roots/-1', '/v1/roots/1e3', '/v1/time', '/v1/time?nonce=12', `/v1/time?nonce=${'a'.repeat(32)}&x=1`,
    '//v1/freshness', '/v1/freshness/', 'http://elsewhere/v1/freshness',
  ])('%s: there is no such thing', async (path) => {
    const { status, body } = await ask(path);
    expect(status).toBe(404);
    expect(JSON.parse(body.toString('utf8'))).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('only GET and HEAD', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) expect(await ask(blobPath(), { method })).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
  });

  it('a head of more than 8 KiB is refused', async () => {
    expect((await ask(blobPath(), { headers: { 'x-long': 'a'.repeat(9000) } })).status).toBe(431);
  });

  it('documents as they are, and none where there is none', async () => {
    test.documents.set('roots/2', Buffer.from('root 2')).set('freshness', Buffer.from('list')).set('time', Buffer.from('time'));
    expect((await ask('/v1/roots/2')).body.toString('utf8')).toBe('root 2');
    expect(await ask('/v1/freshness')).toMatchObject({ status: 200, headers: { 'cache-control': 'no-store' } });
    expect((await ask(`/v1/time?nonce=${'a'.repeat(32)}`)).body.toString('utf8')).toBe('time');
    expect((await ask('/v1/roots/3')).status).toBe(404);
  });
});

describe('who may fetch', () => {
  it('nobody without a certificate of this authority, of a device, that is in force', async () => {
    const strange = await testAuthority();
    const day = 86_400_000;
    const bad: readonly [string, Issued | null][] = [
      ['none', null],
      ['of another authority of the same name', await issue(strange, { name: 'device-1', usage: 'device' })],
      ['the server\'s own', await issue(test.authority, { name: 'device-1', usage: 'server', host: HOST })],
      ['expired', await issue(test.authority, { name: 'device-1', usage: 'device', notBefore: new Date(Date.now() - 9 * day), notAfter: new Date(Date.now() - day) })],
      ['of no device', await issue(test.authority, { name: 'edgewise-console', usage: 'device' })],
      ['of two names', await issue(test.authority, { name: 'device-1, CN=device-2', usage: 'device' })],
    ];
    for (const [what, identity] of bad) {
      for (const path of [blobPath(), '/v1/freshness', '/v1/roots/1', '/nothing']) {
        const { status, body } = await ask(path, { identity });
        expect([what, path, status]).toEqual([what, path, 403]);
        expect(JSON.parse(body.toString('utf8'))).toMatchObject({ code: 'FORBIDDEN' });
      }
    }
  });

  it('a device that is shut out: at its next request over the connection that it has, and in the middle of a download', async () => {
    const slow = await serve({ limits: { bytesPerS: 20_000 } });
    try {
      const sha = slow.add(randomBytes(200_000));
      const clone = slow.client(await slow.device('device-9'));
      const signal = new AbortController().signal;
      const url = `${slow.url}/v1/blobs/${sha}`;
      const first = await clone.fetch(url, { headers: {}, signal });
      expect(first.status).toBe(200);
      slow.shutOut.add('device-9');
      slow.server.shutOut('device-9');
      await expect((async () => {
        for await (const _ of first.body);
      })()).rejects.toThrow();
      expect((await clone.fetch(url, { headers: {}, signal })).status).toBe(403);
    } finally {
      await slow.close();
    }
  });
});

describe('the client', () => {
  it('gets the documents of an update, the roots in order', async () => {
    const manifest = Buffer.from('manifest');
    test.documents.set('roots/2', Buffer.from('root 2')).set('roots/3', Buffer.from('root 3')).set('freshness', Buffer.from('list')).set(`manifests/${'a'.repeat(64)}`, manifest);
    const got = await client.documents(1, 'a'.repeat(64));
    expect([...got.roots, got.freshness, got.manifest].map((each) => Buffer.from(each).toString('utf8'))).toEqual(['root 2', 'root 3', 'list', 'manifest']);
    await expect(client.documents(1, 'b'.repeat(64))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('breaks off what is longer than a document may be', async () => {
    test.documents.set('time', randomBytes(100_000));
    await expect(client.time('a'.repeat(32))).rejects.toMatchObject({ code: 'ENDLESS_DATA' });
  });

  it('is told why it gets nothing', async () => {
    const out = test.client(await test.device('device-out'));
    test.shutOut.add('device-out');
    await expect(out.time('a'.repeat(32))).rejects.toMatchObject({ code: 'FORBIDDEN', message: expect.stringContaining('not one of a device') });
  });
});

describe('a new certificate of the server', () => {
  it('is shown to who connects from now on, while a connection that is open stays', async () => {
    const own = await serve();
    const identity = await own.device('device-1');
    const connected = (): Promise<TLSSocket> =>
      new Promise((resolve, reject) => {
        const socket = connect({ host: HOST, port: own.server.port, ca: own.authority.certPem, cert: identity.certPem, key: identity.keyPem }, () => resolve(socket));
        socket.once('error', reject);
      });
    const answered = (socket: TLSSocket): Promise<string> =>
      new Promise((resolve, reject) => {
        socket.once('data', (data: Buffer) => resolve(data.toString('latin1').slice(0, 12)));
        socket.once('close', () => reject(new Error('the connection was dropped')));
        socket.write(`GET /v1/roots/9 HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
      });
    const before = await connected();
    const next = await issue(own.authority, { name: 'server', usage: 'server', host: HOST });
    own.server.setTls({ keyPem: next.keyPem, certPem: next.certPem, authorityPem: own.authority.certPem });
    expect(await answered(before)).toBe('HTTP/1.1 404');
    const after = await connected();
    expect(after.getPeerX509Certificate()?.fingerprint256).toBe(new X509Certificate(next.certPem).fingerprint256);
    expect(before.getPeerX509Certificate()?.fingerprint256).not.toBe(after.getPeerX509Certificate()?.fingerprint256);
    // It still asks devices for theirs.
    expect(await answered(after)).toBe('HTTP/1.1 404');
    before.destroy();
    after.destroy();
    await own.close();
  });
});
