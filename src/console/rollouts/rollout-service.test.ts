/** The service over a real database: what it keeps, what it sends again, and what it does after it was gone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RolloutPolicy } from '../../contract/records/rollout.ts';
import type { BirthMessage, CommandMessage } from '../../contract/wire/messages.ts';
import { createEventHub } from '../events.ts';
import { createFleetRegistry, type FleetRegistry } from '../fleet/registry/registry.ts';
import { openStore, type Store } from '../store/open-store.ts';
import { auditCsv } from './audit-csv.ts';
import { createRolloutService, type RolloutService } from './rollout-service.ts';

const NEW = 'b'.repeat(64);
const HOUR = 3_600_000;
const POLICY: RolloutPolicy = {
  approval: 'none', startAtMs: null, canary: 0, waves: { kind: 'sizes', sizes: [] }, ramp: null, store: { minServing: 1, smallStores: 'wait', maxAtOnce: 3 }, download: { kind: 'always' }, update: { kind: 'always' },
  success: { atLeastShare: 1, minExecuted: 1 }, failures: [], gates: [], waveGates: { missedAtMostShare: 0, minDevices: 1 }, onGateFailure: 'pause', soakMs: 0, retries: { max: 2, baseMs: 1, factor: 1, maxMs: 1 },
  timeoutsMs: { downloading: HOUR, verifying: HOUR, benchmarking: HOUR, swapping: HOUR, confirming: HOUR, rolling_back: HOUR, wave: HOUR }, jitterMs: 0, lateJoiners: 'ignore', tailMs: HOUR,
};

let folder: string;
let store: Store;
let registry: FleetRegistry;
let service: RolloutService;
let sent: (readonly [string, Extract<CommandMessage, { kind: 'rollout' }>])[];
let count: number;

const birth = (digest: string | null): BirthMessage => ({
  format: 1, birth: 1, atMs: 1, class: 'edge-box', workload: 'customer-flow', simulated: false, running: digest === null ? null : { artifact: 'flow', version: 1, digest }, install: 'idle', reports: 0, batches: 0,
  reported: { version: 0, values: {} },
  inventory: { agentVersion: '1', hardware: 'linux-x64', cpu: 'x', cores: 1, memoryBytes: 1, freeDiskBytes: 1, os: 'x', accelerators: [], runtimes: [], energy: null },
});

function open(): void {
  registry = createFleetRegistry({ store, events: createEventHub(() => {}) });
  service = createRolloutService({
    store, registry, events: createEventHub(() => {}), artifacts: { manifest: () => ({ digest: NEW, manifest: { workload: 'customer-flow', variants: [], expiresAt: '2099-01-01T00:00:00Z' } as never }) },
    send: (deviceId, message) => message.kind === 'rollout' && sent.push([deviceId, message]), now: Date.now, random: Math.random, newId: () => `r${count++}`, log: () => {},
  });
}
function comes(id: string): void {
  registry.born(id, birth('a'.repeat(64)), Date.now());
  service.born(id);
}
async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited in vain for: ${what}`);
}
let reports = 0;
const says = (id: string, rolloutId: string, kind: 'verifying' | 'staged'): void => store.transaction(() => service.report(id, { format: 1, sequence: ++reports, rolloutId, attempt: 0, atMs: 1, report: { kind } }))();
const stateOf = (rolloutId: string, id: string): { state: string; reason: string | null; online: boolean } | undefined => service.devices(rolloutId).find(({ deviceId }) => deviceId === id);
function begin(policy: Partial<RolloutPolicy> = {}): string {
  const { rollout } = service.create({ name: `n${count}`, artifact: 'flow', version: 2, filter: '', policy: { ...POLICY, ...policy } }, 'ann');
  service.act(rollout.id, 'submit', 'ann', '', null);
  return rollout.id;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgewise-rollouts-'));
  store = openStore(join(folder, 'x.sqlite'), 'now');
  [sent, count] = [[], 0];
  open();
  registry.saveStore({ id: 's1', name: 'One', region: 'East', timeZone: 'UTC', openingHours: [], tariffCnyPerKwh: null, linkKbitPerS: null, latitude: null, longitude: null });
  for (const id of ['d1', 'd2']) {
    registry.saveDevice({ id, storeId: 's1', name: '', class: 'edge-box', workload: 'customer-flow', tags: [] });
    registry.setCredential(id, 'accepted');
    comes(id);
  }
});
afterEach(() => {
  service.close();
  registry.close();
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('turns', () => {
  it('a ramp of one a minute asks one device and says why the other one waits, also after a start', async () => {
    const id = begin({ ramp: { basePerMinute: 1, factor: 1, every: 1, maxPerMinute: 1 } });
    const waiting = (): number => service.devices(id).filter(({ state, reason }) => state === 'queued' && reason === 'ramp').length;
    await until('one to be asked', () => sent.length > 0 && waiting() === 1);
    expect(service.get(id).states).toEqual({ downloading: 1, queued: 1 });
    service.close();
    registry.close();
    open();
    // The tokens are kept too: a start gives no new one.
    for (const deviceId of ['d1', 'd2']) comes(deviceId);
    await until('it to wait again', () => waiting() === 1);
    expect(service.get(id).states).toEqual({ downloading: 1, queued: 1 });
  });

  it('a download window that is shut by the clock of the store holds both back; one that is open lets them go', async () => {
    const today = new Date().getUTCDay() || 7;
    const week = (...days: number[]): RolloutPolicy['download'] => ({ kind: 'weekly', spans: [{ days, from: '00:00', to: '23:59' }] });
    // Three days off, so that a test at midnight is none of another day.
    const shut = begin({ download: week(((today + 2) % 7) + 1) });
    await until('a reason', () => service.devices(shut).every(({ reason }) => reason === 'download window'));
    expect(sent).toEqual([]);
    service.act(shut, 'stop', 'ann', '', service.get(shut).rollout.name);
    const open = begin({ download: { kind: 'weekly', spans: [{ days: [1, 2, 3, 4, 5, 6, 7], from: '00:00', to: '00:00' }] } });
    await until('both to be asked', () => sent.filter(([, { rolloutId }]) => rolloutId === open).length === 2);
  });
});

describe('a rollout that is kept', () => {
  it('goes on after a start: what a device was asked for is asked again when it is born, once each time, and nothing else', async () => {
    const id = begin();
    await until('both to be asked', () => sent.length === 2);
    const before = sent.map(([deviceId, { id: command, command: what }]) => [deviceId, command, what]);
    expect(before.map(([, , what]) => what)).toEqual(['prepare', 'prepare']);
    service.close();
    registry.close();
    sent = [];
    open();
    expect(service.get(id).states).toEqual({ downloading: 2 });
    expect(sent).toEqual([]);
    comes('d1');
    expect(sent.map(([deviceId, { id: command, command: what }]) => [deviceId, command, what])).toEqual(before.filter(([deviceId]) => deviceId === 'd1'));
  });

  it('counts nobody as there after a start until he says so, so that no store falls below its minimum', async () => {
    const id = begin();
    await until('both to be asked', () => sent.length === 2);
    for (const deviceId of ['d1', 'd2']) {
      says(deviceId, id, 'verifying');
      service.presence(deviceId, true);
    }
    service.close();
    registry.close();
    sent = [];
    open();
    expect(service.devices(id).map(({ online }) => online)).toEqual([false, false]);
    // Only one of the two comes back. It is staged, and its store has nobody else to serve.
    comes('d1');
    says('d1', id, 'staged');
    await until('it to wait', () => stateOf(id, 'd1')?.state === 'waiting_window');
    expect(stateOf(id, 'd1')?.reason).toBe('store minimum');
    comes('d2');
    await until('its turn', () => stateOf(id, 'd1')?.state === 'benchmarking');
  });

  it('begins with devices that came back while it had yet to start', async () => {
    const id = begin({ startAtMs: Date.now() + 400 });
    service.close();
    registry.close();
    open();
    // One comes back before its start; the other one goes, and comes again.
    comes('d1');
    comes('d2');
    registry.presence('d2', { type: 'death', birth: 1, atMs: Date.now() });
    service.presence('d2', false);
    expect(service.get(id).rollout.state).toBe('scheduled');
    await until('it to run', () => service.get(id).rollout.state === 'running');
    await until('the first to be asked', () => sent.length > 0);
    expect(sent.map(([deviceId]) => deviceId)).toEqual(['d1']);
    expect(stateOf(id, 'd2')).toMatchObject({ state: 'queued', online: false });
  });

  it('goes back with the devices that are there now, however long after its end', async () => {
    const id = begin({ store: { minServing: 0, smallStores: 'one_at_a_time', maxAtOnce: 3 } });
    await until('both to be asked', () => sent.length === 2);
    for (const deviceId of ['d1', 'd2']) says(deviceId, id, 'staged');
    await until('the benchmarks', () => sent.filter(([, { command }]) => command === 'benchmark').length === 2);
    for (const deviceId of ['d1', 'd2']) store.transaction(() => service.report(deviceId, { format: 1, sequence: ++reports, rolloutId: id, attempt: 0, atMs: 1, report: { kind: 'benchmarked', baseline: {}, candidate: {} } }))();
    for (const deviceId of ['d1', 'd2']) store.transaction(() => service.report(deviceId, { format: 1, sequence: ++reports, rolloutId: id, attempt: 0, atMs: 1, report: { kind: 'running', digest: NEW } }))();
    await until('its end', () => service.get(id).rollout.state === 'finished');
    registry.presence('d2', { type: 'death', birth: 1, atMs: Date.now() });
    service.presence('d2', false);
    service.close();
    registry.close();
    open();
    comes('d1');
    service.act(id, 'roll_back', 'ann', '', service.get(id).rollout.name);
    expect(['d1', 'd2'].map((deviceId) => stateOf(id, deviceId)?.online)).toEqual([true, false]);
    await until('the first to be told', () => stateOf(id, 'd1')?.state === 'rolling_back');
  });

  it('lets a device be in one hand at a time: a second rollout waits for it, and begins with the others', async () => {
    const first = begin();
    await until('both to be asked', () => sent.length === 2);
    sent = [];
    const second = begin();
    await until('it to wait', () => stateOf(second, 'd1')?.reason === 'other rollout');
    expect(sent).toEqual([]);
    expect([...service.busy()].toSorted()).toEqual(['d1', 'd2']);
    service.act(first, 'stop', 'ann', '', 'n0');
    await until('its turn', () => stateOf(second, 'd1')?.state === 'downloading');
  });

  it('gives the log in pages: each entry once, the newest first, also while it grows', async () => {
    const id = begin();
    await until('it to run', () => service.get(id).rollout.state === 'running');
    for (let round = 0; round < 4; round++) {
      service.act(id, 'pause', 'bob', `round ${round}`, null);
      service.act(id, 'resume', 'bob', '', null);
    }
    const all = service.audit(id, null, 5000);
    expect(all.older).toBeNull();
    expect(all.total).toBe(all.entries.length);
    const read: number[] = [];
    let before: number | null = null;
    do {
      const page: ReturnType<RolloutService['audit']> = service.audit(id, before, 3);
      expect(page.entries.length).toBeLessThanOrEqual(3);
      read.push(...page.entries.map(({ sequence }) => sequence));
      before = page.older;
      // What comes meanwhile is newer than what is read next.
      if (read.length === 3) service.act(id, 'pause', 'bob', 'late', null);
    } while (before !== null);
    expect(read).toEqual(all.entries.map(({ sequence }) => sequence));
    expect(read).toEqual(read.toSorted((a, b) => b - a));
    const exactly = service.audit(id, null, service.audit(id, null, 1).total);
    expect(exactly.older).toBeNull();
  });

  it('keeps an edited draft through a restart, with the plan of now, and refuses the second of two editors', () => {
    const { rollout } = service.create({ name: 'east', artifact: 'flow', version: 2, filter: '', policy: POLICY }, 'ann');
    const draft = { name: 'east and west', artifact: 'flow', version: 2, filter: 'id = d1', policy: { ...POLICY, canary: 1 } };
    expect(service.devices(rollout.id).length).toBeGreaterThan(1);
    const edited = service.edit(rollout.id, rollout.effects, draft, 'bob');
    expect(edited.rollout).toMatchObject({ id: rollout.id, name: 'east and west', author: 'bob', state: 'draft' });
    expect(() => service.edit(rollout.id, rollout.effects, { ...draft, name: 'mine' }, 'ann')).toThrow(/changed meanwhile/);
    // Nothing changed is no change.
    expect(service.edit(rollout.id, edited.rollout.effects, draft, 'ann').rollout).toMatchObject({ author: 'bob', effects: edited.rollout.effects });
    service.close();
    open();
    expect(service.devices(rollout.id).map(({ deviceId }) => deviceId)).toEqual(['d1']);
    expect(service.get(rollout.id).waves.map(({ kind }) => kind)).toEqual(['canary']);
    expect(service.audit(rollout.id, null, 10).entries.map(({ event, actor, note }) => [event, actor.id, note])).toEqual([['edit', 'bob', 'changed: name, filter, policy']]);
    service.act(rollout.id, 'submit', 'bob', '', null);
    expect(() => service.edit(rollout.id, service.get(rollout.id).rollout.effects, { ...draft, filter: '' }, 'ann')).toThrow(expect.objectContaining({ code: 'CONFLICT' }));
  });

  it('keeps a log of who did what, and a table of it that no spreadsheet runs', async () => {
    const id = begin();
    await until('it to run', () => service.get(id).rollout.state === 'running');
    service.act(id, 'pause', 'bob', '=cmd|"/c calc"!A1', null);
    const entry = service.audit(id, null, 100).entries.find(({ to }) => to === 'paused');
    expect(entry).toMatchObject({ actor: { kind: 'person', id: 'bob' }, from: 'running', note: '=cmd|"/c calc"!A1' });
    const { text } = service.auditCsv(id, null);
    expect(text).toContain(`"'=cmd|""/c calc""!A1"`);
    expect(auditCsv([], true).split('\r\n')).toHaveLength(2);
    expect(auditCsv([], false)).toBe('\r\n');
    expect(() => service.act(id, 'stop', 'bob', '', null)).toThrow(/name of the rollout/);
    expect(() => service.get('nothing')).toThrow(/no rollout/);
  });
});
