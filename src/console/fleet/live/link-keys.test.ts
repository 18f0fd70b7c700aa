/** The console's own certificates, made anew in time. */
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openLinkKeys } from './link-keys.ts';

const DAY_MS = 86_400_000;

it('keeps a certificate of the server for two thirds of its life, then makes one of the same authority, and keeps that', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'edgewise-keys-'));
  let nowMs = Date.parse('2026-11-23T12:00:00Z');
  const keys = await openLinkKeys(folder, () => nowMs);
  const first = await keys.server(['127.0.0.1']);
  nowMs += 200 * DAY_MS;
  expect((await keys.server(['127.0.0.1'])).certPem).toBe(first.certPem);
  nowMs += 100 * DAY_MS;
  const second = await keys.server(['127.0.0.1']);
  expect(second.keyPem).not.toBe(first.keyPem);
  const seen = new X509Certificate(second.certPem);
  expect(seen.verify(new X509Certificate(keys.authority.certPem).publicKey)).toBe(true);
  expect(Date.parse(seen.validTo)).toBeGreaterThan(nowMs + 300 * DAY_MS);
  expect((await (await openLinkKeys(folder, () => nowMs)).server(['127.0.0.1'])).certPem).toBe(second.certPem);
  rmSync(folder, { recursive: true, force: true });
});
