import { describe, expect, it } from 'vitest';
import { importColumns, importDevices, importStores, type CsvRow } from './import-rules.ts';

const rows = (...lines: string[][]): CsvRow[] => lines.map((cells, at) => ({ line: at + 2, cells }));
const columns = (kind: 'stores' | 'devices', ...header: string[]): readonly (string | null)[] => {
  const found = importColumns(kind, header);
  if ('error' in found) throw new Error(found.error);
  return found.columns;
};

describe('importing stores', () => {
  const header = columns('stores', 'ID', 'Name', 'Region', 'Time zone', 'Opening hours', 'tariff_cny_per_kwh', 'what else', 'latitude', 'longitude');
  const read = (...cells: string[]): unknown => importStores(header, rows(cells))[0];

  it('takes what is there, and leaves open what is not', () => {
    expect(read('s1', 'Harbour', 'East', 'Asia/Shanghai', 'Mo-Fr 8:00-22:00; Sa,Su 09:00-21:00', '0,8', 'x', '31.2', '121.5')).toMatchObject({
      line: 2, record: { id: 's1', openingHours: [{ days: [1, 2, 3, 4, 5], from: '08:00', to: '22:00' }, { days: [6, 7], from: '09:00', to: '21:00' }], tariffCnyPerKwh: 0.8, linkKbitPerS: null, latitude: 31.2 },
    });
    expect(read('s2', 'All day', 'East', 'Asia/Shanghai', '24/7')).toMatchObject({ record: { openingHours: [{ from: '00:00', to: '24:00' }], tariffCnyPerKwh: null } });
    expect(read('s3', 'Weekend', 'East', 'Asia/Shanghai', 'Fr-Mo 22:00-02:00')).toMatchObject({ record: { openingHours: [{ days: [1, 5, 6, 7], from: '22:00', to: '02:00' }] } });
  });

  it.each([
    [['', 'n', 'r', 'Asia/Shanghai'], 'id:'], [['a b', 'n', 'r', 'Asia/Shanghai'], 'id:'], [['s', '', 'r', 'Asia/Shanghai'], 'name:'], [['s', 'n', 'r', 'Mars/Base'], 'timeZone:'],
    [['s', 'n', 'r', 'Asia/Shanghai', 'always'], 'opening_hours: "always"'], [['s', 'n', 'r', 'Asia/Shanghai', 'Mo-Xx 08:00-09:00'], 'opening_hours: "xx" is no day'],
    [['s', 'n', 'r', 'Asia/Shanghai', 'Mo 08:00-25:00'], 'openingHours'], [['s', 'n', 'r', 'Asia/Shanghai', '', 'cheap'], 'tariff_cny_per_kwh: "cheap"'], [['s', 'n', 'r', 'Asia/Shanghai', '', '', '', '91'], 'latitude:'],
  ])('refuses %j by its reason, and the other rows stay', (cells, reason) => {
    const [bad, good] = importStores(header, rows(cells, ['ok', 'n', 'r', 'Asia/Shanghai']));
    expect(bad).toMatchObject({ error: expect.stringContaining(reason) as string });
    expect(good).toMatchObject({ line: 3, record: { id: 'ok' } });
  });

  it('knows headers in Chinese, and names those that are missing', () => {
    expect(columns('stores', '门店编号', '名称', '大区', '时区', '电价')).toEqual(['id', 'name', 'region', 'time_zone', 'tariff_cny_per_kwh']);
    expect(importColumns('stores', ['id', 'name'])).toEqual({ error: expect.stringContaining('region, time_zone') as string });
    expect(importColumns('devices', ['id', '设备编号', 'store', 'class', 'workload'])).toEqual({ error: 'The column id is there twice.' });
  });
});

describe('importing devices', () => {
  const header = columns('devices', 'id', 'store', 'class', 'workload', 'name', 'tags');

  it('takes tags apart, wants the store to be there, and the first of two with one id', () => {
    const found = importDevices(header, rows(
      ['d1', 's1', 'edge-box', 'customer-flow', "'=Till", 'pilot | north|pilot'], ['d2', 's9', 'edge-box', 'customer-flow'], ['d1', 's1', 'edge-box', 'customer-flow'], ['d3', 's1', 'Edge Box', 'customer-flow'],
    ), (id) => id === 's1');
    expect(found).toMatchObject([{ record: { id: 'd1', name: '=Till', tags: ['pilot', 'north'] } }, { error: 'there is no store "s9"' }, { line: 4, error: 'line 2 has the same id' }, { error: expect.stringContaining('class:') as string }]);
  });
});
