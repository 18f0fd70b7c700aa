/** Windows by the store's wall clock, over midnight and over both changes of summer time. */
import { describe, expect, it } from 'vitest';
import type { Schedule, WeeklySpan } from '../../contract/records/fleet.ts';
import { isOpen, nextOpening, openAt, wallClock } from './windows.ts';

const EVERY_DAY = [1, 2, 3, 4, 5, 6, 7];
const weekly = (from: string, to: string, days: number[] = EVERY_DAY): Schedule => ({ kind: 'weekly', spans: [{ days, from, to }] });
const place = (timeZone: string, openingHours: WeeklySpan[] = []) => ({ timeZone, openingHours });
const at = (iso: string): number => Date.parse(iso);

/** Minutes between two moments at which it is open. */
function openMinutes(schedule: Schedule, timeZone: string, from: string, to: string): number {
  let minutes = 0;
  for (let ms = at(from); ms < at(to); ms += 60_000) if (isOpen(schedule, place(timeZone), ms)) minutes++;
  return minutes;
}

describe('wall clock', () => {
  it.each([
    ['Asia/Shanghai', '2026-01-01T16:00:00Z', { day: 5, minute: 0 }],
    ['Asia/Kathmandu', '2026-01-01T00:00:00Z', { day: 4, minute: 345 }],
    ['America/New_York', '2026-07-05T03:59:00Z', { day: 6, minute: 1439 }],
    ['UTC', '2026-03-01T12:30:59Z', { day: 7, minute: 750 }],
  ])('%s at %s', (zone, moment, expected) => {
    expect(wallClock(zone, at(moment))).toEqual(expected);
  });
});

describe('a window', () => {
  it('begins at its first minute and ends before its last', () => {
    const schedule = weekly('09:00', '10:00');
    expect(isOpen(schedule, place('UTC'), at('2026-05-04T08:59:59Z'))).toBe(false);
    expect(isOpen(schedule, place('UTC'), at('2026-05-04T09:00:00Z'))).toBe(true);
    expect(isOpen(schedule, place('UTC'), at('2026-05-04T09:59:59Z'))).toBe(true);
    expect(isOpen(schedule, place('UTC'), at('2026-05-04T10:00:00Z'))).toBe(false);
  });

  it('over midnight belongs to the day on which it starts', () => {
    const schedule = weekly('22:00', '06:00', [7]);
    // 2026-05-03 is a Sunday.
    expect(isOpen(schedule, place('UTC'), at('2026-05-03T03:00:00Z'))).toBe(false);
    expect(isOpen(schedule, place('UTC'), at('2026-05-03T23:00:00Z'))).toBe(true);
    expect(isOpen(schedule, place('UTC'), at('2026-05-04T05:59:00Z'))).toBe(true);
    expect(isOpen(schedule, place('UTC'), at('2026-05-04T06:00:00Z'))).toBe(false);
    expect(isOpen(schedule, place('UTC'), at('2026-05-04T23:00:00Z'))).toBe(false);
  });

  it('from a time to the same time is a whole day, and 24:00 is midnight', () => {
    expect(openMinutes(weekly('06:00', '06:00'), 'UTC', '2026-05-04T00:00:00Z', '2026-05-05T00:00:00Z')).toBe(1440);
    expect(openMinutes(weekly('18:00', '24:00'), 'UTC', '2026-05-04T00:00:00Z', '2026-05-05T00:00:00Z')).toBe(360);
  });

  it('is read in the time zone of the store', () => {
    const schedule = weekly('02:00', '03:00');
    expect(isOpen(schedule, place('Asia/Shanghai'), at('2026-05-04T18:30:00Z'))).toBe(true);
    expect(isOpen(schedule, place('America/New_York'), at('2026-05-04T18:30:00Z'))).toBe(false);
  });

  it('of closed hours is what the opening hours leave', () => {
    const store = place('Asia/Shanghai', [{ days: EVERY_DAY, from: '08:00', to: '22:00' }]);
    expect(isOpen({ kind: 'closed_hours' }, store, at('2026-05-04T04:00:00Z'))).toBe(false);
    expect(isOpen({ kind: 'closed_hours' }, store, at('2026-05-04T14:00:00Z'))).toBe(true);
    expect(nextOpening({ kind: 'closed_hours' }, store, at('2026-05-04T04:00:00Z'))).toBe(at('2026-05-04T14:00:00Z'));
  });
});

