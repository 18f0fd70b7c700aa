/**
 * What optimized models were worth: what the arithmetic assumes, what it found and what that rests on. The rules stand in docs/savings.md.
 *
 * Units are in the names. A figure that could not be measured is null, never zero. An interval is a 95 % interval.
 */
import { z } from 'zod';
import { plainName } from './artifact.ts';
import { fleetId, fleetLabel, weeklySpan } from './fleet.ts';
import { energyTier } from './telemetry.ts';

const count = z.number().int().min(0);
const money = z.number().finite();
const share = z.number().min(0).max(1);
const isoDay = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'a day, for example 2026-03-01');
const sourceText = z.string().min(1).max(500);
const interval = z.tuple([z.number(), z.number()]);

/** A value that somebody stands for. `source`: where it is from; an edited one says who. */
const sourced = (min: number, max: number) => z.strictObject({ value: z.number().finite().min(min).max(max), source: sourceText });

/** Price of electricity. Where no period holds, `otherwise` does; where two do, the earlier in the list. */
export const tariffPlan = z.strictObject({
  otherwiseCnyPerKwh: z.number().min(0).max(1000),
  periods: z.array(z.strictObject({ name: z.string().min(1).max(50), cnyPerKwh: z.number().min(0).max(1000), span: weeklySpan })).max(24),
  source: sourceText,
});

/** What a kind of device costs to have. */
export const hardwareCost = z.strictObject({
  priceCny: sourced(0, 10_000_000),
  lifeDays: sourced(1, 36_525),
  /** From making and moving it, kg CO2e. */
  embodiedKg: sourced(0, 100_000),
});

export const gridEntry = z.strictObject({
  id: plainName,
  name: z.string().min(1).max(100),
  gPerKwh: z.number().min(0).max(5000),
  year: z.number().int().min(1990).max(2100),
  source: sourceText,
});

/** What one inference uses besides the device. */
export const serviceUse = z.strictObject({
  /** Sent over the store's line for one inference. */
  bytesPerInference: z.number().min(0).max(1e9),
  /** Share of the inferences that a cloud does in place of the device, or again. */
  cloudShare: share,
});

/** All that is assumed and not measured. Kept by the console, edited by the user. */
export const savingsAssumptions = z.strictObject({
  version: z.literal(1),
  /** For a store: its own plan, else the flat tariff it is registered with, else its region's plan, else this. */
  tariff: tariffPlan,
  tariffOfRegion: z.record(fleetLabel, tariffPlan),
  tariffOfStore: z.record(fleetId, tariffPlan),
  /** Drawn from the wall for what reaches the device. Not applied to what a wall meter measured. */
  wallFactor: sourced(1, 5),
  /** Cooling and lines of the store, of what is drawn from the wall. */
  pue: sourced(1, 5),
  hardware: hardwareCost,
  hardwareOfClass: z.record(plainName, hardwareCost),
  /** Share of a device's price that a workload carries. */
  workloadShare: sourced(0, 1),
  shareOfWorkload: z.record(plainName, sourced(0, 1)),
  networkCnyPerGb: sourced(0, 10_000),
  cloudCnyPer1000: sourced(0, 100_000),
  /** Before and after. Stated, since nothing measures it. */
  baselineUse: serviceUse,
  optimizedUse: serviceUse,
  grid: z.array(gridEntry).min(1).max(500),
  gridDefault: plainName,
  gridOfRegion: z.record(fleetLabel, plainName),
  /** Accuracy may be less by so much, 0 to 1, before the work is no longer equal. */
  accuracyMargin: sourced(0, 1),
  /** Hours measured that a device needs on either side. */
  minHours: sourced(0, 8784),
});

/** Freed capacity is money only where somebody decided so: hardware goes, or is not bought. */
export const capacityDecision = z.strictObject({
  id: fleetId,
  kind: z.enum(['devices_removed', 'purchase_avoided', 'cameras_added']),
  storeId: fleetId,
  deviceClass: plainName,
  /** Devices, or for `cameras_added` cameras. */
  count: z.number().int().min(1).max(100_000),
  /** For `cameras_added`: cameras that one device carried before. Only whole devices count as not bought. */
  camerasPerDevice: z.number().int().min(1).max(10_000).nullable(),
  fromDay: isoDay,
  /** null: until now. */
  toDay: isoDay.nullable(),
  by: z.string().min(1).max(200),
  note: z.string().max(500),
});

