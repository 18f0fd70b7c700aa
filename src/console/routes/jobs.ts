import { basename } from 'node:path';
import { EdgewiseError } from '../../base/errors.ts';
import type { JobService } from '../jobs/job-service.ts';
import type { ModelLibrary } from '../models/model-library.ts';
import { renderReport, resolveRecipe } from '../recipes.ts';
import type { Handlers } from '../router.ts';
import type { Store } from '../store/open-store.ts';

type JobHandlers = Pick<Handlers, 'optimize.start' | Extract<keyof Handlers, `jobs.${string}` | `reports.${string}`>>;

export function jobHandlers(jobs: JobService, library: ModelLibrary, store: Store, now: () => string): JobHandlers {
  const report = (id: string) => {
    const found = store.reports.get(id);
    if (found === undefined) throw new EdgewiseError('NOT_FOUND', `There is no report with the id "${id}".`);
    return found;
  };
  return {
    'optimize.start': async (input) => {
      const { record } = library.get(input.modelId);
      await library.pathOf(input.modelId);
      const { recipe } = resolveRecipe(input.recipe);
      if (input.dataPath !== undefined) store.datasets.used({ path: input.dataPath, name: basename(input.dataPath), sample: false }, now());
      return jobs.start(input, `${record.name} · ${recipe.name}`);
    },
    'jobs.list': () => jobs.list(),
    'jobs.get': ({ id }) => jobs.get(id),
    'jobs.log': ({ id }) => jobs.log(id),
    'jobs.cancel': ({ id }) => jobs.cancel(id),
    'jobs.retry': ({ id }) => {
      library.get(jobs.get(id).input.modelId);
      return jobs.retry(id);
    },
    'jobs.remove': ({ id }) => {
      jobs.remove(id);
      return {};
    },
    'reports.get': ({ id }) => report(id).report,
    'reports.html': ({ id }) => ({ html: renderReport(report(id).report) }),
    'reports.forModel': ({ modelId }) => store.reports.forModel(modelId),
  };
}
