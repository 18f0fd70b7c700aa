/** Keys on a real folder: made, taken away, changed; each root document as a device follows it. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { TrustState } from '../../contract/records/artifact.ts';
import { rotateRoot, trustFromRoot } from '../../fleet/artifact/trust.ts';
import { openSigningKeys, readSigner, type SigningKeys } from './signing-keys.ts';

const DAY = 86_400_000;
const PASSPHRASE = 'correct horse battery staple';
let parent: string;
let folder: string;
let nowMs: number;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'edgewise-keys-'));
  folder = join(parent, 'signing');
  nowMs = Date.parse('2026-06-01T12:00:00Z');
  return () => rmSync(parent, { recursive: true, force: true });
});

const open = (): SigningKeys => openSigningKeys(folder, () => nowMs);
const pems = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.pem'));

/** A device that trusts the first root and follows what is served. */
function follow(keys: SigningKeys, from?: TrustState): TrustState {
  let trust = from ?? trustFromRoot(keys.rootEnvelope(1) ?? new Uint8Array());
  for (let next = keys.rootEnvelope(trust.root.version + 1); next !== null; next = keys.rootEnvelope(trust.root.version + 1)) trust = rotateRoot(trust, next);
  return trust;
}

describe('keys', () => {
  it('are made when they are needed, readable by this user alone, and found again', async () => {
    const keys = open();
    expect([keys.root(), keys.rootEnvelope(1), keys.holds('root')]).toEqual([null, null, false]);
    const { document } = await keys.ensure();
    expect(pems()).toHaveLength(3);
    for (const name of pems()) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(open().root()?.document).toEqual(document);
    expect((await open().ensure()).document).toEqual(document);
    expect(follow(open()).root).toEqual(document);
    expect(open().signer('release').keyId).toBe(document.roles.release.keyIds[0]);
  });

  it('each role has its own', async () => {
    const { roles } = (await open().ensure()).document;
    expect(new Set([roles.root, roles.release, roles.freshness].flatMap(({ keyIds }) => keyIds)).size).toBe(3);
  });

  it('of a start that was cut short before the root document count for nothing', async () => {
    await open().ensure();
    const left = pems();
    rmSync(join(folder, 'root-1.signed'));
    const { document } = await open().ensure();
    expect(pems().filter((name) => left.includes(name))).toEqual([]);
    expect(Object.keys(document.keys).map((keyId) => `${keyId}.pem`).sort()).toEqual(pems().sort());
  });
});

describe('new keys', () => {
  it.each([[['release']], [['freshness']], [['root']], [['root', 'release', 'freshness']], [[]]] as const)('for %j: a device follows, the others stay, the old private keys are gone', async (roles) => {
    const keys = open();
    const before = (await keys.ensure()).document;
    const after = (await keys.rotate(roles)).document;
    expect(after.version).toBe(2);
    for (const role of ['root', 'release', 'freshness'] as const) {
      expect(after.roles[role].keyIds[0] === before.roles[role].keyIds[0]).toBe(!(roles as readonly string[]).includes(role));
      expect(keys.holds(role)).toBe(true);
    }
    expect(pems().sort()).toEqual(Object.keys(after.keys).map((keyId) => `${keyId}.pem`).sort());
    expect(follow(open(), follow(keys)).root).toEqual(after);
  });

  it('many times over: a device of the beginning and one of the middle follow', async () => {
    const keys = open();
    await keys.ensure();
    const first = follow(keys);
    await keys.rotate(['root']);
    const middle = follow(keys);
    for (const roles of [['release'], ['root'], ['freshness', 'root']] as const) await keys.rotate(roles);
    expect(follow(keys, first)).toEqual(follow(keys, middle));
    expect(follow(keys, first).root.version).toBe(5);
  });

  it('are refused without keys, and the files of a damaged chain are not believed', async () => {
    const keys = open();
    await expect(keys.rotate(['release'])).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await keys.ensure();
    await keys.rotate(['release']);
    const path = join(folder, 'root-2.signed');
    const bytes = readFileSync(path);
    bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    expect(open).toThrowError(expect.objectContaining({ code: 'STORE_CORRUPT' }));
  });
});

describe('the root key taken away', () => {
  it('is encrypted outside, gone inside, and needed for new keys alone', async () => {
    const keys = open();
    const { document } = await keys.ensure();
    const path = join(parent, 'root-key.pem');
    await keys.exportRoot(path, PASSPHRASE);
    expect(readFileSync(path, 'utf8')).toContain('BEGIN ENCRYPTED PRIVATE KEY');
    expect([keys.holds('root'), keys.holds('release'), keys.holds('freshness')]).toEqual([false, true, true]);
    await expect(keys.rotate(['release'])).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(keys.exportRoot(join(parent, 'other.pem'), PASSPHRASE)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(() => readSigner(path, 'another passphrase')).toThrowError(expect.objectContaining({ code: 'FILE_UNREADABLE' }));
    const after = (await open().rotate(['release'], readSigner(path, PASSPHRASE))).document;
    expect(after.roles.root).toEqual(document.roles.root);
    expect(follow(open()).root).toEqual(after);
    expect(pems()).toHaveLength(2);
  });

  it('stays where it is when the file cannot be written or is there already', async () => {
    const keys = open();
    await keys.ensure();
    const path = join(parent, 'there.pem');
    writeFileSync(path, 'mine');
    await expect(keys.exportRoot(path, PASSPHRASE)).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(keys.exportRoot(join(parent, 'no', 'folder.pem'), PASSPHRASE)).rejects.toMatchObject({ code: 'WRITE_FAILED' });
    expect([readFileSync(path, 'utf8'), keys.holds('root')]).toEqual(['mine', true]);
  });

  it('another key in its place is refused', async () => {
    const keys = open();
    await keys.ensure();
    const other = openSigningKeys(join(parent, 'other'), () => nowMs);
    await other.ensure();
    await other.exportRoot(join(parent, 'other.pem'), PASSPHRASE);
    await expect(keys.rotate(['release'], readSigner(join(parent, 'other.pem'), PASSPHRASE))).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(keys.root()?.document.version).toBe(1);
    expect(pems()).toHaveLength(3);
  });
});

describe('the dates of the root document', () => {
  it('are renewed in the last quarter of the year where the key is here, and not where it is not', async () => {
    const keys = open();
    await keys.ensure();
    nowMs += 200 * DAY;
    expect(await keys.renew()).toBe(false);
    nowMs += 80 * DAY;
    expect(await keys.renew()).toBe(true);
    expect(follow(keys).root).toMatchObject({ version: 2, expiresAt: new Date(nowMs + 365 * DAY).toISOString() });
    await keys.exportRoot(join(parent, 'root-key.pem'), PASSPHRASE);
    nowMs += 360 * DAY;
    expect(await keys.renew()).toBe(false);
  });
});
