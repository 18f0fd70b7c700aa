import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEventHub } from '../../events.ts';
import { openStore, type Store } from '../../store/open-store.ts';
import { createCsvImport, type CsvImport } from './csv-import.ts';
import { createFleetRegistry, type FleetRegistry } from './registry.ts';

let folder: string;
let store: Store;
let registry: FleetRegistry;
let csv: CsvImport;
let count = 0;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgewise-csv-'));
  store = openStore(join(folder, 'x.sqlite'), 'now');
  registry = createFleetRegistry({ store, events: createEventHub(() => {}) });
  csv = createCsvImport(registry, store, () => `token-${count++}`);
});
afterEach(() => {
  registry.close();
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

const STORES = 'id;name;region;time_zone\ns1;"Harbour; quay";East;Asia/Shanghai\ns2;Two;West;Mars/Base\n';

describe('importing a table', () => {
  it('shows what it would change, writes exactly that, and keeps it over a start', () => {
    const { rows, token } = csv.preview('stores', `\uFEFF${STORES}`);
    expect(rows).toMatchObject([{ line: 2, id: 's1', change: 'added', error: null }, { line: 3, id: 's2', change: 'refused' }]);
    expect(registry.stores()).toEqual([]);
    expect(csv.apply(token)).toEqual({ added: 1, changed: 0, refused: 1 });
    expect(() => csv.apply(token)).toThrow(/not kept/);
    const again = createFleetRegistry({ store, events: createEventHub(() => {}) });
    expect(again.store('s1')).toMatchObject({ name: 'Harbour; quay', region: 'East' });
    again.close();
    expect(csv.preview('stores', STORES).rows[0]).toMatchObject({ change: 'same' });
    expect(csv.preview('stores', STORES.replace('East', 'North')).rows[0]).toMatchObject({ change: 'changed', fields: ['region'] });
  });

  it('writes nothing where something else has changed since', () => {
    csv.apply(csv.preview('stores', STORES).token);
    const { token } = csv.preview('devices', 'id\tstore\tclass\tworkload\ttags\nd1\ts1\tedge-box\tcustomer-flow\ta|b\n');
    registry.saveDevice({ id: 'd9', storeId: 's1', name: '', class: 'edge-box', workload: 'customer-flow', tags: [] });
    expect(() => csv.apply(token)).toThrow(/have changed/);
    expect(registry.row('d1')).toBeUndefined();
    csv.apply(csv.preview('devices', 'id,store,class,workload,tags\nd1,s1,edge-box,customer-flow,a|b\n').token);
    expect(registry.row('d1')).toMatchObject({ storeId: 's1', tags: ['a', 'b'], presence: 'never', credential: 'none' });
  });

  it.each([['', /empty/], ['id,name\n1,2', /no column region/], ['id,"name\n', /cannot be read/]])('names what is wrong with %j', (text, reason) => {
    expect(() => csv.preview('stores', text)).toThrow(reason);
  });
});
