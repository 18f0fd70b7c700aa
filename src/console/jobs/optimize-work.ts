/** What an optimization needs from the library before it starts, and what it puts there when it ends. */
import { EdgewiseError } from '../../base/errors.ts';
import type { JobRecord } from '../../contract/records/job.ts';
import type { ModelLibrary } from '../models/model-library.ts';
import { resolveRecipe } from '../recipes.ts';
import type { Store } from '../store/open-store.ts';
import type { JobServiceOptions } from './job-service.ts';

export const DEFAULT_SAMPLES = 100;
/** Enough for a top-1 interval of about two points; more costs time and memory of the person's patience. */
export const DEFAULT_EVALUATION_SAMPLES = 500;
export const DEFAULT_SEED = 1;

export interface OptimizeWorkOptions {
  readonly store: Store;
  readonly library: ModelLibrary;
  readonly version: string;
  readonly now: () => string;
  readonly newId: () => string;
}

export function createOptimizeWork({ store, library, version, now, newId }: OptimizeWorkOptions): Pick<JobServiceOptions, 'prepare' | 'storeFile'> {
  return {
    async prepare({ input }) {
      const { record } = library.get(input.modelId);
      const settings = store.settings.get();
      const { dataPath: path, labelsPath, preprocess } = input;
      return {
        modelPath: await library.pathOf(input.modelId),
        modelName: record.name,
        recipe: resolveRecipe(input.recipe).recipe,
        data: path === undefined ? null : { path, ...(labelsPath === undefined ? {} : { labelsPath }), ...(preprocess === undefined ? {} : { preprocess }) },
        samples: input.samples ?? DEFAULT_SAMPLES,
        evaluationSamples: DEFAULT_EVALUATION_SAMPLES,
        seed: input.seed ?? DEFAULT_SEED,
        verify: input.verify ?? settings.verifyPasses,
        threads: settings.benchThreads,
        version,
        createdAt: now(),
      };
    },

    async storeFile(job: JobRecord, { outputPath, report }) {
      const from = job.input.modelId;
      const source = store.models.get(from)?.record;
      if (source === undefined) throw new EdgewiseError('NOT_FOUND', 'The model that this job began with is no longer in the library.');
      const stored = await library.addResult(outputPath, `${source.name} ${report.recipe.name}`.slice(0, 120), {
        kind: 'optimized',
        fromModelId: from,
        jobId: job.id,
        recipe: report.recipe.name,
      });
      return {
        commit() {
          const model = stored.commit();
          const reportId = newId();
          store.reports.add({ id: reportId, jobId: job.id, fromModelId: from, toModelId: model.id, createdAt: report.createdAt, report });
          return { modelId: model.id, reportId };
        },
        announce: () => stored.announce(),
      };
    },
  };
}
