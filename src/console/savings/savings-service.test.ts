import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { saving } from '../../../docs/savings-by-hand.mjs';
import { csvText } from '../../base/csv.ts';
import { isoDay, localDay } from '../../base/local-time.ts';
import type { SavingsView } from '../../contract/rpc/savings-routes.ts';
import { createEventHub } from '../events.ts';
import { demoChain } from '../fleet/demo/demo-chain.ts';
import { DEMO_MODELS, demoHistory } from '../fleet/demo/demo-history.ts';
import { createFleetRegistry, type FleetRegistry } from '../fleet/registry/registry.ts';
import { openStore, type Store } from '../store/open-store.ts';
import { createSavingsService, type SavingsService } from './savings-service.ts';

const NOW = Date.UTC(2026, 9, 20, 6, 30);
const DAYS = 42;

let folder: string;
let store: Store;
let registry: FleetRegistry;
let savings: SavingsService;
let view: SavingsView;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'savings-'));
  store = openStore(join(folder, 'console.db'), 'x');
  registry = createFleetRegistry({ store, events: createEventHub(() => {}) });
  const chain = demoChain(24, 1);
  store.transaction(() => {
    for (const shop of chain.stores) registry.saveStore(shop);
    for (const device of chain.devices) {
      registry.saveDevice({ ...device, simulated: true });
      const shop = chain.stores.find(({ id }) => id === device.storeId);
      if (shop) store.telemetry.rollups.add(registry.number(device.id) ?? 0, shop.timeZone, true, demoHistory(device, shop, NOW, DAYS, 1));
    }
  });
  savings = createSavingsService({ store, registry, rollouts: { nameOf: (id) => (id === 'r1' ? 'nightly' : null), broughtBy: (_device, digest) => (digest === DEMO_MODELS.after.digest ? 'r1' : null) }, printer: undefined, now: () => NOW, log: () => {} });
  view = savings.extent().view;
});
afterEach(() => {
  savings.close();
  registry.close();
  store.close();
  rmSync(folder, { recursive: true });
});

describe('savings of a chain', () => {
  it('begin with the last thirty days that anything is known of', () => {
    const { known } = savings.extent();
    expect(known?.toDay).toBe(isoDay(localDay('Asia/Shanghai', NOW)));
    expect(view).toMatchObject({ toDay: known?.toDay, baselineDays: 14, method: 'auto', workload: null });
    expect(savings.extent().regions).toContain('East');
  });

  it('are proven against stores that were held back, labelled by their weakest evidence, and do not reach 25 % of all costs', () => {
    const { result, regions, stores, marks, models } = savings.overview(view);
    expect(result.energy).toMatchObject({ verdict: 'proven', method: 'held_back', evidence: { tier: 'modelled', simulated: true, rolloutIds: ['r1'] } });
    expect(result.line25).toBe('missed');
    expect(stores).toHaveLength(24);
    expect(regions.length).toBeGreaterThan(3);
    expect(marks.every(({ name }) => name === 'nightly')).toBe(true);
    expect(marks.reduce((sum, { devices }) => sum + devices, 0)).toBe(stores.reduce((sum, { updatedDevices }) => sum + updatedDevices, 0));
    expect(models.map(({ name }) => name)).toEqual(expect.arrayContaining(['demo float model', 'demo int8 model']));
  });

  it('are the same figure in the overview, in the store and in its device', () => {
    const row = savings.overview(view).stores.find(({ verdict }) => verdict === 'proven');
    const opened = savings.open(view, { kind: 'store', id: row?.id ?? '' });
    expect(opened.result.energy.share?.value).toBe(row?.energyShare?.value);
    expect(opened.rows).toHaveLength(1);
    const evidence = savings.evidence(view, opened.rows[0]?.id ?? '');
    expect(evidence.result.energy.share?.value).toBeCloseTo(row?.energyShare?.value ?? 0, 12);
    expect(opened.hours).toHaveLength(24);
  });

  it('equal the sum that anybody can do from the rows', () => {
    const alone = { ...view, method: 'before_after' as const };
    for (const { id, energyShare } of savings.overview(alone).stores.filter(({ updatedDevices }) => updatedDevices > 0).slice(0, 6)) {
      const files = savings.open(alone, { kind: 'store', id }).rows.map((row) => {
        const { rows, result } = savings.evidence(alone, row.id);
        expect(rows.filter(({ side }) => side === 'before').reduce((sum, each) => sum + each.rows, 0)).toBe(result.energy.evidence.rowsBefore);
        return csvText([['side', 'from', 'duration_ms', 'inferences', 'energy_j', 'above_idle_j'], ...rows.map((each) => [each.side, new Date(each.fromMs).toISOString(), each.durationMs, each.inferences, each.energyJ, each.aboveIdleJ])]);
      });
      expect(saving(files).share).toBeCloseTo(energyShare?.value ?? Number.NaN, 9);
    }
  });

  it('are of one workload where one is asked for', () => {
    expect(savings.overview({ ...view, workload: 'nothing' })).toMatchObject({ stores: [], result: { energy: { verdict: 'not_enough_data' } } });
  });

  it('name a period that is none, a store that is none', () => {
    expect(() => savings.overview({ ...view, fromDay: view.toDay, toDay: view.fromDay })).toThrow(/period/);
    expect(() => savings.open(view, { kind: 'store', id: 'nowhere' })).toThrow(/no store/);
    expect(() => savings.evidence(view, 'nothing')).toThrow(/no device/);
  });
});

