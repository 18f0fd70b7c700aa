/** What the console tells its windows without being asked: one discriminated union. */
import { z } from 'zod';
import { jobRecord } from '../records/job.ts';
import { modelRecord } from '../records/model.ts';
import { settings } from '../records/settings.ts';

export const consoleEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('job.updated'), job: jobRecord }),
  z.object({ type: z.literal('job.removed'), id: z.string() }),
  z.object({ type: z.literal('model.added'), model: modelRecord }),
  z.object({ type: z.literal('model.updated'), model: modelRecord }),
  z.object({ type: z.literal('model.removed'), id: z.string() }),
  z.object({ type: z.literal('settings.changed'), settings }),
]);

export type ConsoleEvent = z.infer<typeof consoleEvent>;
