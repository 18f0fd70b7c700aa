import { linkSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EdgewiseError } from '../../src/base/errors.ts';
import { createUploads, type Uploads } from '../../src/console/uploads.ts';
import { contentSecurityPolicy } from '../../src/contract/csp.ts';
import { createAppProtocol, type PageRequest } from './app-protocol.ts';
import { readPageFiles } from './page-files.ts';
import { receiveUpload, type FileConsole } from './page-transfers.ts';

const ID = '0b9d2b5e-6a43-4a63-9d8e-0d4f1b7a2c11';
let folder = '';
let uploads: Uploads;
let handle: (request: PageRequest) => Promise<Response>;

function request(url: string, method = 'GET', more: Partial<PageRequest> = {}): Promise<Response> {
  return handle({ url, method, body: null, ...more });
}

function streamOf(...chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(chunks) as ReadableStream<Uint8Array>;
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgewise-page-'));
  const page = join(folder, 'page');
  mkdirSync(join(page, 'assets'), { recursive: true });
  mkdirSync(join(folder, 'uploads'));
  writeFileSync(join(page, 'index.html'), '<!doctype html>');
  writeFileSync(join(page, 'assets/index.js'), 'export {}');
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  writeFileSync(join(folder, 'model.onnx'), 'weights');
  symlinkSync(join(folder, 'secret.txt'), join(page, 'linked.txt'));
  symlinkSync(folder, join(page, 'linked-folder'));
  uploads = createUploads(join(folder, 'uploads'));
  const console: FileConsole = {
    uploads,
    library: {
      get(id) {
        if (id !== ID) throw new EdgewiseError('NOT_FOUND', 'There is no such model.');
        return { record: { name: '网络 (1)' } };
      },
      pathOf: () => Promise.resolve(join(folder, 'model.onnx')),
    },
    reportFile: (_id, kind) => ({ name: `report.${kind}`, text: kind === 'json' ? '{}' : '<p>' }),
  };
  handle = createAppProtocol(readPageFiles(page), console, () => undefined);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('app://edgewise/', () => {
  it('serves the page and its files under the policy', async () => {
    for (const [path, type, text] of [['', 'text/html; charset=utf-8', '<!doctype html>'], ['index.html', 'text/html; charset=utf-8', '<!doctype html>'], ['assets/index.js?v=1', 'text/javascript; charset=utf-8', 'export {}']]) {
      const response = await request(`app://edgewise/${path}`);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe(type);
      expect(response.headers.get('content-security-policy')).toBe(contentSecurityPolicy());
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
      expect(await response.text()).toBe(text);
    }
    expect(await (await request('app://edgewise/', 'HEAD')).text()).toBe('');
  });

  it.each([
    '../secret.txt',
    '../../../../etc/passwd',
    '..%2fsecret.txt',
    '%2e%2e/secret.txt',
    '%2e%2e%2fsecret.txt',
    '..%5csecret.txt',
    '..\\secret.txt',
    'assets/../../secret.txt',
    'assets/%2e%2e/%2e%2e/secret.txt',
    '%252e%252e/secret.txt',
    '/etc/passwd',
    '//etc/passwd',
    'linked.txt',
    'linked-folder/secret.txt',
    'linked-folder/',
    'assets',
    'assets/',
    'assets/index.js%00.html',
    'assets%2findex.js',
    'index.html/',
    '__proto__',
    'constructor',
    'download/models/..%2f..%2fsecret.txt',
    'download/models/../../secret.txt',
    'download/reports/1.txt',
  ])('answers 404 to %s', async (path) => {
    const response = await request(`app://edgewise/${path}`);
    expect(response.status).toBe(404);
    expect(await response.text()).not.toContain('secret');
  });

  it('answers to its own host, and to its own page, only', async () => {
    expect((await request('app://evil/')).status).toBe(404);
    expect((await request('app://edgewise/', 'GET', { initiatorOrigin: 'https://example.com' })).status).toBe(403);
    expect((await request('app://edgewise/', 'GET', { initiatorOrigin: 'null' })).status).toBe(403);
    expect((await request('app://edgewise/', 'GET', { initiatorOrigin: 'app://edgewise' })).status).toBe(200);
  });

  it('refuses methods that it has no use for', async () => {
    for (const method of ['POST', 'DELETE', 'PUT', 'OPTIONS']) expect((await request('app://edgewise/index.html', method)).status, method).toBe(405);
    expect((await request('app://edgewise/upload')).status).toBe(405);
  });

  it('keeps what the page sends, byte for byte', async () => {
    const response = await request('app://edgewise/upload', 'PUT', { body: streamOf(new Uint8Array([1, 2]), new Uint8Array([3])) });
    const { uploadId } = (await response.json()) as { uploadId: string };
    expect([...readFileSync(uploads.pathOf(uploadId) ?? '')]).toEqual([1, 2, 3]);
  });

  it('leaves nothing of a file that is too large or breaks off', async () => {
    const before = readdirSync(join(folder, 'uploads'));
    await expect(receiveUpload(uploads, streamOf(new Uint8Array(8), new Uint8Array(8)), 10)).rejects.toMatchObject({ code: 'TOO_LARGE' });
    const broken = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error('the page has gone')),
    });
    const response = await request('app://edgewise/upload', 'PUT', { body: broken });
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ error: { message: 'the page has gone' } });
    expect(readdirSync(join(folder, 'uploads'))).toEqual(before);
  });

  it('gives a model out as a file with its name', async () => {
    const response = await request(`app://edgewise/download/models/${ID}`);
    expect(response.headers.get('content-disposition')).toBe("attachment; filename*=UTF-8''%E7%BD%91%E7%BB%9C%20%281%29.onnx");
    expect(response.headers.get('content-length')).toBe('7');
    expect(await response.text()).toBe('weights');
    const missing = await request('app://edgewise/download/models/other');
    expect(missing.status).toBe(404);
    expect(await missing.json()).toMatchObject({ error: { code: 'NOT_FOUND' } });
    expect(await (await request(`app://edgewise/download/reports/${ID}.json`)).text()).toBe('{}');
  });
});

describe('the page\'s files', () => {
  it('must have been built', () => {
    expect(() => readPageFiles(join(folder, 'nowhere'))).toThrow(expect.objectContaining({ code: 'FILE_NOT_FOUND' }));
    expect(() => readPageFiles(join(folder, 'uploads'))).toThrow(/index\.html/);
  });

  it('are read once: what happens to the folder later changes nothing', async () => {
    const copy = mkdtempSync(join(tmpdir(), 'edgewise-page-'));
    writeFileSync(join(copy, 'index.html'), 'first');
    const files = readPageFiles(copy);
    rmSync(join(copy, 'index.html'));
    linkSync(join(folder, 'secret.txt'), join(copy, 'index.html'));
    expect(Buffer.from(files.get('/')?.bytes ?? []).toString()).toBe('first');
    rmSync(copy, { recursive: true });
  });
});