describe('what is assumed and decided', () => {
  it('is kept, changes the figures, and must fit together', () => {
    const { assumptions } = savings.assumptions();
    const before = savings.overview(view).result.cashEnergyCny?.value ?? 0;
    savings.book.saveAssumptions({ ...assumptions, pue: { value: 2 * assumptions.pue.value, source: 'test' } });
    expect(savings.overview(view).result.cashEnergyCny?.value).toBeCloseTo(2 * before, 9);
    expect(() => savings.book.saveAssumptions({ ...assumptions, gridDefault: 'atlantis' })).toThrow(/atlantis/);
    const again = createSavingsService({ store, registry, rollouts: { nameOf: () => null, broughtBy: () => null }, printer: undefined, now: () => NOW, log: () => {} });
    expect(again.assumptions().assumptions.pue.source).toBe('test');
    again.close();
  });

  it('makes freed capacity money only where hardware goes', () => {
    const storeId = savings.overview(view).stores.find(({ updatedDevices }) => updatedDevices > 0)?.id ?? '';
    expect(savings.overview(view).result.capacityCny).toBe(0);
    const decision = { id: 'one', kind: 'devices_removed' as const, storeId, deviceClass: 'edge-box', count: 1, camerasPerDevice: null, fromDay: '2026-01-01', toDay: null, by: 'A. Person', note: '' };
    savings.book.saveDecision(decision);
    const with_ = savings.overview(view).result;
    expect(with_.capacityCny).toBeGreaterThan(0);
    expect(with_.decisionIds).toEqual(['one']);
    expect(() => savings.book.saveDecision({ ...decision, storeId: 'nowhere' })).toThrow(/nowhere/);
    savings.book.removeDecision('one');
    expect(savings.overview(view).result.capacityCny).toBe(0);
    expect(() => savings.book.removeDecision('one')).toThrow(/one/);
  });
});

describe('the report', () => {
  it('stands alone, says what it rests on, and runs nothing that a name brings along', async () => {
    const shop = registry.stores().find(({ region }) => region === 'East');
    if (shop) registry.saveStore({ ...shop, name: '<img src=x onerror=alert(1)>' });
    for (const locale of ['en', 'zh-CN'] as const) {
      const { name, html, pdfBase64 } = await savings.report(view, { kind: 'region', id: 'East' }, locale);
      expect(name).toBe(`Edgewise savings East ${view.fromDay} ${view.toDay}`);
      expect(pdfBase64).toBeNull();
      expect(html).toContain("default-src 'none'");
      expect(html).toContain('&lt;img src=x');
      expect(html).not.toMatch(/<img|<script|https?:\/\/(?!www\.w3\.org)/);
      expect(html.match(/<svg/g)).toHaveLength(2);
      expect(html).toContain(locale === 'en' ? 'Simulated devices' : '模拟设备');
    }
  });
});
