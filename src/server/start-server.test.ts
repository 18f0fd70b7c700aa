import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { request, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { Console } from '../console/create-console.ts';
import { createEventHub, type EventHub } from '../console/events.ts';
import { createUploads, type Uploads } from '../console/uploads.ts';
import { EdgewiseError } from '../base/errors.ts';
import { defaultSettings } from '../contract/records/settings.ts';
import { startServer, type RunningServer } from './start-server.ts';

const UPLOAD_LIMIT = 1000;

let root: string;
let server: RunningServer;
let events: EventHub;
let uploads: Uploads;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-server-'));
  for (const folder of ['page/assets', 'uploads', 'secret']) mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, 'page/index.html'), '<!doctype html><title>Edgewise</title>');
  writeFileSync(join(root, 'page/assets/app-1234.js'), 'export {};');
  writeFileSync(join(root, 'secret/key'), 'secret');
  writeFileSync(join(root, 'model.onnx'), 'a model');
  symlinkSync(join(root, 'secret/key'), join(root, 'page/link.txt'));
  events = createEventHub((error) => {
    throw error;
  });
  uploads = createUploads(join(root, 'uploads'));
  const fake: Pick<Console, 'router' | 'events' | 'uploads' | 'reportFile'> & { library: Pick<Console['library'], 'get' | 'pathOf'> } = {
    router: { call: async (frame, sender) => ({ ok: true, data: { frame, sender } }) },
    events,
    uploads,
    library: {
      get(id) {
        if (id !== 'm1') throw new EdgewiseError('NOT_FOUND', 'no such model');
        return { record: { name: 'Größe "1"\r\n' } } as ReturnType<Console['library']['get']>;
      },
      pathOf: async () => join(root, 'model.onnx'),
    },
    reportFile: (_id, kind) => ({ name: `report.${kind}`, text: `the ${kind}` }),
  };
  server = await startServer({ console: fake as Console, port: 0, rendererFolder: join(root, 'page'), maxUploadBytes: UPLOAD_LIMIT });
});
afterEach(async () => {
  await server.close();
  rmSync(root, { recursive: true, force: true });
});

interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function ask(path: string, options: { method?: string; headers?: Record<string, string>; body?: Buffer | undefined } = {}): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: server.port, path, method: options.method ?? 'GET', headers: options.headers ?? {}, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(options.body);
  });
}

const tokenPath = (url = server.url): string => url.slice(url.indexOf('/', 8));

async function cookie(): Promise<string> {
  const { headers } = await ask(tokenPath(server.newUrl()));
  return headers['set-cookie']?.[0]?.split(';')[0] ?? '';
}

