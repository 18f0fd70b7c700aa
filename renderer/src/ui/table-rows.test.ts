import { array, assert, boolean, double, integer, oneof, option, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TableColumn } from './data-table.ts';
import { allPlaces, filterRows, naturalKey, nextOrder, rankRows, sortRows, textOfRows } from './table-rows.ts';

interface Row {
  readonly name: string;
  readonly size?: number;
}
const rows: readonly Row[] = [{ name: 'shop 10', size: 3 }, { name: 'Shop 9' }, { name: 'shop 1', size: 30 }, { name: 'depot', size: 3 }];
const name: TableColumn<Row> = { id: 'name', header: 'Name', value: (row) => row.name, size: 10 };
const size: TableColumn<Row> = { id: 'size', header: 'Size', value: (row) => row.size, size: 10, align: 'right' };
const all = allPlaces(rows.length);
const names = (places: Uint32Array): readonly (string | undefined)[] => Array.from(places, (at) => rows[at]?.name);
const by = (column: TableColumn<Row>, desc: boolean): Uint32Array => sortRows(all, rankRows(rows, column), desc);

describe('rows of a table', () => {
  it('are ordered as people order names', () => {
    expect(names(by(name, false))).toEqual(['depot', 'shop 1', 'Shop 9', 'shop 10']);
  });

  it('keep what has no figure at the end, whichever way, and equal ones in their order', () => {
    expect(names(by(size, false))).toEqual(['shop 10', 'depot', 'shop 1', 'Shop 9']);
    expect(names(by(size, true))).toEqual(['shop 1', 'shop 10', 'depot', 'Shop 9']);
  });

  it('are found by any column, in any case', () => {
    const texts = textOfRows(rows, [name, size]);
    expect(names(filterRows(texts, 'SHOP 1'))).toEqual(['shop 10', 'shop 1']);
    expect(names(filterRows(texts, '30'))).toEqual(['shop 1']);
    expect(filterRows(texts, '')).toEqual(all);
    expect(filterRows(textOfRows([{ name: 'ab' }], [name, { ...name, id: 'again' }]), 'bab')).toHaveLength(0);
  });

  it('are ordered among those that were found', () => {
    expect(names(sortRows(filterRows(textOfRows(rows, [name]), 'shop'), rankRows(rows, size), false))).toEqual(['shop 10', 'shop 1', 'Shop 9']);
  });

  it('are ordered as by comparing each pair', () => {
    const values = option(oneof(integer({ min: -3, max: 3 }), double({ noNaN: true })), { nil: undefined });
    assert(
      property(array(oneof(array(values), array(option(string(), { nil: undefined })))), boolean(), (lists, desc) => {
        for (const list of lists) {
          const column: TableColumn<string | number | undefined> = { id: 'v', header: 'V', value: (value) => value, size: 1 };
          const key = (at: number): string | number | undefined => (typeof list[at] === 'string' ? naturalKey(list[at]) : list[at]);
          const expected = list.map((_, at) => at).sort((a, b) => {
            const [first, second] = [key(a), key(b)];
            if (first === second) return a - b;
            if (first === undefined) return 1;
            if (second === undefined) return -1;
            return first < second === desc ? 1 : -1;
          });
          expect([...sortRows(allPlaces(list.length), rankRows<string | number | undefined>(list, column), desc)]).toEqual(expected);
        }
      }),
    );
  });

  it('go through both orders and back to none', () => {
    const one = nextOrder(null, name);
    const two = nextOrder(one, name);
    expect([one, two, nextOrder(two, name)]).toEqual([{ id: 'name', desc: false }, { id: 'name', desc: true }, null]);
    expect(nextOrder(two, size)).toEqual({ id: 'size', desc: true });
    expect(nextOrder({ id: 'size', desc: false }, size)).toBeNull();
  });
});
