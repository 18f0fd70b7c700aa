/** Stores, devices, how they join and how they are reached. */
import { z } from 'zod';
import { plainName } from '../records/artifact.ts';
import { deviceEvent, deviceGroup, deviceRow, enrolmentRecord, fleetId, fleetLabel, storeRecord, twinRecord } from '../records/fleet.ts';
import { telemetryRow } from '../records/telemetry.ts';
import { desiredValues, inventory } from '../wire/messages.ts';
import { defineRoute } from './route.ts';

const none = z.object({}).strict();
const byId = z.object({ id: fleetId });

/** How the console reaches its devices. */
export const linkStatus = z.object({
  state: z.enum(['off', 'starting', 'on', 'failed']),
  broker: z.enum(['embedded', 'external']),
  brokerUrl: z.string(),
  artifactsUrl: z.string(),
  /** Devices with an open session. */
  connections: z.number().int(),
  messagesPerS: z.number(),
  error: z.object({ code: z.string(), message: z.string(), hint: z.string().nullable() }).nullable(),
});

export const linkSettings = z.object({
  /** Off until somebody wants a fleet: no port is opened before. */
  enabled: z.boolean(),
  /** Host name or address by which devices reach this console. */
  host: z.string().min(1).max(255),
  brokerPort: z.number().int().min(0).max(65_535),
  artifactsPort: z.number().int().min(0).max(65_535),
  /** null: the embedded broker. Paths of PEM files on the host. */
  external: z
    .object({ url: z.string().max(500), authorityPath: z.string().nullable(), certificatePath: z.string().nullable(), keyPath: z.string().nullable() })
    .nullable(),
  /** Bytes a second over all stores; null: no limit. A store's own limit is in its record. */
  bytesPerS: z.number().int().min(1000).nullable(),
});

/** A row of a CSV file as it was understood. `error`: why it cannot be taken; the others still can. */
export const importRow = z.object({
  line: z.number().int(),
  id: z.string(),
  change: z.enum(['added', 'changed', 'same', 'refused']),
  /** Fields that differ from what is registered. */
  fields: z.array(z.string()),
  error: z.string().nullable(),
});

export const fleetRoutes = {
  'fleet.overview': defineRoute({
    input: none,
    output: z.object({
      stores: z.number(), devices: z.number(), online: z.number(), stale: z.number(), offline: z.number(), never: z.number(), simulated: z.number(), waitingEnrolments: z.number(),
      demo: z.enum(['none', 'running', 'stopped']),
      link: linkStatus,
    }),
  }),
  /** Every device. Ten thousand rows are two or three megabytes: the page keeps them and follows `fleet.changed`. */
  'fleet.devices': defineRoute({ input: none, output: z.array(deviceRow) }),
  /** Ids of the devices that a filter matches, or where it is wrong. */
  'fleet.match': defineRoute({
    input: z.object({ filter: z.string().max(2000) }),
    output: z.object({ ids: z.array(fleetId), error: z.object({ message: z.string(), at: z.number().int() }).nullable() }),
  }),
  'fleet.device': defineRoute({
    input: byId,
    output: z.object({ row: deviceRow, store: storeRecord.nullable(), inventory: inventory.nullable(), twin: twinRecord, fingerprint: z.string().nullable(), certificateUntilMs: z.number().nullable(), events: z.array(deviceEvent) }),
  }),
  /** From twelve hours on, hour by hour: means of what was told. */
  'fleet.telemetry': defineRoute({ input: byId.extend({ fromMs: z.number(), toMs: z.number() }), output: z.object({ simulated: z.boolean(), rows: z.array(telemetryRow) }) }),
  'fleet.saveDevice': defineRoute({
    input: z.object({ id: fleetId, storeId: fleetId, name: z.string().max(200), class: plainName, workload: plainName, tags: z.array(fleetLabel).max(50) }),
    output: deviceRow,
  }),
  'fleet.configure': defineRoute({ input: byId.extend({ values: desiredValues }), output: none }),
  /** `confirm` must equal the device's id. Its certificate is revoked and its history goes. */
  'fleet.removeDevice': defineRoute({ input: byId.extend({ confirm: z.string() }), output: none }),
  /** Shuts a device out: its session ends now. `confirm` must equal its id. */
  'fleet.revokeDevice': defineRoute({ input: byId.extend({ confirm: z.string() }), output: deviceRow }),

  'fleet.stores': defineRoute({ input: none, output: z.array(storeRecord.extend({ devices: z.number(), online: z.number() })) }),
  'fleet.saveStore': defineRoute({ input: storeRecord, output: storeRecord }),
  /** Only a store without devices. */
  'fleet.removeStore': defineRoute({ input: byId.extend({ confirm: z.string() }), output: none }),

  /** Reads a CSV of stores or devices and says what it would change; nothing is written. */
  'fleet.importPreview': defineRoute({ input: z.object({ kind: z.enum(['stores', 'devices']), text: z.string().max(20_000_000) }), output: z.object({ columns: z.array(z.string()), rows: z.array(importRow), token: z.string() }) }),
  /** Writes what the preview showed, the refused rows left out. @throws CONFLICT when the registry has changed since */
  'fleet.importApply': defineRoute({ input: z.object({ token: z.string() }), output: z.object({ added: z.number(), changed: z.number(), refused: z.number() }) }),

  'fleet.groups': defineRoute({ input: none, output: z.array(deviceGroup.extend({ devices: z.number() })) }),
  'fleet.saveGroup': defineRoute({ input: deviceGroup, output: deviceGroup }),
  'fleet.removeGroup': defineRoute({ input: byId, output: none }),

  /** A one-time code for one device. Shown once; only its hash is kept. */
  'fleet.claim': defineRoute({
    input: z.object({ deviceId: fleetId, storeId: fleetId, class: plainName, workload: plainName, validForMs: z.number().int().min(60_000).max(30 * 86_400_000) }),
    output: z.object({ code: z.string(), command: z.string(), expiresAtMs: z.number() }),
  }),
  'fleet.enrolments': defineRoute({ input: none, output: z.array(enrolmentRecord) }),
  'fleet.accept': defineRoute({ input: z.object({ id: z.string() }), output: enrolmentRecord }),
  'fleet.refuse': defineRoute({ input: z.object({ id: z.string() }), output: enrolmentRecord }),

  'fleet.link': defineRoute({ input: none, output: z.object({ status: linkStatus, settings: linkSettings }) }),
  'fleet.setLink': defineRoute({ input: linkSettings, output: z.object({ status: linkStatus, settings: linkSettings }) }),

  /** Registers a demo chain and starts simulated devices for it, labelled so. */
  'fleet.startDemo': defineRoute({
    input: z.object({
      stores: z.number().int().min(1).max(500), devicesPerStore: z.number().int().min(1).max(10),
      /** What they would have measured before, so that savings have something to show: six weeks where it is left out. */
      historyDays: z.number().int().min(0).max(62).optional(),
    }),
    output: none,
  }),
  /** Ends the simulated devices; `forget`: takes the demo's stores and devices away as well. */
  'fleet.stopDemo': defineRoute({ input: z.object({ forget: z.boolean() }), output: none }),
} as const;

export type LinkStatus = z.infer<typeof linkStatus>;
export type LinkSettings = z.infer<typeof linkSettings>;
export type ImportRow = z.infer<typeof importRow>;
