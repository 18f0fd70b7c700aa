import { describe, expect, it } from 'vitest';
import type { TableColumn } from './data-table.ts';
import { filterRows, nextOrder, sortRows } from './table-rows.ts';

interface Row {
  readonly name: string;
  readonly size?: number;
}
const rows: readonly Row[] = [{ name: 'shop 10', size: 3 }, { name: 'Shop 9' }, { name: 'shop 1', size: 30 }, { name: 'depot', size: 3 }];
const name: TableColumn<Row> = { id: 'name', header: 'Name', value: (row) => row.name, size: 10 };
const size: TableColumn<Row> = { id: 'size', header: 'Size', value: (row) => row.size, size: 10, align: 'right' };
const all = [0, 1, 2, 3];
const names = (places: readonly number[]): readonly (string | undefined)[] => places.map((at) => rows[at]?.name);

describe('rows of a table', () => {
  it('are ordered as people order names', () => {
    expect(names(sortRows(rows, all, name, false))).toEqual(['depot', 'shop 1', 'Shop 9', 'shop 10']);
  });

  it('keep what has no figure at the end, whichever way, and equal ones in their order', () => {
    expect(names(sortRows(rows, all, size, false))).toEqual(['shop 10', 'depot', 'shop 1', 'Shop 9']);
    expect(names(sortRows(rows, all, size, true))).toEqual(['shop 1', 'shop 10', 'depot', 'Shop 9']);
  });

  it('are found by any column, in any case', () => {
    expect(names(filterRows(rows, [name, size], 'SHOP 1'))).toEqual(['shop 10', 'shop 1']);
    expect(filterRows(rows, [name, size], '30')).toEqual([2]);
    expect(filterRows(rows, [name, size], '')).toEqual(all);
  });

  it('go through both orders and back to none', () => {
    const one = nextOrder(null, name);
    const two = nextOrder(one, name);
    expect([one, two, nextOrder(two, name)]).toEqual([{ id: 'name', desc: false }, { id: 'name', desc: true }, null]);
    expect(nextOrder(two, size)).toEqual({ id: 'size', desc: true });
    expect(nextOrder({ id: 'size', desc: false }, size)).toBeNull();
  });
});
