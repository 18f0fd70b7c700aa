/** Where a model should run: what is asked, and the ranked answers. Every figure of an answer is an estimate (docs/hardware.md). */
import { z } from 'zod';
import { computeType, hardwareProfile } from './hardware.ts';

const positive = z.number().finite().positive();

/** A time that was measured, to calibrate with. */
export const measuredTime = z.strictObject({
  profileId: z.string(),
  modelId: z.string(),
  unit: z.string(),
  computes: computeType,
  ms: positive,
  /** Threads it ran with on a processor; on other units left out. */
  threads: z.number().int().positive().optional(),
});

export const advisorInput = z.strictObject({
  modelId: z.string(),
  /** Inferences a second that one store needs, at all times of `hoursPerDay`. */
  framesPerS: positive.max(1e6),
  hoursPerDay: positive.max(24).default(24),
  tariffCnyPerKWh: z.number().finite().min(0).max(100).default(0.8),
  /** Years until a device is replaced. */
  lifeYears: positive.max(30).default(4),
  /** Energy that is drawn from the wall for each unit that reaches the device (cooling, supply). */
  pue: z.number().finite().min(1).max(5).default(1),
  /** Share of its rate that a device is loaded with at most. */
  headroom: positive.max(1).default(0.7),
  /** An answer has to be there after so many milliseconds. */
  maxLatencyMs: positive.optional(),
  /** Stores that share machines of a data centre; boxes in a store are never shared. */
  stores: z.number().int().min(1).max(1_000_000).default(1),
  /** Profile of the machine that the reports of this console were measured on; left out: guessed from its processor, null: none. */
  thisMachine: z.string().nullable().optional(),
  calibration: z.array(measuredTime).max(1000).default([]),
});

/** `low` and `high` enclose the truth in nine cases of ten, if the spread of what was measured before holds. */
export const interval = z.object({ low: z.number(), value: z.number(), high: z.number() });

/** What an estimate rests on, or a remark, as a code and its values; the page and the command line have the words. */
export const advisorNote = z.object({ code: z.string(), values: z.record(z.string(), z.union([z.string(), z.number()])) });

export const advisorPart = z.object({
  unit: z.string(),
  unitName: z.string(),
  computes: computeType,
  /** Layers from the first to the last, by position in the model. */
  from: z.number().int(),
  to: z.number().int(),
  firstLayer: z.string(),
  lastLayer: z.string(),
  macs: z.number(),
  ms: z.number(),
});

export const advisorOption = z.object({
  estimate: z.literal(true),
  profileId: z.string(),
  profileName: z.string(),
  class: hardwareProfile.shape.class,
  /** A recipe of resources/recipes, or `as it is` for a model that is quantized already. */
  recipe: z.string(),
  runtime: z.string(),
  runtimeName: z.string(),
  computes: computeType,
  /** `one`: one unit does it all. `fallback`: layers that the unit cannot compute go to the processor. `layers`: cut where two units are faster. `frames`: whole inferences on several units at once. */
  placement: z.enum(['one', 'fallback', 'layers', 'frames']),
  parts: z.array(advisorPart).min(1),
  /** Frames a second against the best single unit of the profile; null: it is that. */
  gain: z.number().nullable(),
  latencyMs: interval,
  /** What one device carries, headroom taken off. */
  framesPerS: interval,
  devices: interval,
  joulesPerInference: interval.nullable(),
  energyKWhPerYear: interval.nullable(),
  energyCnyPerYear: interval.nullable(),
  capexCnyPerYear: interval.nullable(),
  /** Per store; null: price or power of the profile is not known. */
  costCnyPerYear: interval.nullable(),
  /** Frames a second against float on the same profile's processor. */
  speedup: z.number().nullable(),
  /** How the factor between roofline and reality came about, of the slowest unit. */
  calibration: z.object({ from: z.enum(['itself', 'measured', 'published', 'related', 'prior']), times: z.number().int(), factor: interval }),
  /** As measured by a report on this model with this recipe; null: none. */
  accuracy: z.object({ before: z.number(), after: z.number(), samples: z.number().int(), reportId: z.string() }).nullable(),
  notes: z.array(advisorNote),
});

export const advisorAnswer = z.object({
  model: z.object({ id: z.string(), name: z.string(), macs: z.number(), parameters: z.number(), layers: z.number().int(), quantized: z.boolean() }),
  asked: advisorInput,
  /** Least cost first; those without a cost last. */
  options: z.array(advisorOption),
  refused: z.array(z.object({ profileId: z.string(), profileName: z.string(), notes: z.array(advisorNote) })),
  notes: z.array(advisorNote),
});

export type AdvisorInput = z.infer<typeof advisorInput>;
export type AdvisorOption = z.infer<typeof advisorOption>;
export type AdvisorNote = z.infer<typeof advisorNote>;
export type AdvisorAnswer = z.infer<typeof advisorAnswer>;
export type Interval = z.infer<typeof interval>;
