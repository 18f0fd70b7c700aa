import { basename } from 'node:path';
import { matchDataset } from '../../runtime/index.ts';
import { dataRequest } from '../measure/data-request.ts';
import type { Sample } from '../first-run.ts';
import type { ModelLibrary } from '../models/model-library.ts';
import type { Handlers } from '../router.ts';
import type { Store } from '../store/open-store.ts';

type DatasetHandlers = Pick<Handlers, Extract<keyof Handlers, `datasets.${string}`>>;

export function datasetHandlers(library: ModelLibrary, store: Store, sample: Sample | undefined): DatasetHandlers {
  return {
    'datasets.match': ({ path, modelId, labelsPath, preprocess }) => {
      const { facts, record } = library.get(modelId);
      return matchDataset(dataRequest({ path, labelsPath, preprocess }, facts, record.name));
    },
    'datasets.recent': () => {
      const recent = store.datasets.recent();
      if (sample === undefined || recent.some(({ path }) => path === sample.data)) return recent;
      return [...recent, { path: sample.data, name: basename(sample.data), sample: true }];
    },
  };
}