export const savingScope = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('chain') }),
  z.strictObject({ kind: z.literal('region'), id: fleetLabel }),
  z.strictObject({ kind: z.literal('store'), id: fleetId }),
  z.strictObject({ kind: z.literal('device'), id: fleetId }),
]);

export const savingVerdict = z.enum(['proven', 'no_proven_saving', 'proven_loss', 'not_equal_work', 'not_enough_data']);

/**
 * `held_back`: the change of updated devices less the change of devices not updated in the same time. `before_after`: the change alone, which a season
 * or a heat wave changes too.
 */
export const savingMethod = z.enum(['held_back', 'before_after']);

/** What was drawn anew for the interval. `other_stores`: as far as stores that were held back differ among each other. */
export const resampledUnit = z.enum(['stores', 'other_stores', 'time_blocks']);

export const leftOutReason = z.enum(['no_energy', 'too_short_before', 'too_short_after', 'no_work', 'work_differs', 'accuracy_worse', 'evidence_changed']);

/** A figure with its interval; null: cannot be told. */
export const estimate = z.object({ value: z.number(), ci95: interval.nullable() });

/** From which measurements a figure comes, so that it can be opened. */
export const savingEvidence = z.object({
  /** Weakest of all inputs. null: no figure of energy. */
  tier: energyTier.nullable(),
  /** True where any input is of a simulated device. */
  simulated: z.boolean(),
  sources: z.array(z.string()),
  devices: count,
  stores: count,
  controlDevices: count,
  controlStores: count,
  /** The first hundred; the counts are of all. */
  deviceIds: z.array(fleetId).max(100),
  controlDeviceIds: z.array(fleetId).max(100),
  rolloutIds: z.array(fleetId).max(100),
  leftOut: z.array(z.object({ deviceId: fleetId, reason: leftOutReason })).max(100),
  leftOutCount: count,
  /** Of the store's clock or UTC, as the rows are. From the earliest to the latest row on either side. */
  beforeMs: interval.nullable(),
  afterMs: interval.nullable(),
  /** Rows of telemetry behind it, and hours and inferences in them. */
  rowsBefore: count,
  rowsAfter: count,
  hoursBefore: z.number(),
  hoursAfter: z.number(),
  inferencesBefore: count,
  inferencesAfter: count,
});

/** A measured difference of energy at equal work. */
export const energySaving = z.object({
  verdict: savingVerdict,
  method: savingMethod,
  resampled: resampledUnit.nullable(),
  /** 1 - optimized / baseline; null: not enough data. */
  share: estimate.nullable(),
  /** Of the hours after the update, at their work: what the old model would have used, and what was used. As measured at the device. */
  baselineJ: z.number(),
  optimizedJ: z.number(),
  /** Of the difference: less per inference, and less while nothing is computed. null: no figure above idle. */
  inferenceJ: z.number().nullable(),
  idleJ: z.number().nullable(),
  /** Change of the devices held back in the same time, after / before; null: none. */
  controlRatio: z.number().nullable(),
  /** Before less after, 0 to 1; null: accuracy was not measured on both sides, and equal work is not shown. */
  accuracyDrop: z.number().nullable(),
  /** Inferences an hour, after / before, in the same hours of the week. */
  workRatio: z.number().nullable(),
  /** Share of the time in which an inference ran. */
  busyBefore: z.number().nullable(),
  busyAfter: z.number().nullable(),
  latencyP95Ratio: z.number().nullable(),
  evidence: savingEvidence,
});

/** What a time cost. Parts that nothing is known of are 0 and told in `unknown`. */
export const costParts = z.object({ energyCny: money, capitalCny: money, networkCny: money, cloudCny: money, totalCny: money });

/** Savings of a scope in a period, all parts apart. */
export const savingResult = z.object({
  scope: savingScope,
  name: z.string(),
  fromDay: isoDay,
  toDay: isoDay,
  /** Device-days after the update that were measured. */
  deviceDays: z.number(),
  energy: energySaving,
  baseline: costParts,
  optimized: costParts,
  /** Money that is not paid: electricity. */
  cashEnergyCny: estimate.nullable(),
  networkCny: money,
  cloudCny: money,
  /** Money only by the decisions named. */
  capacityCny: money,
  decisionIds: z.array(fleetId),
  /** Busy time that became free, in devices. Not money. */
  freedDevices: z.number().nullable(),
  /** 1 - optimized / baseline over all parts. */
  totalShare: estimate.nullable(),
  totalVerdict: savingVerdict,
  /** Of the whole period, kg CO2e. */
  carbonSavedKg: estimate.nullable(),
  energySavedKwh: estimate.nullable(),
  /** 25 % less in all: shown, not shown, or open within the interval. */
  line25: z.enum(['met', 'missed', 'open']).nullable(),
});

