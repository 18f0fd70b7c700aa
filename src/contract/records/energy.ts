/** Energy as it was measured, and what a person says about measuring it. */
import { z } from 'zod';
import { energyTier } from './telemetry.ts';

const figure = z.object({ value: z.number(), ci95: z.tuple([z.number(), z.number()]) });
const side = z.object({ runs: z.number().int(), seconds: z.number(), totalJ: figure, aboveIdleJ: figure.nullable() });

const notMeasured = z.object({ measured: z.literal(false), reason: z.string() });

/** Types and meaning: src/base/energy.ts. */
export const energyComparison = z.discriminatedUnion('measured', [
  notMeasured,
  z.object({
    measured: z.literal(true),
    tier: energyTier,
    source: z.string(),
    resolutionJ: z.number(),
    uncertainty: z.number(),
    idleW: z.number().nullable(),
    idleFrom: z.enum(['measured', 'given']).nullable(),
    groups: z.number().int(),
    stretchSeconds: z.number(),
    notes: z.array(z.string()),
    before: side,
    after: side,
    ratio: z.object({ total: figure, aboveIdle: figure.nullable() }),
  }),
]);

/** Which meter, and how long. Nothing said: whatever this machine has. The address of a wall meter may hold a password, so it is never stored. */
export const energyChoice = z.object({
  off: z.boolean().optional(),
  wallMeter: z.string().max(2000).optional(),
  /** Used where nothing measures. */
  model: z.object({ idleW: z.number().min(0).max(100_000), busyW: z.number().min(0).max(100_000), from: z.string().max(200), notes: z.array(z.string()).optional() }).optional(),
  /** All stretches together take at most so long; 60 where it is left out. */
  seconds: z.number().positive().max(86_400).optional(),
});

export type EnergyChoice = z.infer<typeof energyChoice>;
