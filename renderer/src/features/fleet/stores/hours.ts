/** Opening hours in words. */
import type { WeeklySpan } from '../../../../../src/contract/records/fleet.ts';

/** 2024-01-01 was a Monday. */
export function dayName(day: number, locale: string): string {
  return new Intl.DateTimeFormat(locale, { weekday: 'short', timeZone: 'UTC' }).format(Date.UTC(2024, 0, day));
}

/** Days in a row become a range: `Mon–Fri, Sun`. */
export function daysInWords(days: readonly number[], locale: string): string {
  const sorted = [...new Set(days)].toSorted((a, b) => a - b);
  const runs: number[][] = [];
  for (const day of sorted) {
    const run = runs.at(-1);
    if (run?.at(-1) === day - 1) run.push(day);
    else runs.push([day]);
  }
  const name = (day: number | undefined): string => dayName(day ?? 1, locale);
  return runs.map((run) => (run.length === 1 ? name(run[0]) : `${name(run[0])}${run.length === 2 ? ', ' : '–'}${name(run.at(-1))}`)).join(', ');
}

export function isAlways(spans: readonly WeeklySpan[]): boolean {
  return spans.some(({ days, from, to }) => new Set(days).size === 7 && from === '00:00' && to === '24:00');
}

export function hoursInWords(spans: readonly WeeklySpan[], locale: string, always: string): string {
  if (isAlways(spans)) return always;
  return spans.map(({ days, from, to }) => `${new Set(days).size === 7 ? '' : `${daysInWords(days, locale)} `}${from}–${to}`).join('; ');
}
