/** Every route of the console, by name `domain.verb`. Hosts carry them; `console` implements them; the renderer calls them. */
import { z } from 'zod';
import { preprocessRecord } from '../records/common.ts';
import { datasetMatch } from '../records/dataset.ts';
import { modelGraph } from '../records/graph.ts';
import { jobRecord, optimizeInput } from '../records/job.ts';
import { modelFacts, modelRecord } from '../records/model.ts';
import { recipe } from '../records/recipe.ts';
import { machineRecord, optimizeReport } from '../records/report.ts';
import { settings } from '../records/settings.ts';
import { advisorRoutes } from './advisor-routes.ts';
import { fleetRoutes } from './fleet-routes.ts';
import { rolloutRoutes } from './rollout-routes.ts';
import { savingsRoutes } from './savings-routes.ts';
import { defineRoute } from './route.ts';

const none = z.object({}).strict();
const byId = z.object({ id: z.string() });

export const routes = {
  'app.info': defineRoute({
    input: none,
    output: z.object({
      version: z.string(),
      host: z.enum(['desktop', 'browser']),
      dataFolder: z.string(),
      machine: machineRecord,
      /** Whether the host can open native file dialogs. */
      dialogs: z.boolean(),
    }),
  }),

  'models.list': defineRoute({ input: none, output: z.array(modelRecord) }),
  'models.get': defineRoute({ input: byId, output: z.object({ model: modelRecord, facts: modelFacts }) }),
  /** The graph for drawing, bounded in nodes. */
  'models.graph': defineRoute({ input: byId, output: modelGraph }),
  /** Imports a file on the host's disk, with its external data. */
  'models.import': defineRoute({ input: z.object({ path: z.string().min(1) }), output: modelRecord }),
  /** Imports a file that the page has uploaded (PUT /upload answers the id). */
  /** `data`: files of weights that were sent with the model, under the names that it knows them by. */
  'models.importUpload': defineRoute({
    input: z.object({
      uploadId: z.string(),
      fileName: z.string().min(1).max(255),
      data: z.array(z.object({ uploadId: z.string(), fileName: z.string().min(1).max(255) })).max(64).optional(),
    }),
    output: modelRecord,
  }),
  'models.rename': defineRoute({ input: z.object({ id: z.string(), name: z.string().min(1).max(120) }), output: modelRecord }),
  /** `confirm` must equal the model's name. */
  'models.delete': defineRoute({ input: z.object({ id: z.string(), confirm: z.string() }), output: none }),
  /** Writes the model to a path on the host's disk. */
  'models.export': defineRoute({ input: z.object({ id: z.string(), path: z.string().min(1), overwrite: z.boolean().optional() }), output: z.object({ path: z.string(), bytes: z.number() }) }),

  'recipes.list': defineRoute({
    input: none,
    output: z.array(z.object({ recipe, needsData: z.boolean(), builtIn: z.boolean() })),
  }),

  /** Looks at a data set and guesses how to feed it to the model. */
  'datasets.match': defineRoute({ input: z.object({ path: z.string().min(1), modelId: z.string(), labelsPath: z.string().optional(), preprocess: preprocessRecord.optional() }), output: datasetMatch }),
  /** Data sets used before and the sample, newest first. */
  'datasets.recent': defineRoute({ input: none, output: z.array(z.object({ path: z.string(), name: z.string(), sample: z.boolean() })) }),
  /** Folders and data files in a folder of the host's disk, for choosing without a native dialog. */
  'files.browse': defineRoute({
    input: z.object({ folder: z.string().optional(), kind: z.enum(['model', 'data']) }),
    output: z.object({ folder: z.string(), parent: z.string().nullable(), entries: z.array(z.object({ name: z.string(), path: z.string(), folder: z.boolean(), bytes: z.number().nullable() })) }),
  }),
  /** Native dialogs of the desktop host; `null` when dismissed. */
  'dialogs.open': defineRoute({ input: z.object({ kind: z.enum(['model', 'data-folder', 'data-file']) }), output: z.object({ path: z.string().nullable() }) }),
  'dialogs.save': defineRoute({ input: z.object({ suggestedName: z.string() }), output: z.object({ path: z.string().nullable() }) }),

  'optimize.start': defineRoute({ input: optimizeInput, output: jobRecord }),
  'jobs.list': defineRoute({ input: none, output: z.array(jobRecord) }),
  'jobs.get': defineRoute({ input: byId, output: jobRecord }),
  'jobs.log': defineRoute({ input: byId, output: z.array(z.object({ at: z.string(), level: z.enum(['info', 'warn', 'error']), message: z.string() })) }),
  'jobs.cancel': defineRoute({ input: byId, output: jobRecord }),
  /** Starts the same work again as a new job. */
  'jobs.retry': defineRoute({ input: byId, output: jobRecord }),
  'jobs.remove': defineRoute({ input: byId, output: none }),
  'reports.get': defineRoute({ input: byId, output: optimizeReport }),
  'reports.html': defineRoute({ input: byId, output: z.object({ html: z.string() }) }),
  /** Reports whose input or output is this model, newest first. */
  'reports.forModel': defineRoute({ input: z.object({ modelId: z.string() }), output: z.array(z.object({ id: z.string(), jobId: z.string(), fromModelId: z.string(), toModelId: z.string(), createdAt: z.string(), report: optimizeReport })) }),

  'settings.get': defineRoute({ input: none, output: settings }),
  'settings.set': defineRoute({ input: settings.partial(), output: settings }),

  ...advisorRoutes,
  ...fleetRoutes,
  ...rolloutRoutes,
  ...savingsRoutes,
} as const;

export type Routes = typeof routes;
export type RouteName = keyof Routes;
export type RouteInput<N extends RouteName> = z.infer<Routes[N]['input']>;
export type RouteOutput<N extends RouteName> = z.infer<Routes[N]['output']>;
