/** The demo as a person starts it: a chain of shops, devices in a process of their own over the real line, figures that are labelled. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storeRecord } from '../../../contract/records/fleet.ts';
import type { RouteInput, RouteName, RouteOutput } from '../../../contract/rpc/routes.ts';
import { createConsole, type Console } from '../../create-console.ts';
import { createNodeProcessHost } from '../../jobs/node-process-host.ts';
import { findEntries } from '../../processes/entries.ts';
import { demoChain } from './demo-chain.ts';

let root: string;
let console: Console;

async function call<N extends RouteName>(route: N, input: RouteInput<N>): Promise<RouteOutput<N>> {
  const answer = await console.router.call({ id: 1, route, input }, { trusted: true });
  if (!answer.ok) throw Object.assign(new Error(`${answer.error.code} ${answer.error.message}`), answer.error);
  return answer.data as RouteOutput<N>;
}

async function until<T>(read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (let tries = 0; ; tries++) {
    const value = await read();
    if (holds(value)) return value;
    if (tries === 200) throw new Error(`waited in vain: ${JSON.stringify(value).slice(0, 1000)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-demo-'));
  console = await createConsole({ dataFolder: join(root, 'home'), processHost: createNodeProcessHost(), entries: findEntries(), host: 'browser', version: 'test', checkOutputs: true });
  // Any free ports, so that tests do not meet; still off, as it is before the first click.
  const { settings } = await call('fleet.link', {});
  await call('fleet.setLink', { ...settings, brokerPort: 0, artifactsPort: 0 });
});

afterAll(async () => {
  await console.close();
  rmSync(root, { recursive: true, force: true });
});

describe('the demo', () => {
  it('has stores that the registry takes, and names that differ, however many are asked for', () => {
    const { stores, devices } = demoChain(500, 10);
    for (const store of stores) expect(storeRecord.safeParse(store).error).toBeUndefined();
    expect(new Set(stores.map(({ id }) => id)).size).toBe(500);
    expect(new Set(devices.map(({ id }) => id)).size).toBe(5000);
  });

  // Enough devices that messages pass each other in the broker; a birth that is lost would be said again after a minute only.
  it('starts in one call from nothing, every device comes online over the real line, and all of it is labelled', { timeout: 40_000 }, async () => {
    expect(await call('fleet.overview', {})).toMatchObject({ demo: 'none', devices: 0, link: { state: 'off' } });
    await call('fleet.startDemo', { stores: 40, devicesPerStore: 3 });
    const overview = await until(() => call('fleet.overview', {}), ({ online }) => online === 120);
    expect(overview).toMatchObject({ demo: 'running', stores: 40, devices: 120, simulated: 120, waitingEnrolments: 0 });
    for (const row of await call('fleet.devices', {})) expect(row).toMatchObject({ simulated: true, credential: 'accepted', digest: null });
    await expect(call('fleet.startDemo', { stores: 1, devicesPerStore: 1 })).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('stops: its devices say good-bye and stay in the list; started again they are let in with new certificates', { timeout: 60_000 }, async () => {
    await call('fleet.stopDemo', { forget: false });
    expect(await until(() => call('fleet.overview', {}), ({ online }) => online === 0)).toMatchObject({ demo: 'stopped', devices: 120, offline: 120 });
    await call('fleet.startDemo', { stores: 5, devicesPerStore: 3 });
    await until(() => call('fleet.overview', {}), ({ online }) => online === 15);
  });

  it('is forgotten with all its stores, and nothing else is', { timeout: 40_000 }, async () => {
    await call('fleet.saveStore', { id: 's1', name: 'One', region: 'East', timeZone: 'Asia/Shanghai', openingHours: [], tariffCnyPerKwh: null, linkKbitPerS: null, latitude: null, longitude: null });
    await call('fleet.saveDevice', { id: 'd1', storeId: 's1', name: '', class: 'edge-box', workload: 'customer-flow', tags: [] });
    await call('fleet.stopDemo', { forget: true });
    expect(await call('fleet.overview', {})).toMatchObject({ demo: 'none', stores: 1, devices: 1 });
  });
});