function openSocket(headers: Record<string, string>): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/rpc`, { headers });
    socket.on('open', () => resolve(socket));
    socket.on('error', reject);
  });
}

const nextFrame = (socket: WebSocket): Promise<unknown> => new Promise((resolve) => socket.once('message', (data) => resolve(JSON.parse(data.toString()))));

describe('who gets in', () => {
  test('the token opens one session by a strict cookie, and the address becomes clean', async () => {
    const first = await ask(tokenPath());
    expect(first).toMatchObject({ status: 303, headers: { location: '/' } });
    const [set = ''] = first.headers['set-cookie'] ?? [];
    expect(set).toMatch(new RegExp(`^edgewise_${server.port}=[\\w-]{43}; HttpOnly; SameSite=Strict; Path=/$`));
    expect(await ask('/', { headers: { cookie: set.split(';')[0] ?? '' } })).toMatchObject({ status: 200, body: expect.stringContaining('Edgewise') });
  });

  test('a used token opens nothing, but whoever holds the session gets in by it', async () => {
    const { headers } = await ask(tokenPath());
    expect((await ask(tokenPath())).status).toBe(401);
    const session = headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    expect((await ask(tokenPath(), { headers: { cookie: session } })).status).toBe(303);
    expect((await ask(tokenPath(server.newUrl()))).status).toBe(303);
  });

  for (const path of ['/', '/assets/app-1234.js', '/download/models/m1', '/?token=wrong', '/?token=']) {
    test(`without a session ${path} is refused`, async () => {
      expect((await ask(path)).status).toBe(401);
      expect((await ask(path, { headers: { cookie: `edgewise_${server.port}=guess` } })).status).toBe(401);
    });
  }

  for (const host of ['evil.example', 'evil.example:1', '127.0.0.1', '127.0.0.1:1', '[::1]']) {
    test(`a request for the host "${host}" is refused before anything else (DNS rebinding)`, async () => {
      expect((await ask(tokenPath(), { headers: { host } })).status).toBe(421);
      // The token has not been used up by it.
      expect((await ask(tokenPath())).status).toBe(303);
    });
  }

  test('it listens on the loopback address only', async () => {
    const refused = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: '127.0.0.2', port: server.port });
      socket.on('connect', () => resolve(false));
      socket.on('error', () => resolve(true));
    });
    expect(refused).toBe(true);
  });
});

describe('what is served', () => {
  test('every answer carries the policy, also a refusal', async () => {
    for (const answered of [await ask('/'), await ask('/', { headers: { cookie: await cookie() } }), await ask('/none', { headers: { cookie: await cookie() } })]) {
      const policy = answered.headers['content-security-policy'];
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("style-src 'self'");
      expect(policy).toContain(`connect-src 'self' ws://127.0.0.1:${server.port}`);
      expect(policy).not.toContain('unsafe');
      expect(answered.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cross-origin-opener-policy': 'same-origin', 'cross-origin-resource-policy': 'same-origin' });
    }
  });

  const outside = ['/../secret/key', '/..%2fsecret%2fkey', '/%2e%2e/secret/key', '/assets/../../secret/key', '//secret/key', '/link.txt', '/assets/', '/assets', '/page/index.html', '/index.html%00.js', '/\\..\\secret\\key'];
  for (const path of outside) {
    test(`${path} does not exist`, async () => {
      const answered = await ask(path, { headers: { cookie: await cookie() } });
      expect(answered.status).toBe(404);
      expect(answered.body).not.toContain('secret');
    });
  }

  test('a path that is no URL is an answer, not a crash', async () => {
    const status = (await ask('http://[', { headers: { cookie: await cookie() } })).status;
    expect(status).toBeGreaterThanOrEqual(400);
    expect((await ask('/', { headers: { cookie: await cookie() } })).status).toBe(200);
  });

  test('other methods are refused', async () => {
    for (const method of ['POST', 'DELETE', 'OPTIONS']) expect((await ask('/', { method, headers: { cookie: await cookie() } })).status).toBe(405);
  });

  test('a model is downloaded under its name, in every language and without a header injected', async () => {
    const answered = await ask('/download/models/m1', { headers: { cookie: await cookie() } });
    expect(answered).toMatchObject({ status: 200, body: 'a model' });
    expect(answered.headers['content-disposition']).toBe(`attachment; filename="Gr__e _1___.onnx"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%221%22%0D%0A.onnx`);
  });

  test('reports come as JSON or a page; an unknown model is not found', async () => {
    const headers = { cookie: await cookie() };
    expect(await ask('/download/reports/r1.json', { headers })).toMatchObject({ status: 200, body: 'the json' });
    expect(await ask('/download/reports/r1.html', { headers })).toMatchObject({ status: 200, body: 'the html', headers: { 'content-disposition': expect.stringContaining('attachment') } });
    expect((await ask('/download/models/m2', { headers })).status).toBe(404);
    expect((await ask('/download/reports/r1.exe', { headers })).status).toBe(404);
  });
});

