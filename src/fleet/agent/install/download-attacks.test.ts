/**
 * Downloads against a real HTTP server that misbehaves in every way there is: nothing but the signed bytes is ever kept, a download goes
 * on from the last right chunk, and each way has its name. The attacks on documents are in src/fleet/artifact/attacks.test.ts.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EdgewiseError } from '../../../base/errors.ts';
import { seededRandom } from '../../../base/random.ts';
import { CHUNK_BYTES } from '../../../contract/records/artifact.ts';
import { describeBlob } from '../../artifact/pack.ts';
import { nodeDisk } from './disk.ts';
import { downloadBlob, partPath, type DownloadPolicy } from './download.ts';

const random = seededRandom(7);
const content = Buffer.alloc(3 * CHUNK_BYTES + 12_345);
for (let index = 0; index + 4 <= content.length; index += 4) content.writeUInt32LE(Math.floor(random() * 2 ** 32), index);
const blob = describeBlob(content);
const QUICK: DownloadPolicy = { attempts: 3, delayMs: 1, maxDelayMs: 20, minBytesPerSecond: 100_000, windowMs: 150 };

type Answer = (request: IncomingMessage, response: ServerResponse, nth: number) => void;
let answer: Answer;
let server: Server;
let base: string;
let folder: string;
let requests: (string | undefined)[];

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request.headers.range);
    answer(request, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgewise-download-'));
  requests = [];
  answer = honest;
  return () => rmSync(folder, { recursive: true, force: true });
});

/** Ranges as a good server does them. */
const honest: Answer = (request, response) => {
  const from = /^bytes=(\d+)-/.exec(request.headers.range ?? '');
  if (from === null) response.writeHead(200, { 'content-length': content.length }).end(content);
  else if (Number(from[1]) >= content.length) response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
  else response.writeHead(206, { 'content-range': `bytes ${from[1]}-${content.length - 1}/${content.length}` }).end(content.subarray(Number(from[1])));
};
/** Sends that much and breaks the connection. */
function breakAfter(bytes: number): Answer {
  return (request, response) => {
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(start > 0 ? 206 : 200, start > 0 ? { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` } : {});
    response.write(content.subarray(start, start + bytes), () => response.destroy());
  };
}

async function download(policy: Partial<DownloadPolicy> = {}, signal = new AbortController().signal): Promise<string> {
  try {
    await downloadBlob({ fetch: globalThis.fetch, disk: nodeDisk(folder), random: () => 0, now: () => 0 }, { ...QUICK, ...policy }, base, blob, signal);
  } catch (error) {
    if (error instanceof EdgewiseError) return error.code;
    throw error;
  }
  expect(Buffer.compare(readFileSync(join(folder, partPath(blob))), content)).toBe(0);
  return 'whole';
}

/** Whatever was kept is a beginning of the signed bytes, in whole chunks. */
function keptChunks(): number {
  const kept = readFileSync(join(folder, partPath(blob)));
  expect(Buffer.compare(kept, content.subarray(0, kept.length))).toBe(0);
  expect(kept.length % CHUNK_BYTES === 0 || kept.length === content.length).toBe(true);
  return Math.ceil(kept.length / CHUNK_BYTES);
}

describe('an honest server', () => {
  it('one request for the whole, none when it is there already', async () => {
    expect(await download()).toBe('whole');
    expect(await download()).toBe('whole');
    expect(requests).toEqual([undefined]);
  });

  it('an empty blob needs no request', async () => {
    await downloadBlob({ fetch: globalThis.fetch, disk: nodeDisk(folder), random: () => 0, now: () => 0 }, QUICK, base, describeBlob(new Uint8Array(0)), new AbortController().signal);
    expect(requests).toEqual([]);
  });
});

describe('range and resume', () => {
  it('goes on from the last whole chunk after each break', async () => {
    answer = (request, response, nth) => (nth <= 3 ? breakAfter(CHUNK_BYTES + 5000)(request, response, nth) : honest(request, response, nth));
    expect(await download()).toBe('whole');
    const last = content.length - 1;
    expect(requests).toEqual([undefined, `bytes=${CHUNK_BYTES}-${last}`, `bytes=${2 * CHUNK_BYTES}-${last}`, `bytes=${3 * CHUNK_BYTES}-${last}`]);
  });

  it('goes on in a later call, from what is right on the disk: a changed, a cut and a too long part', async () => {
    const damage: readonly [Uint8Array, number][] = [
      [Buffer.concat([content.subarray(0, CHUNK_BYTES), Buffer.alloc(CHUNK_BYTES)]), 1],
      [content.subarray(0, 2 * CHUNK_BYTES + 99), 2],
      [Buffer.concat([content, Buffer.from('more')]), 4],
      [Buffer.alloc(5000), 0],
    ];
    for (const [part, good] of damage) {
      requests = [];
      await nodeDisk(folder).makeFolder('downloads');
      writeFileSync(join(folder, partPath(blob)), part);
      expect(await download()).toBe('whole');
      expect(requests).toEqual(good === 4 ? [] : [good === 0 ? undefined : `bytes=${good * CHUNK_BYTES}-${content.length - 1}`]);
    }
  });

  it('a server that knows no ranges (200): what is there already is passed over', async () => {
    answer = (request, response, nth) => (nth === 1 ? breakAfter(2 * CHUNK_BYTES + 1)(request, response, nth) : response.writeHead(200).end(content));
    expect(await download()).toBe('whole');
  });

  it('a wrong range, no range, a range of another file; then asked without one', async () => {
    for (const range of [`bytes 0-${content.length - 1}/${content.length}`, `bytes ${CHUNK_BYTES + 1}-${content.length - 1}/${content.length}`, 'none', 'bytes */5']) {
      rmSync(join(folder, partPath(blob)), { force: true });
      requests = [];
      answer = (request, response, nth) => {
        if (nth === 1) breakAfter(CHUNK_BYTES + 1)(request, response, nth);
        else if (request.headers.range !== undefined) response.writeHead(206, { 'content-range': range }).end(content.subarray(CHUNK_BYTES));
        else honest(request, response, nth);
      };
      expect(await download()).toBe('whole');
      expect(requests).toEqual([undefined, expect.stringMatching(/^bytes=/), undefined]);
    }
  });

  it('416 although bytes are missing: asked for the whole', async () => {
    answer = (request, response, nth) => (nth === 1 ? breakAfter(CHUNK_BYTES + 1)(request, response, nth) : request.headers.range === undefined ? honest(request, response, nth) : response.writeHead(416).end());
    expect(await download()).toBe('whole');
  });
});

describe('malicious mirror', () => {
  it('a bit flipped once: the chunk is asked for again', async () => {
    answer = (request, response, nth) => {
      const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const body = Buffer.from(content);
      if (nth === 1) body[CHUNK_BYTES + 77] = (body[CHUNK_BYTES + 77] ?? 0) ^ 1;
      response.writeHead(start > 0 ? 206 : 200, start > 0 ? { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` } : {}).end(body.subarray(start));
    };
    expect(await download()).toBe('whole');
    expect(requests).toHaveLength(2);
  });

  it('a chunk that stays wrong, another file of the same length, an HTML page', async () => {
    const swapped = Buffer.from(content).reverse();
    for (const [body, code] of [[swapped, 'WRONG_CONTENT'], [Buffer.from('<html>please log in</html>'), 'WRONG_CONTENT']] as const) {
      answer = (_, response) => response.writeHead(200, { 'content-length': body.length }).end(body);
      expect(await download()).toBe(code);
      expect(keptChunks()).toBe(0);
    }
  });

  it('a truncated file, announced in full and not', async () => {
    answer = breakAfter(CHUNK_BYTES / 2);
    expect(await download()).toBe('DOWNLOAD_FAILED');
    answer = (_, response) => response.writeHead(200).end(content.subarray(0, CHUNK_BYTES / 2));
    expect(await download()).toBe('DOWNLOAD_FAILED');
    answer = (_, response) => response.writeHead(200, { 'content-length': 10 }).end(content.subarray(0, 10));
    expect(await download()).toBe('WRONG_CONTENT');
    expect(keptChunks()).toBe(0);
  });

  it('a redirect to elsewhere, a packed answer, an error page', async () => {
    answer = (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
    expect(await download()).toBe('DOWNLOAD_FAILED');
    answer = (_, response) => response.writeHead(200, { 'content-encoding': 'br' }).end('x');
    expect(await download()).toBe('DOWNLOAD_FAILED');
    answer = (_, response) => response.writeHead(404).end('no');
    expect(await download()).toBe('DOWNLOAD_FAILED');
  });
});

