/** Where a model should run. */
import { z } from 'zod';
import { advisorAnswer, advisorInput } from '../records/advisor.ts';
import { hardwareProfile } from '../records/hardware.ts';
import { defineRoute } from './route.ts';

export const advisorRoutes = {
  /** The profiles that are shipped, with the source of each figure. */
  'hardware.list': defineRoute({ input: z.object({}).strict(), output: z.array(hardwareProfile) }),
  /** Machines, recipes and placements for a model and a frame rate, by cost. Estimates, calibrated by what this console has measured. */
  'advisor.rank': defineRoute({ input: advisorInput, output: advisorAnswer }),
};
