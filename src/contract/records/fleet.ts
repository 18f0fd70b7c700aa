/** What a rollout knows of stores: ids, time zones, weekly hours. */
import { z } from 'zod';

/** Ids travel in topics, paths and CSV cells: plain characters only. */
export const fleetId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'letters, digits, dot, dash and underscore, 64 at most');
const clock = z.string().regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, 'HH:MM, from 00:00 to 24:00');

/** By the wall clock of the store. `to` at or before `from` reaches into the next day. Days: 1 is Monday, 7 is Sunday, the day it starts on. */
export const weeklySpan = z.strictObject({ days: z.array(z.number().int().min(1).max(7)).min(1).max(7), from: clock, to: clock });

/** When something may happen in a store. `closed_hours`: whenever the store's opening hours do not run. */
export const schedule = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('always') }),
  z.strictObject({ kind: z.literal('closed_hours') }),
  z.strictObject({ kind: z.literal('weekly'), spans: z.array(weeklySpan).min(1).max(50) }),
]);

export const timeZone = z.string().refine((name) => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}, 'not a time zone; for example Asia/Shanghai');

export type WeeklySpan = z.infer<typeof weeklySpan>;
export type Schedule = z.infer<typeof schedule>;