describe('endless data', () => {
  it('stops at the first byte too many, with and without an announced length', async () => {
    let sent = 0;
    answer = (_, response) => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && response.write(content)) sent += content.length;
      };
      response.on('drain', more).on('error', () => {});
      more();
    };
    expect(await download()).toBe('ENDLESS_DATA');
    expect(sent).toBeLessThan(20 * content.length);
    rmSync(join(folder, partPath(blob)));
    answer = (_, response) => response.writeHead(200, { 'content-length': content.length + 1 }).end(Buffer.concat([content, Buffer.alloc(1)]));
    expect(await download()).toBe('ENDLESS_DATA');
    answer = (_, response) => response.writeHead(206, { 'content-range': `bytes 0-9/${content.length * 9}` }).end(Buffer.alloc(10));
    expect(await download()).toBe('ENDLESS_DATA');
  });
});

describe('slow retrieval', () => {
  it('a server that drips, one that stops in the middle, one that never answers', async () => {
    const timers: NodeJS.Timeout[] = [];
    const slow: readonly Answer[] = [
      (_, response) => {
        response.writeHead(200);
        timers.push(setInterval(() => response.write('x'), 5));
      },
      (_, response) => response.writeHead(200).write(content.subarray(0, 1000)),
      () => {},
    ];
    for (const way of slow) {
      answer = way;
      expect(await download({ attempts: 2 })).toBe('DOWNLOAD_SLOW');
      expect(keptChunks()).toBe(0);
    }
    for (const timer of timers) clearInterval(timer);
  });

  it('is told apart from a cancel', async () => {
    answer = () => {};
    const controller = new AbortController();
    const done = download({ windowMs: 60_000 }, controller.signal);
    setTimeout(() => controller.abort(), 30);
    expect(await done).toBe('CANCELLED');
  });
});

describe('a server that sheds load', () => {
  it('is waited for and is no failure, however often', async () => {
    answer = (request, response, nth) => (nth <= 10 ? response.writeHead(nth % 2 === 0 ? 429 : 503, { 'retry-after': nth % 3 === 0 ? 'Thu, 01 Jan 1970 00:00:01 GMT' : '1' }).end() : honest(request, response, nth));
    expect(await download({ attempts: 1 })).toBe('whole');
    expect(requests).toHaveLength(11);
  });

  it('no server at all', async () => {
    const gone = await downloadBlob({ fetch: globalThis.fetch, disk: nodeDisk(folder), random: () => 0, now: () => 0 }, QUICK, 'http://127.0.0.1:1', blob, new AbortController().signal).catch((error: unknown) => error);
    expect(gone).toMatchObject({ code: 'DOWNLOAD_FAILED', message: expect.stringMatching(/ECONNREFUSED|bad port/) });
  });
});
