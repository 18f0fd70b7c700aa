/**
 * A device in a process of its own, which kills itself at one chosen point: before or after anything that it does to the disk, the server,
 * the benchmark or the model, and after each state is written down. Prints how many points it passed when it comes to the end.
 * Without an offer it is told to go back to the version before.
 */
import { readFileSync } from 'node:fs';
import { nodeDisk, type InstallDisk } from '../disk.ts';
import type { Fetch } from '../download.ts';
import { deviceOn, type Published } from './device.ts';

const [folder = '', url = '', offer = '', at = '0'] = process.argv.slice(2);
const published = offer === '' ? null : (JSON.parse(readFileSync(offer, 'utf8')) as Published);
let points = 0;

function point(): void {
  if (++points === Number(at)) process.kill(process.pid, 'SIGKILL');
}

async function around<T>(action: () => Promise<T>): Promise<T> {
  point();
  const result = await action();
  point();
  return result;
}

const disk = nodeDisk(folder);
const guarded: InstallDisk = {
  ...disk,
  writeAtomically: (path, text) => around(() => disk.writeAtomically(path, text)),
  // Half of it first: a process can die within a write.
  writeAt: (path, offset, bytes) =>
    around(async () => {
      const half = bytes.length >> 1;
      if (half > 0) await disk.writeAt(path, offset, bytes.subarray(0, half));
      if (half > 0) point();
      await disk.writeAt(path, offset + half, bytes.subarray(half));
    }),
  truncate: (path, length) => around(() => disk.truncate(path, length)),
  sync: (path) => around(() => disk.sync(path)),
  makeFolder: (path) => around(() => disk.makeFolder(path)),
  remove: (path) => around(() => disk.remove(path)),
};
const request: Fetch = async (target, init) => {
  point();
  const response = await globalThis.fetch(target, init);
  const { body } = response;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    point();
    if (body !== null) yield* body;
    point();
  };
  return { status: response.status, headers: response.headers, body: body === null ? null : counted() };
};
const { installer, host } = deviceOn(guarded, request, { onChange: point });
const [start, stop, watch] = [host.start.bind(host), host.stop.bind(host), host.watch.bind(host)];
host.start = (model) => around(() => start(model));
host.stop = () => around(stop);
host.watch = (model, signal) => around(() => watch(model, signal));

await installer.boot();
let { state } = await installer.settled();
if (published === null) {
  if (state === 'succeeded') await installer.rollBack();
} else if (state !== 'staged') {
  await installer.offer(published.accepted, url);
  ({ state } = await installer.settled());
}
if (state === 'staged') await installer.proceed();
await installer.settled();
process.stdout.write(JSON.stringify({ points, state: installer.record().state }));
