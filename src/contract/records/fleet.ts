/** Stores and devices, as they are registered, seen and asked for. Rules: docs/rollouts.md. */
import { z } from 'zod';
import { plainName } from './artifact.ts';

/** Ids travel in topics, paths and CSV cells: plain characters only. */
export const fleetId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'letters, digits, dot, dash and underscore, 64 at most');
/** Regions, tags, classes, workloads: short, one line. */
export const fleetLabel = z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N} ._/-]{0,63}$/u, 'letters, digits, space, . _ / - and 64 at most');
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

export const storeRecord = z.strictObject({
  id: fleetId,
  name: z.string().min(1).max(200),
  region: fleetLabel,
  timeZone,
  openingHours: z.array(weeklySpan).max(50),
  /** Price of energy in CNY; null: unknown. */
  tariffCnyPerKwh: z.number().min(0).max(1000).nullable(),
  /** What a rollout may take of the store's line; null: no limit. */
  linkKbitPerS: z.number().min(1).nullable(),
  latitude: z.number().min(-90).max(90).nullable(),
  longitude: z.number().min(-180).max(180).nullable(),
});

export const deviceRecord = z.strictObject({
  id: fleetId,
  storeId: fleetId,
  name: z.string().max(200),
  /** Kind of hardware, for example `edge-box`; a manifest may be bound to it. */
  class: plainName,
  /** What it does, for example `customer-flow`. */
  workload: plainName,
  tags: z.array(fleetLabel).max(50),
  /** True: an agent with a simulated runtime. Every figure of it is labelled so. */
  simulated: z.boolean(),
  /** Version of the artifact that it said it runs; null: never heard. */
  version: z.number().int().min(1).nullable(),
  /** SHA-256 of what it said it runs. */
  digest: z.string().nullable(),
});

/** `never`: not yet connected. `stale`: its line is open, but it has been silent for too long. */
export const presenceState = z.enum(['never', 'online', 'stale', 'offline']);

export const presenceRecord = z.strictObject({
  state: presenceState,
  /** Number of the newest session. A will that carries another one is of a dead session. */
  birth: z.number().int().min(0),
  lastHeardMs: z.number().nullable(),
});

const twinSide = z.strictObject({ version: z.number().int().min(0), values: z.record(z.string(), z.unknown()), atMs: z.number().nullable() });

/** What a device should be and what it said it is. */
export const twinRecord = z.strictObject({
  desired: twinSide,
  /** `answers`: the desired version that the device had seen when it wrote this. */
  reported: twinSide.extend({ answers: z.number().int().min(0) }),
});

/** A saved filter: who is in it is asked anew each time. */
export const deviceGroup = z.strictObject({ id: fleetId, name: z.string().min(1).max(200), filter: z.string().min(1).max(2000) });

export type WeeklySpan = z.infer<typeof weeklySpan>;
export type Schedule = z.infer<typeof schedule>;
export type StoreRecord = z.infer<typeof storeRecord>;
export type DeviceRecord = z.infer<typeof deviceRecord>;
export type PresenceRecord = z.infer<typeof presenceRecord>;
export type DeviceGroup = z.infer<typeof deviceGroup>;

/** How a device stands with its keys. `pending` devices wait for an operator, `revoked` ones are shut out. */
export const credentialState = z.enum(['pending', 'accepted', 'revoked', 'none']);

/** A device as a list shows it: what is registered, what is seen, what it runs. */
export const deviceRow = deviceRecord.extend({
  presence: presenceState,
  lastHeardMs: z.number().nullable(),
  credential: credentialState,
  /** Name of the artifact that it runs; null: never heard. */
  artifact: z.string().nullable(),
  hardware: z.string().nullable(),
  /** Of its newest telemetry. */
  latencyP95Ms: z.number().nullable(),
  throughputPerS: z.number().nullable(),
  temperatureC: z.number().nullable(),
  /** The rollout that it is in and its state there; null: in none that runs. */
  rollout: z.object({ id: fleetId, state: z.string() }).nullable(),
});

export const deviceEvent = z.object({
  atMs: z.number(),
  /** `birth`, `death`, `report`, `enrolled`, `revoked`, `edited`, ... */
  kind: z.string(),
  text: z.string(),
  rolloutId: fleetId.nullable(),
});

/** A request to join, as the operator sees it. */
export const enrolmentRecord = z.object({
  id: z.string(),
  deviceId: fleetId,
  storeId: fleetId,
  class: plainName,
  workload: plainName,
  /** Of the device's key; the device shows the same. */
  fingerprint: z.string(),
  state: z.enum(['waiting', 'accepted', 'refused']),
  requestedAtMs: z.number(),
  /** From which address it asked. */
  from: z.string(),
  hardware: z.string(),
});

export type DeviceRow = z.infer<typeof deviceRow>;
export type DeviceEvent = z.infer<typeof deviceEvent>;
export type EnrolmentRecord = z.infer<typeof enrolmentRecord>;
