/** Finding rows of a table, and which hour of the store's week they are of. */
import { zoneOffsetMs } from '../../base/local-time.ts';
import type { FigureTable } from './figure-table.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** 1970-01-01 was a Thursday. */
const FIRST_WEEKDAY = 3;

/** First row of a device that begins at or after a moment. */
export function lowerBound(table: FigureTable, device: number, atMs: number): number {
  let low = table.first[device] ?? 0;
  let high = table.first[device + 1] ?? 0;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((table.atMs[middle] ?? 0) < atMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** @returns of a row @param at its place @param device whose it is */
function hourOfWeek(table: FigureTable): (at: number, device: number) => number {
  const zones = table.devices.map((_, device) => table.stores[table.storeOfDevice[device] ?? 0]?.timeZone ?? 'UTC');
  return (at, device) => {
    const atMs = table.atMs[at] ?? 0;
    const localMs = table.span === 'day' ? atMs : atMs + zoneOffsetMs(zones[device] ?? 'UTC', atMs);
    const day = Math.floor(localMs / DAY_MS);
    return ((((day + FIRST_WEEKDAY) % 7) + 7) % 7) * 24 + (table.span === 'day' ? 0 : Math.floor((localMs - day * DAY_MS) / HOUR_MS));
  };
}

const slotsKnown = new WeakMap<FigureTable, Uint8Array>();

/** Hour of the week of every row by the store's clock, 0 to 167 from Monday; of a day row the first of its day. One pass for a table, whatever is asked of it. */
export function slotsOf(table: FigureTable): Uint8Array {
  const found = slotsKnown.get(table) ?? allSlots(table);
  slotsKnown.set(table, found);
  return found;
}

function allSlots(table: FigureTable): Uint8Array {
  const hourOf = hourOfWeek(table);
  const slots = new Uint8Array(table.count);
  for (let device = 0; device < table.devices.length; device++) {
    const end = table.first[device + 1] ?? 0;
    if (table.span === 'hour' && wholeHours(table, device)) {
      fillHours(table, device, slots, hourOf);
      continue;
    }
    for (let at = table.first[device] ?? 0; at < end; at++) slots[at] = hourOf(at, device);
  }
  return slots;
}

/** A zone that is ahead by whole hours and stays so over all rows of the device. */
function wholeHours(table: FigureTable, device: number): boolean {
  const zone = table.stores[table.storeOfDevice[device] ?? 0]?.timeZone ?? 'UTC';
  const from = table.atMs[table.first[device] ?? 0] ?? 0;
  const to = table.atMs[(table.first[device + 1] ?? 1) - 1] ?? from;
  // Summer time lasts more than five weeks, so a look every four weeks misses no change.
  const ahead = zoneOffsetMs(zone, from);
  for (let at = from; at < to; at += 28 * 24 * HOUR_MS) if (zoneOffsetMs(zone, at) !== ahead) return false;
  return zoneOffsetMs(zone, to) === ahead && ahead % HOUR_MS === 0;
}

function fillHours(table: FigureTable, device: number, slots: Uint8Array, hourOf: (at: number, device: number) => number): void {
  const begin = table.first[device] ?? 0;
  const end = table.first[device + 1] ?? 0;
  if (begin === end) return;
  const first = hourOf(begin, device);
  const origin = table.atMs[begin] ?? 0;
  for (let at = begin; at < end; at++) slots[at] = (first + Math.round(((table.atMs[at] ?? 0) - origin) / HOUR_MS)) % 168;
}

