/** The wall clock of a time zone, for many moments: what a zone is ahead of UTC changes on quarters of an hour only, so it is asked for once for each. */
const QUARTER_MS = 15 * 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

const formats = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, Map<number, number>>();
/** Quarters of an hour kept for one zone: some three years. */
const MOST = 100_000;

/** What the wall clock shows more than UTC, ms. @throws RangeError for a zone that is none */
export function zoneOffsetMs(timeZone: string, atMs: number): number {
  const quarter = Math.floor(atMs / QUARTER_MS);
  let known = offsets.get(timeZone);
  if (known === undefined || known.size > MOST) offsets.set(timeZone, (known = new Map()));
  const found = known.get(quarter);
  if (found !== undefined) return found;
  const offset = ask(timeZone, quarter * QUARTER_MS);
  known.set(quarter, offset);
  return offset;
}

function ask(timeZone: string, atMs: number): number {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-GB', { timeZone, year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric', hourCycle: 'h23' });
    formats.set(timeZone, format);
  }
  const part: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(atMs)) part[type] = Number(value);
  return Date.UTC(part['year'] ?? 0, (part['month'] ?? 1) - 1, part['day'] ?? 1, part['hour'] ?? 0, part['minute'] ?? 0, part['second'] ?? 0) - Math.floor(atMs / 1000) * 1000;
}

/** Days since 1970-01-01 by the wall clock. */
export function localDay(timeZone: string, atMs: number): number {
  return Math.floor((atMs + zoneOffsetMs(timeZone, atMs)) / DAY_MS);
}

/** Hour of the wall clock, 0 to 23. */
export function localHour(timeZone: string, atMs: number): number {
  const ms = atMs + zoneOffsetMs(timeZone, atMs);
  return Math.floor((ms - Math.floor(ms / DAY_MS) * DAY_MS) / HOUR_MS);
}

/** Months since 1970-01 of a day. @param day days since 1970-01-01 */
export function monthOfDay(day: number): number {
  const date = new Date(day * DAY_MS);
  return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth();
}

/** First day of a month. @param month months since 1970-01 @returns days since 1970-01-01 */
export function firstDayOfMonth(month: number): number {
  return Math.floor(Date.UTC(1970 + Math.floor(month / 12), ((month % 12) + 12) % 12, 1) / DAY_MS);
}

/** `2026-03-01` of a day. @param day days since 1970-01-01 */
export function isoDay(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** Days since 1970-01-01 of `2026-03-01`. @returns NaN for what is no date */
export function dayOfIso(iso: string): number {
  return Math.floor(Date.parse(`${iso}T00:00:00Z`) / DAY_MS);
}
