/** What optimized models were worth, by region, store and device. Days are ISO days; both ends belong to a period. */
import { z } from 'zod';
import { fleetId, fleetLabel } from '../records/fleet.ts';
import {
  capacityDecision, costSummary, dayCurvePoint, estimate, savingMethod, savingResult, savingsAssumptions, savingVerdict, scatterPoint, waterfallStep, whatIfInput, whatIfResult,
} from '../records/savings.ts';
import { energyTier } from '../records/telemetry.ts';
import { plainName } from '../records/artifact.ts';
import { defineRoute } from './route.ts';

const none = z.object({}).strict();
const isoDay = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'a day, for example 2026-03-01');

/** What is looked at. */
export const savingsView = z.strictObject({
  fromDay: isoDay,
  toDay: isoDay,
  /** Days before each device's update that it is compared with. */
  baselineDays: z.number().int().min(1).max(365),
  method: z.union([savingMethod, z.literal('auto')]),
  /** null: all. */
  workload: plainName.nullable(),
});

/** A store or a device in a list: what a ranking, a map and a CSV need of a result. */
export const savingsRow = z.object({
  id: fleetId,
  name: z.string(),
  region: fleetLabel,
  storeId: fleetId,
  workloads: z.array(z.string()),
  devices: z.number().int(),
  updatedDevices: z.number().int(),
  latitude: z.number().nullable(),
  longitude: z.number().nullable(),
  verdict: savingVerdict,
  method: savingMethod,
  /** Less energy at equal work, 1 - optimized / baseline. */
  energyShare: estimate.nullable(),
  cashEnergyCny: estimate.nullable(),
  capacityCny: z.number(),
  totalShare: estimate.nullable(),
  totalVerdict: savingVerdict,
  costCny: z.number(),
  kwh: z.number(),
  cnyPer1000: z.number().nullable(),
  joulesPerInference: z.number().nullable(),
  latencyP95Ms: z.number().nullable(),
  latencyP95Ratio: z.number().nullable(),
  accuracy: z.number().nullable(),
  tier: energyTier.nullable(),
  simulated: z.boolean(),
});

/** One day of many devices, by the model that ran. */
export const savingsDay = z.object({
  day: isoDay,
  digest: z.string(),
  kwh: z.number(),
  inferences: z.number(),
  joulesPerInference: z.number().nullable(),
  latencyP95Ms: z.number().nullable(),
  /** Hours of which there is a figure of energy, of all devices together. */
  energyHours: z.number(),
});

/** When models changed. */
export const savingsMark = z.object({ day: isoDay, atMs: z.number(), rolloutId: fleetId.nullable(), name: z.string(), devices: z.number().int(), toDigest: z.string().nullable() });

/** What a digest is called. `artifact` null: nothing that this console has published. */
export const modelName = z.object({ digest: z.string(), name: z.string(), artifact: z.string().nullable(), version: z.number().nullable() });

/** Of a region or store: the result with what it is drawn from. */
const opened = {
  /** When it was computed. What came since is not in it. */
  asOfMs: z.number(),
  view: savingsView,
  result: savingResult,
  summary: costSummary,
  waterfall: z.array(waterfallStep),
  curve: z.array(savingsDay),
  marks: z.array(savingsMark),
  scatter: z.array(scatterPoint),
  models: z.array(modelName),
};

/** One row of measurements behind a figure. */
export const evidenceRow = z.object({
  side: z.enum(['before', 'after', 'left_out']),
  fromMs: z.number(),
  durationMs: z.number(),
  digest: z.string(),
  rows: z.number(),
  inferences: z.number(),
  energyJ: z.number().nullable(),
  aboveIdleJ: z.number().nullable(),
  joulesPerInference: z.number().nullable(),
  latencyP95Ms: z.number().nullable(),
  accuracy: z.number().nullable(),
  tier: energyTier.nullable(),
  source: z.string(),
  simulated: z.boolean(),
});

const scope = z.discriminatedUnion('kind', [z.strictObject({ kind: z.literal('chain') }), z.strictObject({ kind: z.literal('region'), id: fleetLabel }), z.strictObject({ kind: z.literal('store'), id: fleetId })]);

export const savingsRoutes = {
  /** Of which days anything is known, what there is to choose from, and what a page should begin with. */
  'savings.extent': defineRoute({
    input: none,
    output: z.object({ known: z.object({ fromDay: isoDay, toDay: isoDay }).nullable(), workloads: z.array(z.string()), regions: z.array(z.string()), view: savingsView, devices: z.number(), stores: z.number() }),
  }),
  /** All stores at once: the page sorts and filters them by itself. `fresh`: with what has come since the last answer, which may be some minutes old. */
  'savings.overview': defineRoute({ input: savingsView.extend({ fresh: z.boolean().optional() }), output: z.object({ ...opened, regions: z.array(savingResult), stores: z.array(savingsRow) }) }),
  /** One region or store, with its devices. @throws NOT_FOUND */
  'savings.open': defineRoute({ input: z.object({ view: savingsView, scope }), output: z.object({ ...opened, rows: z.array(savingsRow), hours: z.array(dayCurvePoint) }) }),
  /** Down to the measurements: rows of one device on both sides. @throws NOT_FOUND */
  'savings.evidence': defineRoute({ input: z.object({ view: savingsView, deviceId: fleetId }), output: z.object({ result: savingResult, rows: z.array(evidenceRow), models: z.array(modelName) }) }),
  'savings.assumptions': defineRoute({ input: none, output: z.object({ assumptions: savingsAssumptions, defaults: savingsAssumptions, decisions: z.array(capacityDecision) }) }),
  'savings.saveAssumptions': defineRoute({ input: savingsAssumptions, output: savingsAssumptions }),
  'savings.saveDecision': defineRoute({ input: capacityDecision, output: z.array(capacityDecision) }),
  'savings.removeDecision': defineRoute({ input: z.object({ id: fleetId }), output: z.array(capacityDecision) }),
  /** A year of such a fleet: an estimate. */
  'savings.whatIf': defineRoute({ input: z.object({ view: savingsView, scope, what: whatIfInput }), output: whatIfResult.nullable() }),
  /** A report for A4. `pdfBase64` null: no Chromium on this machine; `html` prints from any browser. */
  'savings.report': defineRoute({ input: z.object({ view: savingsView, scope, locale: z.enum(['en', 'zh-CN']) }), output: z.object({ name: z.string(), html: z.string(), pdfBase64: z.string().nullable() }) }),
} as const;

export type SavingsView = z.infer<typeof savingsView>;
export type SavingsRow = z.infer<typeof savingsRow>;
export type SavingsDay = z.infer<typeof savingsDay>;
export type SavingsMark = z.infer<typeof savingsMark>;
export type ModelName = z.infer<typeof modelName>;
export type EvidenceRow = z.infer<typeof evidenceRow>;
