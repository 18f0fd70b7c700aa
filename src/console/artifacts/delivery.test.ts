/**
 * The whole way, with nothing in place of anything: a model is optimized, published, fetched over TLS by a device that has joined, verified,
 * put into a slot, and measured there on the check set that came along.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TrustState } from '../../contract/records/artifact.ts';
import { ARTIFACT_FILES, workloadFacts } from '../../contract/records/workload.ts';
import type { ArtifactRecord } from '../../contract/rpc/rollout-routes.ts';
import type { RouteInput, RouteName, RouteOutput } from '../../contract/rpc/routes.ts';
import { nodeDisk } from '../../fleet/agent/install/disk.ts';
import { deviceOn, install } from '../../fleet/agent/install/testing/device.ts';
import { trustFromRoot } from '../../fleet/artifact/trust.ts';
import { verifyUpdate, type DeviceFacts } from '../../fleet/artifact/verify.ts';
import { createArtifactClient, type ArtifactClient } from '../../fleet/link/http/client.ts';
import { startArtifactServer, type ArtifactServer } from '../../fleet/link/http/server.ts';
import { enrol } from '../../fleet/link/http/enrol.ts';
import { certificateSha256 } from '../../fleet/link/http/pinned-tls.ts';
import { createAuthority, createDeviceRequest, fingerprintOf, issueDeviceCertificate, issueServerCertificate } from '../../fleet/link/pki/authority.ts';
import { createInferenceRunner } from '../../runtime/index.ts';
import { forkInferenceChild } from '../../runtime/testing/fork-child.ts';
import { createConsole, type Console } from '../create-console.ts';
import { createNodeProcessHost } from '../jobs/node-process-host.ts';
import { findEntries } from '../processes/entries.ts';
import { writePictures, writeSmallModel } from '../testing/small-model.ts';

const HOST = '127.0.0.1';
const DEVICE: DeviceFacts = { hardware: 'linux-x64', deviceClass: 'edge-box', workload: 'customer-flow', runtimes: [{ name: 'onnxruntime', version: '1.23.0', providers: ['cpu'] }] };

let root: string;
let console: Console;
let server: ArtifactServer;
let client: ArtifactClient;
let trust: TrustState;
let float: ArtifactRecord;
let int8: ArtifactRecord;

async function call<N extends RouteName>(route: N, input: RouteInput<N>): Promise<RouteOutput<N>> {
  const answer = await console.router.call({ id: 1, route, input }, { trusted: true });
  if (!answer.ok) throw Object.assign(new Error(answer.error.message), answer.error);
  return answer.data as RouteOutput<N>;
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-delivery-'));
  console = await createConsole({ dataFolder: join(root, 'home'), processHost: createNodeProcessHost(), entries: findEntries(), host: 'browser', version: 'test', checkOutputs: true });
  writeSmallModel(join(root, 'small.onnx'));
  await writePictures(join(root, 'pictures'), 12);
  const model = await call('models.import', { path: join(root, 'small.onnx') });
  const done = new Promise<string>((resolve, reject) => {
    console.events.subscribe((event) => {
      if (event.type !== 'job.updated' || event.job.endedAt === null) return;
      if (event.job.result === null) reject(new Error(event.job.error?.message));
      else resolve(event.job.result.modelId);
    });
  });
  await call('optimize.start', { modelId: model.id, recipe: 'int8', dataPath: join(root, 'pictures'), samples: 12 });
  const made = await done;
  const wish = { artifact: 'flow', workload: 'customer-flow', deviceClasses: [], hardware: ['linux-x64'], validForDays: 30 };
  float = await call('artifacts.publish', { ...wish, modelId: model.id });
  int8 = await call('artifacts.publish', { ...wish, modelId: made });

  const authority = await createAuthority('Delivery', Date.now());
  const own = await issueServerCertificate(authority, [HOST], Date.now());
  const { source, firstTrust } = console.artifacts;
  const secret = randomBytes(32).toString('base64url');
  let allowed = '';
  server = await startArtifactServer({
    host: HOST,
    port: 0,
    tls: { keyPem: own.keyPem, certPem: own.certPem, authorityPem: authority.certPem },
    source,
    enrolments: {
      request: async (input) => {
        expect([input.secret, await fingerprintOf(input.csrPem)]).toEqual([secret, input.fingerprint]);
        const { certPem, fingerprint } = await issueDeviceCertificate(authority, input.csrPem, 'device-1', Date.now());
        allowed = fingerprint;
        return {
          state: 'accepted', deviceId: 'device-1', storeId: 's1', class: 'edge-box', workload: 'customer-flow', certificatePem: certPem, authorityPem: authority.certPem,
          brokerUrl: 'mqtts://127.0.0.1:1', brokerAuthorityPem: null, artifactsUrl: url, rootBase64: Buffer.from(await firstTrust()).toString('base64'),
        };
      },
      poll: () => Promise.reject(new Error('it does not wait')),
    },
    mayFetch: (id, fingerprint) => id === 'device-1' && fingerprint === allowed,
    storeOf: () => null,
  });
  const url = `https://${HOST}:${server.port}`;
  const { keyPem, csrPem, fingerprint } = await createDeviceRequest();
  const inventory = { agentVersion: '1', hardware: 'linux-x64', cpu: 'test', cores: 1, memoryBytes: 1, freeDiskBytes: 1, os: 'test', accelerators: [], runtimes: [], energy: null };
  const joined = await enrol({
    claim: { v: 1, url, ca: certificateSha256(authority.certPem), secret },
    request: { csrPem, fingerprint, deviceId: null, inventory },
    signal: new AbortController().signal,
  });
  client = createArtifactClient({ url: joined.artifactsUrl, tls: { authority: { pem: joined.authorityPem }, identity: { certPem: joined.certificatePem, keyPem } } });
  trust = trustFromRoot(Buffer.from(joined.rootBase64, 'base64'));
}, 60_000);
afterAll(async () => {
  client.close();
  await server.close();
  await console.close();
  rmSync(root, { recursive: true, force: true });
});

async function fetched({ digest, version }: ArtifactRecord, clockMs = Date.now(), withTime = false): Promise<ReturnType<typeof verifyUpdate>> {
  const documents = await client.documents(trust.root.version, digest);
  const nonce = randomBytes(16).toString('hex');
  const time = withTime ? { time: { document: await client.time(nonce), nonce } } : {};
  return verifyUpdate(trust, { ...documents, ...time }, clockMs, DEVICE, { artifact: 'flow', version });
}

describe('from the library to a slot', () => {
  it('what was published says what is in it', () => {
    for (const record of [float, int8]) {
      expect(record.files.map(({ name }) => name)).toEqual(['model.onnx', 'edgewise.json', 'check.npz']);
      expect(record).toMatchObject({ checkSamples: 24, notes: [expect.stringMatching(/^24 labelled samples .* None of them was calibrated with\./)] });
    }
    expect([float.version, int8.version]).toEqual([1, 2]);
  });

  it('a device takes the first version, then the next one, and fetches nothing twice', async () => {
    const { installer, host } = deviceOn(nodeDisk(join(root, 'device')), client.fetch);
    await installer.boot();
    for (const record of [float, int8]) {
      const before = server.stats().sentBytes;
      const { state, outcome } = await fetched(record);
      if (!('accepted' in outcome)) throw outcome.refused;
      trust = state;
      await install(installer, { accepted: outcome.accepted, blobs: new Map() }, client.blobsUrl);
      expect(installer.record()).toMatchObject({ state: 'succeeded', failure: null });
      expect(host.running()).toBe(record.digest);
      expect(server.stats().sentBytes - before).toBe(record.version === 1 ? record.packedBytes : record.deltaBytes);
    }
    expect(int8.deltaBytes).toBeLessThan(int8.packedBytes);
  });

  it('and measures accuracy there, on the samples that came along, as it was measured where it was made', async () => {
    const slot = join(root, 'device', 'slots', 'b');
    const facts = workloadFacts.parse(JSON.parse(readFileSync(join(slot, ARTIFACT_FILES.facts), 'utf8')));
    expect(facts).toMatchObject({ task: 'classification', labels: ['bright', 'dark', 'middle'], check: { samples: 24, metric: 'top1' } });
    const runner = createInferenceRunner({ fork: forkInferenceChild });
    try {
      const session = await runner.open(join(slot, ARTIFACT_FILES.model));
      const preprocess = facts.check?.preprocess ?? undefined;
      const source = { kind: 'dataset', path: join(slot, ARTIFACT_FILES.check), indices: Array.from({ length: 24 }, (_, index) => index), ...(preprocess === undefined ? {} : { preprocess }) };
      const measured = await runner.evaluate(session, source as Parameters<typeof runner.evaluate>[1]);
      const [stored] = await call('reports.forModel', { modelId: int8.modelId ?? '' });
      const report = await call('reports.get', { id: stored?.id ?? '' });
      expect(measured).toMatchObject({ samples: 24, top1: report.accuracy?.after.top1 });
    } finally {
      await runner.dispose();
    }
  });
});

describe('clocks', () => {
  it.each([['ten years behind', -10], ['ten years ahead', 10]] as const)('%s: nothing is taken by it, and with the signed time it is', async (_, years) => {
    const clockMs = Date.now() + years * 365 * 86_400_000;
    expect(await fetched(int8, clockMs)).toMatchObject({ outcome: { refused: { code: years < 0 ? 'CLOCK_WRONG' : 'EXPIRED' } } });
    expect(await fetched(int8, clockMs, true)).toMatchObject({ outcome: { accepted: { sha256: int8.digest } } });
  });
});

describe('afterwards', () => {
  it('new keys: the device follows them and finds what it knows', async () => {
    await call('artifacts.rotate', { roles: ['root', 'release', 'freshness'], root: null, confirm: 'new keys' });
    const { state, outcome } = await fetched(int8);
    expect(outcome).toMatchObject({ accepted: { sha256: int8.digest } });
    expect(state.root.version).toBe(2);
    trust = state;
  });

  it('withdrawn: neither manifest nor blob can be had', async () => {
    const blob = console.artifacts.manifest('flow', 2)?.manifest.variants[0]?.files[0]?.sha256 ?? '';
    await call('artifacts.withdraw', { artifact: 'flow', version: 2, confirm: 'flow 2' });
    await expect(fetched(int8)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect((await client.fetch(`${client.blobsUrl}/${blob}`, { headers: {}, signal: new AbortController().signal })).status).toBe(404);
    expect(await fetched(float)).toMatchObject({ outcome: { refused: { code: 'OLD_VERSION' } } });
  });
});
