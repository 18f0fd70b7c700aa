/** More load than the server takes, devices that do not take what they asked for, and the limits of joining. */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import type { EdgewiseError } from '../../../base/errors.ts';
import type { ArtifactClient } from './client.ts';
import type { ArtifactServerOptions } from './server.ts';
import { HOST, serve, type TestServer } from './testing/serve.ts';

const open: TestServer[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

async function serving(options: Partial<ArtifactServerOptions> & { readonly onRead?: () => Promise<void> } = {}): Promise<TestServer> {
  const test = await serve(options);
  open.push(test);
  return test;
}

const never = new AbortController().signal;

async function download(client: ArtifactClient, digest: string): Promise<Buffer> {
  const { body } = await client.fetch(`${client.blobsUrl}/${digest}`, { headers: {}, signal: never });
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 500) throw new Error('it never came to that');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('pace', () => {
  it.each([
    ['all stores together', { limits: { bytesPerS: 1e6 } }],
    ['a store', { storeOf: () => ({ id: 'one', bytesPerS: 1e6 }) }],
    ['a store within all', { limits: { bytesPerS: 1e9 }, storeOf: () => ({ id: 'one', bytesPerS: 1e6 }) }],
  ] as const)('of %s is held while bytes flow, and nothing is lost', async (_, options) => {
    const test = await serving(options);
    const blob = randomBytes(600_000);
    const digest = test.add(blob);
    const clients = [test.client(await test.device('device-1')), test.client(await test.device('device-2'))];
    const start = performance.now();
    const got = await Promise.all(clients.map((client) => download(client, digest)));
    // 1.2 MB less a quarter of a second's worth at once: 0.95 s at the least, whatever the machine does.
    expect(performance.now() - start).toBeGreaterThan(900);
    for (const bytes of got) expect(bytes.equals(blob)).toBe(true);
    expect(test.server.stats().sentBytes).toBe(1_200_000);
  });

  it('of one store is not slowed by another', async () => {
    const test = await serving({ storeOf: (id) => (id === 'device-slow' ? { id: 'slow', bytesPerS: 2048 } : { id: 'fast', bytesPerS: null }) });
    const digest = test.add(randomBytes(100_000));
    const slow = test.client(await test.device('device-slow'));
    const pending = download(slow, digest).catch(() => 'broken off');
    await until(() => test.server.stats().downloads === 1);
    expect((await download(test.client(await test.device('device-fast')), digest)).length).toBe(100_000);
    expect(test.server.stats().downloads).toBe(1);
    slow.close();
    test.server.shutOut('device-slow');
    expect(await pending).toBe('broken off');
  });
});

describe('load is shed with a time to come back', () => {
  const held = (): { readonly wait: () => Promise<void>; readonly go: () => void } => {
    let go = (): void => {};
    const gate = new Promise<void>((resolve) => (go = resolve));
    return { wait: () => gate, go: () => go() };
  };

  it.each([
    ['when all places are taken', { limits: { downloads: 1 } }, 'device-2'],
    ['when one device takes too many', { limits: { downloadsPerDevice: 1 } }, 'device-1'],
    ['when the line of the store would starve them', { storeOf: () => ({ id: 'one', bytesPerS: 3000 }) }, 'device-2'],
    ['when the line would starve them', { limits: { bytesPerS: 3000 } }, 'device-2'],
  ] as const)('%s; and the place is free afterwards', async (_, options, other) => {
    const gate = held();
    const random = [0, 1, 0.5];
    const test = await serving({ ...options, onRead: gate.wait, random: () => random.shift() ?? 0 });
    const digest = test.add(randomBytes(100));
    const first = download(test.client(await test.device('device-1')), digest);
    await until(() => test.server.stats().downloads === 1);
    const second = test.client(await test.device(other));
    const waits: (string | null)[] = [];
    for (let tries = 0; tries < 3; tries++) {
      const answer = await second.fetch(`${second.blobsUrl}/${digest}`, { headers: {}, signal: never });
      expect(answer.status).toBe(503);
      waits.push(answer.headers.get('retry-after'));
      for await (const _piece of answer.body);
    }
    // Spread, so that those who were shed do not come back at one time.
    expect(waits).toEqual(['10', '30', '20']);
    expect(test.server.stats().shed).toBe(3);
    gate.go();
    expect((await first).length).toBe(100);
    expect((await download(second, digest)).length).toBe(100);
    expect(test.server.stats().downloads).toBe(0);
  });

  it('a device that asks without end is told to wait, and the others are not', async () => {
    const test = await serving({ limits: { requestsPerMinute: 3 } });
    test.documents.set('time', Buffer.from('time'));
    const [busy, quiet] = [test.client(await test.device('device-1')), test.client(await test.device('device-2'))];
    for (let n = 0; n < 3; n++) await busy.time('a'.repeat(32));
    await expect(busy.time('a'.repeat(32))).rejects.toMatchObject({ code: 'SERVER_BUSY', details: { retryAfterMs: 20_000 } });
    expect(Buffer.from(await quiet.time('a'.repeat(32))).toString('utf8')).toBe('time');
  });
});

describe('devices that do harm', () => {
  it('one that asks and does not read is let go, and its place with it', async () => {
    const test = await serving({ limits: { idleMs: 200 } });
    const digest = test.add(randomBytes(20_000_000));
    const { certPem, keyPem } = await test.device('device-1');
    const socket = connect({ host: HOST, port: test.server.port, cert: certPem, key: keyPem, rejectUnauthorized: false });
    socket.on('error', () => {});
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    socket.pause();
    socket.write(`GET /v1/blobs/${digest} HTTP/1.1\r\nhost: x\r\n\r\n`);
    await until(() => test.server.stats().downloads === 1);
    await until(() => test.server.stats().downloads === 0);
    expect(test.server.stats().sentBytes).toBeLessThan(20_000_000);
    socket.destroy();
  });

  it('a source that fails in the middle ends the answer short of its length, and the fault is told here alone', async () => {
    let reads = 0;
    const test = await serving({ onRead: () => (reads++ === 0 ? Promise.resolve() : Promise.reject(new Error('the disk is gone, /secret/path'))) });
    const digest = test.add(randomBytes(200_000));
    await expect(download(test.client(await test.device('device-1')), digest)).rejects.toThrow();
    expect(test.faults).toHaveLength(1);
    expect(test.server.stats().downloads).toBe(0);
  });
});

describe('a server that does harm', () => {
  it('one that does not answer is left after a while', async () => {
    const test = await serving({ source: { blob: never0, root: never0, freshness: never0, manifest: never0, time: never0 } });
    const client = test.client(await test.device('device-1'), 150);
    await expect(client.time('a'.repeat(32))).rejects.toMatchObject({ code: 'DOWNLOAD_SLOW' });
    const controller = new AbortController();
    const asked = test.client(await test.device('device-1')).documents(1, 'a'.repeat(64), controller.signal);
    controller.abort();
    await expect(asked).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('a fault inside is not told to devices', async () => {
    const test = await serving({ source: { blob: never0, root: never0, freshness: never0, manifest: never0, time: () => Promise.reject(new Error('/secret/path')) } });
    const failure = await test.client(await test.device('device-1')).time('a'.repeat(32)).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'DOWNLOAD_FAILED' });
    expect((failure as EdgewiseError).message).not.toContain('secret');
    expect(test.faults).toHaveLength(1);
  });
});

function never0(): Promise<never> {
  return new Promise(() => {});
}
