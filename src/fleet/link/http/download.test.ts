/** The installer's own download against the real server: shed, cut off, restarted. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CHUNK_BYTES } from '../../../contract/records/artifact.ts';
import { nodeDisk } from '../../agent/install/disk.ts';
import { DEFAULT_DOWNLOAD, downloadBlob, partPath, type DownloadPolicy } from '../../agent/install/download.ts';
import { describeBlob } from '../../artifact/pack.ts';
import type { ArtifactClient } from './client.ts';
import { serve, type TestServer } from './testing/serve.ts';

/** As on a device, but impatient: two tries without a new chunk are a failure. */
const POLICY: DownloadPolicy = { ...DEFAULT_DOWNLOAD, attempts: 2, delayMs: 1, maxDelayMs: 20 };
const blob = randomBytes(3 * CHUNK_BYTES + 100);
const record = describeBlob(blob);
let root: string;
let open: TestServer[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-fetch-'));
  open = [];
});
afterEach(async () => {
  for (const each of open) await each.close();
  rmSync(root, { recursive: true, force: true });
});

async function serving(options: Parameters<typeof serve>[0] = {}): Promise<TestServer> {
  const test = await serve(options);
  open.push(test);
  test.add(blob);
  return test;
}

async function fetched(name: string, client: ArtifactClient): Promise<void> {
  const ports = { fetch: client.fetch, disk: nodeDisk(join(root, name)), random: Math.random, now: Date.now };
  await downloadBlob(ports, POLICY, client.blobsUrl, record, new AbortController().signal);
  expect(readFileSync(join(root, name, partPath(record))).equals(blob)).toBe(true);
}

describe('a download from the server', () => {
  it('shed again and again is no failure: twelve devices, two places', async () => {
    const test = await serving({ limits: { downloads: 2 } });
    await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const name = `device-${index}`;
        await fetched(name, test.client(await test.device(name)));
      }),
    );
    expect(test.server.stats()).toMatchObject({ downloads: 0, sentBytes: 12 * blob.length });
    expect(test.server.stats().shed).toBeGreaterThan(0);
  });

  it('goes on where it was when its connection is cut, however often', async () => {
    let cuts = 0;
    const test: TestServer = await serving({
      onRead: async (offset) => {
        // In the middle of each chunk, once.
        if (cuts >= 3 || offset < cuts * CHUNK_BYTES + CHUNK_BYTES / 2) return;
        cuts++;
        test.server.shutOut('device-1');
      },
    });
    await fetched('device-1', test.client(await test.device('device-1')));
    expect(cuts).toBe(3);
    // Never more than the chunk that was under way is sent twice; what was on its way when it was cut comes on top.
    expect(test.server.stats().sentBytes).toBeLessThan(blob.length + 3 * CHUNK_BYTES);
  });

  it('of a device that was shut out fails by name and leaves what it has', async () => {
    const test = await serving();
    test.shutOut.add('device-1');
    await expect(fetched('device-1', test.client(await test.device('device-1')))).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED', details: { status: 403 } });
  });
});
