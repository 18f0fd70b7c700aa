/** Publishing on a real folder with real keys: what devices are then told, and what they are never told. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { FreshnessDocument, TrustState } from '../../contract/records/artifact.ts';
import type { ConsoleEvent } from '../../contract/rpc/events.ts';
import { encodeModel, modelFiles } from '../../engine/onnx/index.ts';
import { parseDocument } from '../../fleet/artifact/documents.ts';
import { openDocument } from '../../fleet/artifact/envelope.ts';
import { sha256 } from '../../fleet/artifact/keys.ts';
import { trustFromRoot } from '../../fleet/artifact/trust.ts';
import { verifyUpdate, type DeviceFacts, type UpdateDocuments } from '../../fleet/artifact/verify.ts';
import { buildModel } from '../../../test/support/build-model.ts';
import { smallModel } from '../testing/small-model.ts';
import type { ArtifactService } from './artifact-service.ts';
import { openPublisher, wish, type TestPublisher } from './testing/publisher.ts';

const DAY = 86_400_000;
const DEVICE: DeviceFacts = { hardware: 'linux-x64', deviceClass: 'edge-box', workload: 'customer-flow', runtimes: [{ name: 'onnxruntime', version: '1.23.0', providers: ['cpu'] }] };
let root: string;
let nowMs: number;
let open: TestPublisher[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-publish-'));
  nowMs = Date.parse('2026-06-01T12:00:00Z');
  open = [];
  return async () => {
    for (const each of open) await each.close().catch(() => {});
    rmSync(root, { recursive: true, force: true });
  };
});

async function publisher(options: Parameters<typeof openPublisher>[1] = {}): Promise<TestPublisher> {
  const made = await openPublisher(join(root, 'home'), { now: () => nowMs, ...options });
  open.push(made);
  return made;
}

async function modelIn({ library }: TestPublisher, seed: number): Promise<string> {
  const path = join(root, `model-${seed}.onnx`);
  writeFileSync(path, Buffer.concat([...encodeModel(smallModel(seed)).chunks]));
  return (await library.import(path)).id;
}

async function documents({ source }: ArtifactService, trust: TrustState, digest: string): Promise<UpdateDocuments> {
  const roots: Uint8Array[] = [];
  for (let version = trust.root.version + 1; ; version++) {
    const next = await source.root(version);
    if (next === null) break;
    roots.push(next);
  }
  const [freshness, manifest] = [await source.freshness(), await source.manifest(digest)];
  return { roots, freshness: freshness ?? new Uint8Array(), manifest: manifest ?? new Uint8Array() };
}

async function update(service: ArtifactService, trust: TrustState, digest: string, version?: number): Promise<ReturnType<typeof verifyUpdate>> {
  return verifyUpdate(trust, await documents(service, trust, digest), nowMs, DEVICE, { artifact: 'flow', ...(version === undefined ? {} : { version }) });
}

async function listed({ source }: ArtifactService, trust: TrustState): Promise<FreshnessDocument> {
  return parseDocument('freshness', openDocument('freshness', (await source.freshness()) ?? new Uint8Array(), trust.root, 'freshness'));
}

async function bytesOf({ source }: ArtifactService, digest: string): Promise<Uint8Array | null> {
  const blob = await source.blob(digest);
  if (blob === null) return null;
  const bytes = await blob.read(0, blob.length);
  await blob.close();
  return bytes;
}

describe('publishing', () => {
  it('before anything was published there is nothing to serve, and no key', async () => {
    const { service } = await publisher();
    expect(service.list()).toEqual([]);
    expect(service.keys()).toMatchObject({ rootVersion: 0, roles: [] });
    expect([await service.source.freshness(), await service.source.root(1), await service.source.time('a'.repeat(32)), await service.source.manifest('a'.repeat(64))]).toEqual([null, null, null, null]);
    expect(readdirSync(join(root, 'home'))).not.toContain('signing');
  });

  it('a device of the first trust accepts what was published, and every blob is what was signed', async () => {
    const console = await publisher();
    const { service } = console;
    const seen: ConsoleEvent[] = [];
    console.events.subscribe((event) => seen.push(event));
    const trust = trustFromRoot(await service.firstTrust());
    const record = await service.publish(wish(await modelIn(console, 1), { hardware: ['linux-x64', 'linux-arm64'], deviceClasses: ['edge-box'] }));
    expect(record).toMatchObject({ artifact: 'flow', version: 1, workload: 'customer-flow', deltaBytes: null, withdrawn: false, checkSamples: null, notes: [expect.stringContaining('not optimized here')] });
    expect(record.variants.map(({ hardware }) => hardware)).toEqual(['linux-x64', 'linux-arm64']);
    expect(seen).toContainEqual({ type: 'artifacts.changed' });
    const { outcome } = await update(service, trust, record.digest);
    if (!('accepted' in outcome)) throw outcome.refused;
    expect(outcome.accepted.sha256).toBe(record.digest);
    for (const file of outcome.accepted.variant.files) for (const { blob } of file.sources) expect(sha256((await bytesOf(service, blob.sha256)) ?? new Uint8Array())).toBe(blob.sha256);
    expect(outcome.accepted.variant.files.map(({ name }) => name)).toEqual(['model.onnx', 'edgewise.json']);
    expect(service.manifest('flow', 1)?.manifest).toEqual(outcome.accepted.manifest);
  });

  it('a next version has the next number and comes as a difference; both stay to be had, for a canary beside the rest', async () => {
    const console = await publisher();
    const { service } = console;
    const trust = trustFromRoot(await service.firstTrust());
    const big = (last: number): string => {
      const path = join(root, `big-${last}.onnx`);
      const values = Float32Array.from({ length: 100 * 100 }, (_, i) => (i === 5000 ? last : Math.sin(i * i)));
      writeFileSync(path, Buffer.concat([...encodeModel(buildModel({ inputs: { x: [1, 100] }, outputs: ['y'], initializers: { w: { dims: [100, 100], values } }, nodes: [{ op: 'MatMul', in: ['x', 'w'], out: ['y'] }] })).chunks]));
      return path;
    };
    const one = await service.publish(wish((await console.library.import(big(1))).id));
    const two = await service.publish(wish((await console.library.import(big(2))).id));
    expect([one.version, two.version]).toEqual([1, 2]);
    expect(two.deltaBytes).toBeLessThan(two.packedBytes / 10);
    expect(await update(service, trust, one.digest, 1)).toMatchObject({ outcome: { accepted: { sha256: one.digest } } });
    expect(await update(service, trust, two.digest)).toMatchObject({ outcome: { accepted: { sha256: two.digest } } });
  });

  it('a model of two files has both, under the names that it refers to', async () => {
    const console = await publisher({ fileBytes: 1000 });
    const values = Float32Array.from({ length: 4096 }, (_, i) => i);
    const model = buildModel({ inputs: { x: [1, 64] }, outputs: ['y'], initializers: { w: { dims: [64, 64], values } }, nodes: [{ op: 'MatMul', in: ['x', 'w'], out: ['y'] }] });
    for (const file of modelFiles(model, 'in.onnx', { externalData: true })) writeFileSync(join(root, file.name), Buffer.concat([...file.chunks]));
    const { id } = await console.library.import(join(root, 'in.onnx'));
    const record = await console.service.publish(wish(id));
    expect(record.files.map(({ name }) => name)).toEqual(['model.onnx', 'model.onnx.data', 'edgewise.json']);
  });

  it('publications at one time are one after the other', async () => {
    const console = await publisher();
    const ids = await Promise.all([1, 2, 3].map((seed) => modelIn(console, seed)));
    const records = await Promise.all(ids.map((id) => console.service.publish(wish(id))));
    expect(records.map(({ version }) => version)).toEqual([1, 2, 3]);
  });

  it('a model that is not there is named, and nothing is published', async () => {
    const { service } = await publisher();
    await expect(service.publish(wish('nobody'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(service.list()).toEqual([]);
  });
});

describe('withdrawing', () => {
  it('takes manifest and blobs from all, needs its name, and its number is not given again', async () => {
    const console = await publisher();
    const { service } = console;
    const trust = trustFromRoot(await service.firstTrust());
    const one = await service.publish(wish(await modelIn(console, 1)));
    const two = await service.publish(wish(await modelIn(console, 2)));
    const { variants } = service.manifest('flow', 2)?.manifest ?? { variants: [] };
    const own = variants[0]?.files[0]?.sha256 ?? '';
    await expect(service.withdraw('flow', 2, 'flow')).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(service.withdraw('flow', 9, 'flow 9')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await service.withdraw('flow', 2, 'flow 2')).toMatchObject({ version: 2, withdrawn: true });
    expect([await service.source.manifest(two.digest), await service.source.blob(own), service.manifest('flow', 2)]).toEqual([null, null, null]);
    expect((await listed(service, trust)).manifests.map(({ sha256: digest }) => digest)).toEqual([one.digest]);
    expect((await service.publish(wish(await modelIn(console, 3)))).version).toBe(3);
    await console.close();
    const again = await publisher();
    expect(again.service.list().map(({ version, withdrawn }) => [version, withdrawn])).toEqual([[3, false], [2, true], [1, false]]);
    expect(() => statSync(join(root, 'home', 'artifacts', own.slice(0, 2), own))).toThrow();
  });
});

describe('the list of what is current', () => {
  it('is signed anew in time by the timer, when it is asked for late, and at a start; expired manifests are left out', async () => {
    let tick = (): void => {};
    const console = await publisher({ every: (_, action) => ((tick = action), () => {}) });
    const { service } = console;
    const trust = trustFromRoot(await service.firstTrust());
    await service.publish(wish(await modelIn(console, 1), { validForDays: 2 }));
    const versions = [(await listed(service, trust)).version];
    tick();
    await service.rotate([], null, 'new keys').catch(() => {});
    const state = trustFromRoot((await service.source.root(2)) ?? new Uint8Array());
    versions.push((await listed(service, state)).version);
    nowMs += DAY * 0.6;
    tick();
    await expect.poll(() => console.store.artifacts.freshness()?.version).toBeGreaterThan(versions[1] ?? Infinity);
    versions.push((await listed(service, state)).version);
    nowMs += DAY * 0.9;
    const late = await listed(service, state);
    expect([late.manifests.length, Date.parse(late.expiresAt)]).toEqual([1, nowMs + DAY]);
    versions.push(late.version);
    await console.close();
    nowMs += 3 * DAY;
    const started = await publisher();
    const last = parseDocument('freshness', openDocument('freshness', started.store.artifacts.freshness()?.envelope ?? new Uint8Array(), state.root, 'freshness'));
    expect([last.manifests, Date.parse(last.expiresAt)]).toEqual([[], nowMs + DAY]);
    versions.push(last.version);
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
  });

  it('does not fall behind what devices have seen when the database is restored from a backup', async () => {
    const console = await publisher();
    const trust = trustFromRoot(await console.service.firstTrust());
    const one = await console.service.publish(wish(await modelIn(console, 1)));
    await console.close();
    execFileSync('cp', ['-r', join(root, 'home'), join(root, 'backup')]);
    const later = await publisher();
    for (let n = 0; n < 5; n++) {
      nowMs += DAY;
      await later.service.source.freshness();
    }
    const { state } = await update(later.service, trust, one.digest);
    await later.close();
    rmSync(join(root, 'home'), { recursive: true });
    execFileSync('cp', ['-r', join(root, 'backup'), join(root, 'home')]);
    nowMs += 3600_000;
    expect(await update((await publisher()).service, state, one.digest)).toMatchObject({ outcome: { accepted: { sha256: one.digest } } });
  });
});

describe('new keys', () => {
  it.each([[['release']], [['freshness']], [['root']], [['root', 'release', 'freshness']]] as const)('for %j: what is published stays to be had under the same digest, old devices follow', async (roles) => {
    const console = await publisher();
    const { service } = console;
    const record = await service.publish(wish(await modelIn(console, 1)));
    const trust = (await update(service, trustFromRoot(await service.firstTrust()), record.digest)).state;
    await expect(service.rotate(roles, null, 'yes')).rejects.toMatchObject({ code: 'CONFLICT' });
    const status = await service.rotate(roles, null, 'new keys');
    expect(status).toMatchObject({ rootVersion: 2, warnings: [] });
    expect(await update(service, trust, record.digest)).toMatchObject({ outcome: { accepted: { sha256: record.digest } }, state: { root: { version: 2 } } });
    expect(service.list()[0]?.signedBy).toBe(status.roles.find(({ role }) => role === 'release')?.keyIds[0]);
  });

  it('cut short between the root document and the signatures: the next start signs what is left', async () => {
    const console = await publisher();
    const record = await console.service.publish(wish(await modelIn(console, 1)));
    const trust = trustFromRoot(await console.service.firstTrust());
    await console.close();
    // What a crash leaves: keys and root changed, and the database as it was.
    const database = readFileSync(join(root, 'home', 'edgewise.sqlite'));
    const changed = await publisher();
    await changed.service.rotate(['release', 'freshness'], null, 'new keys');
    await changed.close();
    writeFileSync(join(root, 'home', 'edgewise.sqlite'), database);
    expect(await update((await publisher()).service, trust, record.digest)).toMatchObject({ outcome: { accepted: { sha256: record.digest } } });
  });

  it('that cannot be read any more: the console starts and says so, and makes no others in their place', async () => {
    const console = await publisher();
    await console.service.publish(wish(await modelIn(console, 1)));
    const id = await modelIn(console, 2);
    await console.close();
    writeFileSync(join(root, 'home', 'signing', 'root-1.signed'), 'damaged');
    const faults: unknown[] = [];
    const { service } = await publisher({ onFault: (error) => faults.push(error) });
    expect(faults).toMatchObject([{ code: 'STORE_CORRUPT' }]);
    expect(service.keys()).toMatchObject({ rootVersion: 0, warnings: [expect.stringContaining('do not follow from each other')] });
    await expect(service.publish(wish(id))).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    await expect(service.firstTrust()).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    expect([await service.source.freshness(), readFileSync(join(root, 'home', 'signing', 'root-1.signed'), 'utf8')]).toEqual([null, 'damaged']);
  });

  it('with the root key taken away: publishing goes on, new keys need it', async () => {
    const console = await publisher();
    const { service } = console;
    await service.publish(wish(await modelIn(console, 1)));
    const file = join(root, 'root-key.pem');
    await expect(service.exportRoot(file, 'a long passphrase', 'yes')).rejects.toMatchObject({ code: 'CONFLICT' });
    expect((await service.exportRoot(file, 'a long passphrase', 'take the root key away')).roles).toMatchObject([{ role: 'root', held: false }, { held: true }, { held: true }]);
    await service.publish(wish(await modelIn(console, 2)));
    await expect(service.rotate(['release'], null, 'new keys')).rejects.toMatchObject({ code: 'FORBIDDEN' });
    nowMs += 300 * DAY;
    expect(service.keys().warnings).toEqual([expect.stringContaining('expires in 65 days')]);
    expect(await service.rotate(['release'], { path: file, passphrase: 'a long passphrase' }, 'new keys')).toMatchObject({ rootVersion: 2, warnings: [] });
  });
});

describe('a console that is killed while it publishes', () => {
  it('at each step: what is served is all of the version or nothing, and publishing goes on', async () => {
    nowMs = Date.now();
    const first = await publisher();
    const [one, two] = [await modelIn(first, 1), await modelIn(first, 2)];
    await first.service.publish(wish(one));
    const trust = trustFromRoot(await first.service.firstTrust());
    await first.close();
    const seen = new Set<number>();
    for (let step = 1; ; step++) {
      const ended = spawnSync(process.execPath, [join(import.meta.dirname, 'testing', 'publish-process.ts'), join(root, 'home'), two, String(step)], { encoding: 'utf8' });
      if (ended.status === 0) break;
      expect(ended.signal, ended.stderr).toBe('SIGKILL');
      nowMs = Date.now();
      const after = await publisher();
      const { service } = after;
      const records = service.list();
      seen.add(records.length);
      const { manifests } = await listed(service, trust);
      expect(manifests.map(({ version }) => version).sort()).toEqual(records.map(({ version }) => version).sort());
      const needed = new Set<string>();
      for (const { artifact, version, digest } of records) {
        expect(await update(service, trust, digest, version)).toMatchObject({ outcome: { accepted: { sha256: digest } } });
        for (const { files } of service.manifest(artifact, version)?.manifest.variants ?? []) {
          for (const { blob } of files.flatMap(({ sources }) => sources)) {
            needed.add(blob.sha256);
            expect(sha256((await bytesOf(service, blob.sha256)) ?? new Uint8Array())).toBe(blob.sha256);
          }
        }
      }
      const onDisk = readdirSync(join(root, 'home', 'artifacts'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map(({ name }) => name);
      expect(onDisk.sort()).toEqual([...needed].sort());
      await after.close();
      expect(step).toBeLessThan(30);
    }
    // Both sides of the transaction were met.
    expect(seen).toEqual(new Set([1, 2]));
    const last = await publisher();
    expect((await last.service.publish(wish(two))).version).toBe(last.service.list().length);
  });
});
