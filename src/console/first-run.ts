/**
 * The sample's first run: with an empty library, the sample model goes through `int8` as an ordinary job, so that a newcomer sees a
 * true before and after. A flag in the settings keeps later starts from repeating it.
 */
import type { JobRecord } from '../contract/records/job.ts';
import type { JobService } from './jobs/job-service.ts';
import type { ModelLibrary } from './models/model-library.ts';
import type { Store } from './store/open-store.ts';

/** The sample that is shipped with the program. */
export interface Sample {
  readonly model: string;
  /** A folder of pictures, one folder per class. */
  readonly data: string;
}

const FLAG = 'sample-imported';
const MODEL_NAME = 'shelf-products';

/**
 * Imports the sample and starts its job, once per data folder.
 * @returns the job, or undefined where this is not the first start
 */
export async function runSampleOnce(sample: Sample, store: Store, library: ModelLibrary, jobs: JobService, now: () => string): Promise<JobRecord | undefined> {
  if (store.settings.flag(FLAG)) return undefined;
  // A first start that was cut short leaves the sample alone in the library: then it goes on where it stopped.
  if (library.list().some((model) => model.origin.kind !== 'sample')) {
    store.settings.setFlag(FLAG);
    return undefined;
  }
  const model = await library.import(sample.model, { name: MODEL_NAME, origin: { kind: 'sample' } });
  return store.transaction(() => {
    store.settings.setFlag(FLAG);
    store.datasets.used({ path: sample.data, name: 'sample', sample: true }, now());
    return jobs.start({ modelId: model.id, recipe: 'int8', dataPath: sample.data }, `${model.name} · int8`);
  });
}
