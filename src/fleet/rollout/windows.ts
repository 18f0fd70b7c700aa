/**
 * When a store may download or swap, by its own wall clock.
 *
 * A moment is turned into the store's weekday and minute, and that is compared; nothing is turned the other way round. So the two odd nights of a
 * year need no rule of their own: an hour that does not exist is never open, and an hour that comes twice is open twice.
 */
import type { Schedule, WeeklySpan } from '../../contract/records/fleet.ts';

/** What of a store a schedule is read against. */
export interface Place {
  readonly timeZone: string;
  readonly openingHours: readonly WeeklySpan[];
}

const MINUTE_MS = 60_000;
const STEP_MS = 15 * MINUTE_MS;
const HORIZON_MS = 8 * 86_400_000;
const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-GB', { timeZone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  formats.set(timeZone, format);
  return format;
}

/** Weekday (1 is Monday) and minute of the day on the wall clock of a time zone. */
export function wallClock(timeZone: string, atMs: number): { readonly day: number; readonly minute: number } {
  let day = 0;
  let minute = 0;
  for (const part of formatOf(timeZone).formatToParts(atMs)) {
    if (part.type === 'weekday') day = WEEKDAYS.indexOf(part.value) + 1;
    else if (part.type === 'hour') minute += Number(part.value) * 60;
    else if (part.type === 'minute') minute += Number(part.value);
  }
  return { day, minute };
}

function minuteOf(clock: string): number {
  return Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3, 5));
}

function spanRuns(span: WeeklySpan, day: number, minute: number): boolean {
  const from = minuteOf(span.from);
  const to = minuteOf(span.to);
  const today = span.days.includes(day);
  if (from < to) return today && minute >= from && minute < to;
  const yesterday = span.days.includes(day === 1 ? 7 : day - 1);
  return (today && minute >= from) || (yesterday && minute < to);
}

/** @param atMs milliseconds since 1970 */
export function isOpen(schedule: Schedule, place: Place, atMs: number): boolean {
  if (schedule.kind === 'always') return true;
  const { day, minute } = wallClock(place.timeZone, atMs);
  if (schedule.kind === 'weekly') return schedule.spans.some((span) => spanRuns(span, day, minute));
  return !place.openingHours.some((span) => spanRuns(span, day, minute));
}

/**
 * The first minute at or after `atMs` at which it is open; null: not within eight days. Windows shorter than a quarter of an hour may be overlooked
 * here (never by `isOpen`): this is for telling people and for waking up.
 */
export function nextOpening(schedule: Schedule, place: Place, atMs: number): number | null {
  if (isOpen(schedule, place, atMs)) return atMs;
  const start = Math.floor(atMs / MINUTE_MS) * MINUTE_MS;
  // Time zones and their changes lie on quarters of an hour.
  for (let next = (Math.floor(start / STEP_MS) + 1) * STEP_MS; next <= start + HORIZON_MS; next += STEP_MS) {
    if (!isOpen(schedule, place, next)) continue;
    let first = next;
    while (first - MINUTE_MS > atMs && isOpen(schedule, place, first - MINUTE_MS)) first -= MINUTE_MS;
    return first;
  }
  return null;
}

/** `isOpen` that asks once for each time zone and hours: ten thousand stores share a few. For one moment only. */
export function openAt(schedule: Schedule, atMs: number): (place: Place) => boolean {
  const known = new Map<string, boolean>();
  return (place) => {
    if (schedule.kind === 'always') return true;
    const key = schedule.kind === 'weekly' ? place.timeZone : `${place.timeZone} ${JSON.stringify(place.openingHours)}`;
    const answer = known.get(key) ?? isOpen(schedule, place, atMs);
    known.set(key, answer);
    return answer;
  };
}
