/**
 * Which rows of a table are shown, in which order: places in the list of rows, so that ten thousand of them are sorted within a frame or two and no object
 * is made for any.
 */
import type { TableColumn } from './data-table.ts';

export interface SortOrder {
  /** Of the column. */
  readonly id: string;
  readonly desc: boolean;
}

type Value = string | number | undefined;

/** As people order names: without regard to case, and 9 before 10. */
export function naturalKey(text: string): string {
  return text.toLowerCase().replaceAll(/\d+/g, (digits) => digits.padStart(12, '0'));
}

/** What a click on a column's head leads to: one order, the other, none. Figures begin with the largest. */
export function nextOrder<T>(order: SortOrder | null, { id, align }: TableColumn<T>): SortOrder | null {
  const first = align === 'right';
  if (order?.id !== id) return { id, desc: first };
  return order.desc === first ? { id, desc: !first } : null;
}

/** @param text rows that have it in any column; all where it is empty */
export function filterRows<T>(rows: readonly T[], columns: readonly TableColumn<T>[], text: string): readonly number[] {
  const wanted = text.toLowerCase();
  const places: number[] = [];
  for (const [at, row] of rows.entries()) {
    if (wanted === '' || columns.some(({ value }) => String(value(row) ?? '').toLowerCase().includes(wanted))) places.push(at);
  }
  return places;
}

/** Rows without a value come last in either direction; equal ones stay in their order. */
export function sortRows<T>(rows: readonly T[], places: readonly number[], column: TableColumn<T>, desc: boolean): readonly number[] {
  const keys: Value[] = [];
  for (const at of places) {
    const value = column.value(rows[at] as T);
    keys[at] = typeof value === 'string' ? naturalKey(value) : value;
  }
  const turn = desc ? -1 : 1;
  return places.toSorted((a, b) => {
    const [first, second] = [keys[a], keys[b]];
    if (first === second) return a - b;
    if (first === undefined) return 1;
    if (second === undefined) return -1;
    return (first < second ? -1 : 1) * turn;
  });
}
