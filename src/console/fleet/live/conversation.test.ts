/** What a device said before, played again: nothing of it may count a second time. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BirthMessage, ReportMessage, WelcomeMessage } from '../../../contract/wire/messages.ts';
import { createEventHub } from '../../events.ts';
import { openStore, type Store } from '../../store/open-store.ts';
import { createFleetRegistry, type FleetRegistry } from '../registry/registry.ts';
import { createConversation, type Conversation } from './conversation.ts';

let folder: string;
let store: Store;
let registry: FleetRegistry;
let talk: Conversation;
let welcomes: WelcomeMessage[];
let acks: number;
let heard: number[];
let births: number;
let nowMs: number;

const birth = (number: number, more: Partial<BirthMessage> = {}): BirthMessage => ({
  format: 1, birth: number, atMs: 1, class: 'edge-box', workload: 'customer-flow', simulated: false, running: { artifact: 'flow', version: number, digest: String(number % 10).repeat(64) }, install: 'idle', reports: 0, batches: 0,
  reported: { version: 0, values: {} },
  inventory: { agentVersion: '1', hardware: 'linux-x64', cpu: 'x', cores: 1, memoryBytes: 1, freeDiskBytes: 1, os: 'x', accelerators: [], runtimes: [], energy: null }, ...more,
});
const report = (sequence: number): ReportMessage => ({ format: 1, sequence, rolloutId: 'r1', attempt: 0, atMs: 1, report: { kind: 'verifying' } });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgewise-conversation-'));
  store = openStore(join(folder, 'x.sqlite'), 'now');
  registry = createFleetRegistry({ store, events: createEventHub(() => {}) });
  registry.saveStore({ id: 's1', name: 'One', region: 'East', timeZone: 'UTC', openingHours: [], tariffCnyPerKwh: null, linkKbitPerS: null, latitude: null, longitude: null });
  registry.saveDevice({ id: 'd1', storeId: 's1', name: '', class: 'edge-box', workload: 'customer-flow', tags: [] });
  acks = 0;
  [welcomes, heard, births, nowMs] = [[], [], 0, Date.UTC(2026, 5, 1)];
  talk = createConversation({
    store, registry, now: () => nowMs, log: () => {}, artifactsUrl: () => 'https://127.0.0.1:1',
    rollouts: { report: (_, message) => () => void heard.push(message.sequence), born: () => void births++, presence: () => {} },
    mouth: { welcome: (_, message) => void welcomes.push(message), command: () => {}, ack: () => void acks++ },
  });
});
afterEach(() => {
  registry.close();
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('a device that has nothing to tell', () => {
  const alive = (): void => talk.telemetry('d1', { format: 1, batch: 4, sentAtMs: nowMs, simulated: false, rows: [] });

  it('stays online for as long as it says that it is there, and nothing of it is stored or acknowledged', () => {
    talk.birth('d1', birth(1));
    for (let minute = 0; minute < 60; minute++) {
      nowMs += 60_000;
      talk.tick();
      expect(registry.row('d1')?.presence).toBe('online');
      alive();
    }
    expect(registry.acked('d1').batches).toBe(0);
    expect(acks).toBe(0);
  });

  it('is stale and then offline once it does not even say that', () => {
    talk.birth('d1', birth(1));
    const seen = [89, 2, 208, 2].map((seconds) => {
      nowMs += seconds * 1000;
      talk.tick();
      return registry.row('d1')?.presence;
    });
    expect(seen).toEqual(['online', 'stale', 'stale', 'offline']);
  });
});

describe('the birth of an older session, played again', () => {
  it.each([['while the newer one stands', false], ['after the newer one has ended', true]])('%s: nothing changes, and reports that were taken are not taken again', (_, ended) => {
    talk.birth('d1', birth(3));
    talk.birth('d1', birth(7, { reports: 2 }));
    for (const sequence of [1, 2, 3, 4]) talk.report('d1', report(sequence));
    if (ended) talk.death('d1', { format: 1, birth: 7 });
    const before = registry.row('d1');
    talk.birth('d1', birth(3));
    expect(registry.row('d1')).toMatchObject({ digest: before?.digest, version: 7, presence: ended ? 'offline' : 'online' });
    expect(welcomes.map((welcome) => welcome.birth)).toEqual([3, 7]);
    expect(births).toBe(2);
    for (const sequence of [1, 2, 3, 4]) talk.report('d1', report(sequence));
    expect(heard).toEqual([1, 2, 3, 4]);
  });

  it('the same session may say again who it is', () => {
    talk.birth('d1', birth(3));
    talk.birth('d1', birth(3));
    expect(welcomes).toHaveLength(2);
  });
});
