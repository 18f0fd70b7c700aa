/** What a device measured while it worked. */
import { z } from 'zod';
import { sha256Hex } from './artifact.ts';

const count = z.number().int().min(0);

/** How good the evidence is, best first. The weakest tier of the inputs is the tier of a result. */
export const energyTier = z.enum(['metered', 'counter', 'modelled']);

/** One interval of work. A figure that could not be measured is null, never zero. */
export const telemetryRow = z.object({
  /** Begin of the interval, by the device's clock. */
  fromMs: z.number().finite(),
  durationMs: z.number().min(1).max(86_400_000),
  /** Manifest of the artifact that worked. */
  digest: sha256Hex,
  inferences: count,
  errors: count,
  latencyP50Ms: z.number().min(0).nullable(),
  latencyP95Ms: z.number().min(0).nullable(),
  throughputPerS: z.number().min(0),
  /** Share of the interval in which an inference ran, 0 to 1. */
  busyShare: z.number().min(0).max(1),
  /** Of the agent's processes over the machine's, 0 to 1. */
  cpuShare: z.number().min(0).max(1).nullable(),
  temperatureC: z.number().min(-100).max(300).nullable(),
  energy: z.object({ totalJ: z.number().min(0), aboveIdleJ: z.number().nullable(), tier: energyTier, source: z.string().max(100) }).nullable(),
  /** On the device's check set, where it was run in this interval. */
  accuracy: z.object({ value: z.number().min(0).max(1), samples: count }).nullable(),
});

export type EnergyTier = z.infer<typeof energyTier>;
export type TelemetryRow = z.infer<typeof telemetryRow>;
