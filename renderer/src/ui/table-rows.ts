/**
 * Which rows of a table are shown, in which order: places in the list of rows, in typed arrays, so that ten thousand of them are sorted within a frame and
 * no object is made for any. What depends on the rows alone (their ranks by a column, their text) is made once for them; a click or a letter uses it again.
 */
import type { TableColumn } from './data-table.ts';

export interface SortOrder {
  /** Of the column. */
  readonly id: string;
  readonly desc: boolean;
}

/** The rank of what has no value. */
const NONE = 0xff_ff_ff_ff;
/** Between the columns of a row's text: nobody types it into a filter. */
const GAP = '\n';
/** Names are few and come again: their keys are kept, but not without end. */
const MOST_KEYS = 50_000;
const keys = new Map<string, string>();

/** As people order names: without regard to case, and 9 before 10. */
export function naturalKey(text: string): string {
  const known = keys.get(text);
  if (known !== undefined) return known;
  const key = text.toLowerCase().replaceAll(/\d+/g, (digits) => digits.padStart(12, '0'));
  if (keys.size >= MOST_KEYS) keys.clear();
  keys.set(text, key);
  return key;
}

/** What a click on a column's head leads to: one order, the other, none. Figures begin with the largest. */
export function nextOrder<T>(order: SortOrder | null, { id, align }: TableColumn<T>): SortOrder | null {
  const first = align === 'right';
  if (order?.id !== id) return { id, desc: first };
  return order.desc === first ? { id, desc: !first } : null;
}

/** All columns of each row as one text, in small letters. */
export function textOfRows<T>(rows: readonly T[], columns: readonly TableColumn<T>[]): readonly string[] {
  return rows.map((row) => columns.map(({ value }) => value(row) ?? '').join(GAP).toLowerCase());
}

/** Every place of a list so long. */
export function allPlaces(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, at) => at);
}

/** @param texts of `textOfRows`; found are the rows that have `text` in any column */
export function filterRows(texts: readonly string[], text: string): Uint32Array {
  const wanted = text.toLowerCase();
  const places = new Uint32Array(texts.length);
  let count = 0;
  for (const [at, own] of texts.entries()) if (own.includes(wanted)) places[count++] = at;
  return places.subarray(0, count);
}

/** Each row's rank by a column; rows of the same value have the same one. Few values are compared where many rows share them. */
export function rankRows<T>(rows: readonly T[], { value }: TableColumn<T>): Uint32Array {
  const values = rows.map((row) => {
    const own = value(row);
    return typeof own === 'string' ? naturalKey(own) : own;
  });
  const distinct = new Set(values);
  distinct.delete(undefined);
  const figures = Float64Array.from([...distinct].filter((own) => typeof own === 'number')).sort();
  const words = [...distinct].filter((own) => typeof own === 'string').sort();
  const ranks = new Map<string | number | undefined, number>([...figures, ...words].map((own, rank) => [own, rank]));
  return Uint32Array.from(values, (own) => ranks.get(own) ?? NONE);
}

/** Rows without a value come last in either direction; equal ones stay in their order. */
export function sortRows(places: Uint32Array, ranks: Uint32Array, desc: boolean): Uint32Array {
  const count = ranks.length;
  // Rank and place in one figure: sorted as figures, without a call for each pair.
  const sorted = Float64Array.from(places, (at) => {
    const rank = ranks[at] ?? NONE;
    return (rank === NONE ? count : desc ? count - 1 - rank : rank) * count + at;
  }).sort();
  return Uint32Array.from(sorted, (packed) => packed % count);
}