describe('summer time in Berlin', () => {
  // 2026-03-29 02:00 becomes 03:00 at 01:00Z; 2026-10-25 03:00 becomes 02:00 at 01:00Z.
  it('an hour that does not exist is not open that night, and is the next', () => {
    const schedule = weekly('02:00', '03:00');
    expect(openMinutes(schedule, 'Europe/Berlin', '2026-03-28T12:00:00Z', '2026-03-29T12:00:00Z')).toBe(0);
    expect(openMinutes(schedule, 'Europe/Berlin', '2026-03-29T12:00:00Z', '2026-03-30T12:00:00Z')).toBe(60);
    expect(nextOpening(schedule, place('Europe/Berlin'), at('2026-03-28T12:00:00Z'))).toBe(at('2026-03-30T00:00:00Z'));
  });

  it('a window that starts inside of the missing hour opens when the clock jumps', () => {
    const schedule = weekly('02:30', '04:00');
    expect(openMinutes(schedule, 'Europe/Berlin', '2026-03-28T12:00:00Z', '2026-03-29T12:00:00Z')).toBe(60);
    expect(nextOpening(schedule, place('Europe/Berlin'), at('2026-03-28T12:00:00Z'))).toBe(at('2026-03-29T01:00:00Z'));
  });

  it('a night over the change in spring is an hour shorter, in autumn an hour longer', () => {
    const night = weekly('22:00', '06:00');
    expect(openMinutes(night, 'Europe/Berlin', '2026-03-28T12:00:00Z', '2026-03-29T12:00:00Z')).toBe(7 * 60);
    expect(openMinutes(night, 'Europe/Berlin', '2026-10-24T12:00:00Z', '2026-10-25T12:00:00Z')).toBe(9 * 60);
  });

  it('an hour that comes twice is open twice', () => {
    expect(openMinutes(weekly('02:00', '03:00'), 'Europe/Berlin', '2026-10-24T12:00:00Z', '2026-10-25T12:00:00Z')).toBe(120);
    // 02:30 to 02:45 comes at 00:30Z and again at 01:30Z.
    const quarter = weekly('02:30', '02:45');
    expect(nextOpening(quarter, place('Europe/Berlin'), at('2026-10-24T22:00:00Z'))).toBe(at('2026-10-25T00:30:00Z'));
    expect(nextOpening(quarter, place('Europe/Berlin'), at('2026-10-25T00:45:00Z'))).toBe(at('2026-10-25T01:30:00Z'));
  });

  it('a zone that changes by half an hour', () => {
    // Lord Howe, 2026-04-05: 02:00 becomes 01:30 at 15:00Z of the 4th.
    expect(openMinutes(weekly('01:00', '02:30'), 'Australia/Lord_Howe', '2026-04-04T06:00:00Z', '2026-04-05T06:00:00Z')).toBe(120);
  });
});

describe('the next opening', () => {
  it('is now where it is open, to the minute where it is not, and none where it never opens', () => {
    const schedule = weekly('09:07', '17:00');
    expect(nextOpening(schedule, place('UTC'), at('2026-05-04T12:00:30Z'))).toBe(at('2026-05-04T12:00:30Z'));
    expect(nextOpening(schedule, place('UTC'), at('2026-05-04T08:10:30Z'))).toBe(at('2026-05-04T09:07:00Z'));
    const never = place('UTC', [{ days: EVERY_DAY, from: '00:00', to: '24:00' }]);
    expect(nextOpening({ kind: 'closed_hours' }, never, at('2026-05-04T08:10:30Z'))).toBeNull();
  });

  it('asking for many places at one moment answers as asking for each', () => {
    const moment = at('2026-10-25T00:40:00Z');
    const schedule = weekly('02:30', '02:45');
    const ask = openAt(schedule, moment);
    for (const zone of ['Europe/Berlin', 'Asia/Shanghai', 'Europe/Berlin', 'UTC']) expect(ask(place(zone))).toBe(isOpen(schedule, place(zone), moment));
  });
});