describe('upload', () => {
  const put = async (body: Buffer, headers: Record<string, string> = {}): Promise<Answered> =>
    ask('/upload', { method: 'PUT', body, headers: { cookie: await cookie(), origin: `http://127.0.0.1:${server.port}`, ...headers } });
  const kept = (): string[] => readdirSync(join(root, 'uploads'));

  test('a file within the limit gets an id and is there', async () => {
    const answered = await put(Buffer.from('hello'));
    expect(answered.status).toBe(200);
    const { uploadId } = JSON.parse(answered.body) as { uploadId: string };
    expect(readFileSync(uploads.pathOf(uploadId) ?? '', 'utf8')).toBe('hello');
  });

  for (const chunked of [false, true]) {
    test(`a file over the limit is refused and leaves nothing (${chunked ? 'unannounced' : 'announced'})`, async () => {
      const body = Buffer.alloc(UPLOAD_LIMIT + 1);
      const answered = await put(body, chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(body.length) });
      expect(answered.status).toBe(413);
      expect(JSON.parse(answered.body)).toMatchObject({ error: { code: 'TOO_LARGE' } });
      expect(kept()).toEqual([]);
    });
  }

  test('a foreign or missing origin may not send', async () => {
    expect((await put(Buffer.from('x'), { origin: 'http://evil.example' })).status).toBe(403);
    expect((await ask('/upload', { method: 'PUT', body: Buffer.from('x'), headers: { cookie: await cookie() } })).status).toBe(403);
    expect(kept()).toEqual([]);
  });

  test('a page that goes away half way leaves nothing', async () => {
    const session = await cookie();
    await new Promise<void>((resolve) => {
      const sent = request({ host: '127.0.0.1', port: server.port, path: '/upload', method: 'PUT', agent: false, headers: { cookie: session, origin: `http://127.0.0.1:${server.port}`, 'content-length': '500' } });
      sent.on('error', () => resolve());
      sent.write('half', () => setTimeout(() => sent.destroy(), 50));
    });
    while (kept().length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(kept()).toEqual([]);
  });
});

describe('the socket', () => {
  const own = async (): Promise<Record<string, string>> => ({ cookie: await cookie(), origin: `http://127.0.0.1:${server.port}` });

  test('carries calls with their ids, and events', async () => {
    const socket = await openSocket(await own());
    const answered = nextFrame(socket);
    socket.send(JSON.stringify({ id: 7, route: 'models.list', input: {} }));
    expect(await answered).toEqual({ kind: 'answer', id: 7, answer: { ok: true, data: { frame: { id: 7, route: 'models.list', input: {} }, sender: { trusted: true } } } });
    const told = nextFrame(socket);
    events.emit({ type: 'settings.changed', settings: defaultSettings });
    expect(await told).toEqual({ kind: 'event', event: { type: 'settings.changed', settings: defaultSettings } });
    socket.close();
  });

  test('refuses a foreign origin, a missing one, and a missing session', async () => {
    const good = await own();
    for (const headers of [{ ...good, origin: 'http://evil.example' }, { cookie: good['cookie'] ?? '' }, { origin: good['origin'] ?? '' }]) {
      await expect(openSocket(headers)).rejects.toThrowError('403');
    }
  });

  for (const [what, message] of [['no JSON', 'hello'], ['no id', '{"route":"models.list"}'], ['a frame over the limit', JSON.stringify({ id: 1, route: 'x', input: 'x'.repeat(1 << 20) })]] as const) {
    test(`${what} ends the connection, not the server`, async () => {
      const socket = await openSocket(await own());
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.send(message);
      await closed;
      (await openSocket(await own())).close();
    });
  }
});

test('a port that is taken is a named error', async () => {
  const again = startServer({ console: { events } as unknown as Console, port: server.port, rendererFolder: join(root, 'page') });
  await expect(again).rejects.toMatchObject({ code: 'CONFLICT' });
});

test('a page that has not been built is a named error', async () => {
  await expect(startServer({ console: { events } as unknown as Console, port: 0, rendererFolder: join(root, 'none') })).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
});
