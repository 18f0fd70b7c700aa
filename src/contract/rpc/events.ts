/** What the console tells its windows without being asked: one discriminated union. */
import { z } from 'zod';
import { deviceRow } from '../records/fleet.ts';
import { deviceRollout } from '../records/rollout.ts';
import { jobRecord } from '../records/job.ts';
import { modelRecord } from '../records/model.ts';
import { settings } from '../records/settings.ts';
import { linkStatus } from './fleet-routes.ts';
import { rolloutSummary } from './rollout-routes.ts';

export const consoleEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('job.updated'), job: jobRecord }),
  z.object({ type: z.literal('job.removed'), id: z.string() }),
  z.object({ type: z.literal('model.added'), model: modelRecord }),
  z.object({ type: z.literal('model.updated'), model: modelRecord }),
  z.object({ type: z.literal('model.removed'), id: z.string() }),
  z.object({ type: z.literal('settings.changed'), settings }),
  /** Devices that changed, at most four times a second. */
  z.object({ type: z.literal('fleet.changed'), rows: z.array(deviceRow), removed: z.array(z.string()) }),
  /** Stores, groups or enrolments changed: read them again. */
  z.object({ type: z.literal('fleet.registry') }),
  z.object({ type: z.literal('link.changed'), status: linkStatus }),
  /** At most four times a second for each rollout. `devices`: those that moved. */
  z.object({ type: z.literal('rollout.updated'), summary: rolloutSummary, devices: z.array(deviceRollout) }),
  z.object({ type: z.literal('artifacts.changed') }),
]);

export type ConsoleEvent = z.infer<typeof consoleEvent>;
