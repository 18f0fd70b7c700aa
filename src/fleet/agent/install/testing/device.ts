/** A device for tests: real downloads, real slots, and a model host that runs nothing but tells by the model's own bytes how it behaves. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EdgewiseError } from '../../../../base/errors.ts';
import { seededRandom } from '../../../../base/random.ts';
import { sha256 } from '../../../artifact/keys.ts';
import { packFile } from '../../../artifact/pack.ts';
import { manifestOf } from '../../../artifact/testing/publisher.ts';
import type { AcceptedManifest } from '../../../artifact/verify.ts';
import type { InstallDisk } from '../disk.ts';
import { DEFAULT_DOWNLOAD, type Fetch } from '../download.ts';
import { createInstaller, type Installer, type InstalledModel, type InstallerPorts, type ModelHost } from '../installer.ts';

/** `sick` is started and never well, `liar` reports another digest, `slow` misses the gate, `deadly` ends what starts it. */
export type Nature = 'healthy' | 'sick' | 'liar' | 'slow' | 'deadly';

/** A model of noise with its nature at its beginning; models of one seed differ in a few stretches only. */
export function modelBytes(nature: Nature, version: number, bytes: number, seed = 1): Buffer {
  const random = seededRandom(seed);
  const model = Buffer.from(Uint8Array.from({ length: bytes }, () => Math.floor(random() * 256)));
  model.write(`${nature} ${version}\n`, 0, 'latin1');
  model.fill(version & 255, bytes >> 1, (bytes >> 1) + (bytes >> 6));
  return model;
}

function natureOf(model: Uint8Array): Nature {
  return (Buffer.from(model.subarray(0, 20)).toString('latin1').split(' ')[0] ?? '') as Nature;
}

export interface Published {
  readonly accepted: AcceptedManifest;
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

/** A manifest as `verifyUpdate` hands it on, with a model and a small file beside it. */
export async function publish(version: number, model: Uint8Array, bases: readonly Uint8Array[] = []): Promise<Published> {
  const [packed, labels] = [await packFile('model.onnx', model, bases), await packFile('labels.txt', Buffer.from(`label of ${version}\n`))];
  const [variant] = manifestOf(version).variants;
  if (variant === undefined) throw new Error('no variant');
  const own = { ...variant, files: [packed.file, labels.file] };
  const manifest = manifestOf(version, { variants: [own] });
  return { accepted: { sha256: sha256(Buffer.from(JSON.stringify(manifest))), manifest, variant: own }, blobs: new Map([...packed.blobs, ...labels.blobs]) };
}

export interface BlobServer {
  readonly url: string;
  readonly server: Server;
  readonly requests: string[];
  add(published: Published): void;
  close(): void;
}

/** Serves blobs by digest, with ranges, over a real socket. */
export async function serveBlobs(): Promise<BlobServer> {
  const blobs = new Map<string, Uint8Array>();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const digest = (request.url ?? '').slice(1);
    requests.push(digest);
    const blob = blobs.get(digest);
    const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (blob === undefined) response.writeHead(404).end();
    else if (from > 0) response.writeHead(206, { 'content-range': `bytes ${from}-${blob.length - 1}/${blob.length}` }).end(blob.subarray(from));
    else response.writeHead(200, { 'content-length': blob.length }).end(blob);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    requests,
    add: (published) => {
      for (const [digest, blob] of published.blobs) blobs.set(digest, blob);
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Blobs without a socket, for tests that go through thousands of installs. */
export function blobsFrom(...published: readonly Published[]): Fetch {
  const blobs = new Map(published.flatMap((each) => [...each.blobs]));
  return async (url, { headers }) => {
    const blob = blobs.get(url.slice(url.lastIndexOf('/') + 1));
    const from = Number(/^bytes=(\d+)-/.exec(headers['range'] ?? '')?.[1] ?? 0);
    const status = blob === undefined ? 404 : from > 0 ? 206 : 200;
    const body = (async function* () {
      if (blob !== undefined) yield blob.subarray(from);
    })();
    return { status, headers: { get: (name) => (status === 206 && name === 'content-range' ? `bytes ${from}-${(blob?.length ?? 0) - 1}/${blob?.length}` : null) }, body };
  };
}

export interface WatchedHost extends ModelHost {
  /** The digest that runs. */
  running(): string | null;
}

/** @param read a slot's file; @param onDeadly what a deadly model does to its host */
export function hostOf(read: (model: InstalledModel, name: string) => Promise<Uint8Array>, onDeadly: () => void | Promise<never> = () => {}): WatchedHost {
  let running: string | null = null;
  const natureIn = async (model: InstalledModel): Promise<Nature> => natureOf(await read(model, 'model.onnx'));
  return {
    running: () => running,
    async start(model) {
      // Looks for itself, so that a fault of the installer shows.
      for (const file of model.record.files) {
        if (sha256(await read(model, file.name)) !== file.sha256) throw new Error(`"${file.name}" is started and is not what was signed`);
      }
      const nature = await natureIn(model);
      if (nature === 'deadly') await onDeadly();
      running = nature === 'liar' ? 'f'.repeat(64) : model.record.manifestSha256;
      return running;
    },
    async stop() {
      running = null;
    },
    async watch(model) {
      if ((await natureIn(model)) === 'sick') throw new EdgewiseError('RUNTIME_ERROR', 'The model answers nothing.', { hint: 'Train a better one.' });
    },
  };
}

export interface TestDevice {
  readonly installer: Installer;
  readonly host: WatchedHost;
  readonly states: string[];
}

/** @param inMemory the slots are read through the disk, not through the file system */
export function deviceOn(disk: InstallDisk, fetch: Fetch, more: { readonly inMemory?: boolean; readonly onDeadly?: () => void | Promise<never>; readonly onChange?: InstallerPorts['onChange'] } = {}): TestDevice {
  const states: string[] = [];
  const host = hostOf(async (model, name) => (more.inMemory ? disk.read(`${model.folder}/${name}`, 0, 2 ** 26) : readFileSync(join(model.folder, name))), more.onDeadly);
  const installer = createInstaller(
    {
      disk,
      fetch,
      host,
      random: () => 0,
      now: () => 0,
      benchmark: async (candidate) => {
        const bytes = await disk.read(`slots/${candidate.slot}/model.onnx`, 0, 20);
        if (natureOf(bytes) === 'slow') throw new EdgewiseError('GATE_NOT_MET', 'p95 is 12 ms, above the limit of 8 ms.', { hint: 'Choose a smaller model.' });
      },
      onChange: (record) => {
        if (states.at(-1) !== record.state) states.push(record.state);
        more.onChange?.(record);
      },
    },
    { download: { ...DEFAULT_DOWNLOAD, attempts: 2, delayMs: 1, maxDelayMs: 5 }, maxStarts: 3 },
  );
  return { installer, host, states };
}

/** Offers, waits, and lets it go on: what a rollout does. */
export async function install(installer: Installer, published: Published, url: string): Promise<void> {
  await installer.offer(published.accepted, url);
  if ((await installer.settled()).state === 'staged') await installer.proceed();
  await installer.settled();
}