/** What a group of devices used and cost in a period, whatever ran. */
export const costSummary = z.object({
  scope: savingScope,
  name: z.string(),
  devices: count,
  stores: count,
  deviceDays: z.number(),
  /** Share of the period of which there is a figure of energy. */
  energyCoverage: share,
  inferences: count,
  errors: count,
  kwh: z.number(),
  cost: costParts,
  cnyPer1000: z.number().nullable(),
  joulesPerInference: z.number().nullable(),
  /** Mean of the medians and of the 95th percentiles, weighted by inferences. */
  latencyP50Ms: z.number().nullable(),
  latencyP95Ms: z.number().nullable(),
  throughputPerS: z.number().nullable(),
  accuracy: z.number().nullable(),
  busyShare: z.number().nullable(),
  carbonKg: z.number(),
  /** SCI: (E * I + M) / R for 1,000 inferences. */
  gramsPer1000: z.number().nullable(),
  tier: energyTier.nullable(),
  simulated: z.boolean(),
  rows: count,
});

export const waterfallStep = z.object({
  cause: z.enum(['baseline', 'inference', 'idle', 'energy', 'capacity', 'network', 'cloud', 'optimized']),
  /** A total for `baseline` and `optimized`, else what it takes away (positive: a saving). */
  cny: money,
  /** Where it begins and ends on the axis. */
  fromCny: money,
  toCny: money,
});

export const dayCurvePoint = z.object({ hour: z.number().int().min(0).max(23), beforeW: z.number().nullable(), afterW: z.number().nullable(), beforePerHour: z.number().nullable(), afterPerHour: z.number().nullable(), beforeJ: z.number().nullable(), afterJ: z.number().nullable() });

export const scatterPoint = z.object({ id: z.string(), name: z.string(), digest: z.string(), accuracy: z.number(), cnyPer1000: z.number(), inferences: count, devices: count, tier: energyTier.nullable(), simulated: z.boolean() });

export const whatIfInput = z.strictObject({
  /** Times the tariff of today. */
  tariffFactor: z.number().min(0).max(100),
  devices: z.number().int().min(0).max(10_000_000),
  /** Times the inferences of today. */
  frameRateFactor: z.number().min(0).max(1000),
  /** A device is full when it is busy for this share of the time. */
  maxBusyShare: z.number().gt(0).max(1),
});

/** A year of such a fleet. An estimate, never a proof. */
export const whatIfResult = z.object({ baseline: costParts, optimized: costParts, baselineDevices: count, optimizedDevices: count, savedCny: money, savedShare: z.number().nullable(), carbonSavedKg: z.number() });

export type TariffPlan = z.infer<typeof tariffPlan>;
export type GridEntry = z.infer<typeof gridEntry>;
export type HardwareCost = z.infer<typeof hardwareCost>;
export type SavingsAssumptions = z.infer<typeof savingsAssumptions>;
export type CapacityDecision = z.infer<typeof capacityDecision>;
export type SavingScope = z.infer<typeof savingScope>;
export type SavingVerdict = z.infer<typeof savingVerdict>;
export type SavingMethod = z.infer<typeof savingMethod>;
export type ResampledUnit = z.infer<typeof resampledUnit>;
export type LeftOutReason = z.infer<typeof leftOutReason>;
export type Estimate = z.infer<typeof estimate>;
export type SavingEvidence = z.infer<typeof savingEvidence>;
export type EnergySaving = z.infer<typeof energySaving>;
export type CostParts = z.infer<typeof costParts>;
export type SavingResult = z.infer<typeof savingResult>;
export type CostSummary = z.infer<typeof costSummary>;
export type WaterfallStep = z.infer<typeof waterfallStep>;
export type DayCurvePoint = z.infer<typeof dayCurvePoint>;
export type ScatterPoint = z.infer<typeof scatterPoint>;
export type WhatIfInput = z.infer<typeof whatIfInput>;
export type WhatIfResult = z.infer<typeof whatIfResult>;
