import { join } from 'node:path';
import { nameOf, requireFile, type ModelLibrary } from '../models/model-library.ts';
import type { Handlers } from '../router.ts';
import type { Uploads } from '../uploads.ts';

type ModelHandlers = Pick<Handlers, Extract<keyof Handlers, `models.${string}`>>;

export function modelHandlers(library: ModelLibrary, uploads: Uploads): ModelHandlers {
  return {
    'models.list': () => library.list(),
    'models.get': ({ id }) => {
      const { record, facts } = library.get(id);
      return { model: record, facts };
    },
    'models.graph': ({ id }) => library.graph(id),
    'models.import': async ({ path }) => {
      await requireFile(path);
      return library.import(path);
    },
    'models.importUpload': ({ uploadId, fileName, data = [] }) =>
      uploads.together(uploadId, data, (path) => library.import(path, { name: nameOf(fileName), origin: { kind: 'imported', fileName } })),
    'models.rename': ({ id, name }) => library.rename(id, name.trim() === '' ? name : name.trim()),
    'models.delete': async ({ id, confirm }) => {
      await library.remove(id, confirm);
      return {};
    },
    'models.export': ({ id, path, overwrite }) => library.export(id, path.endsWith('/') ? join(path, `${library.get(id).record.name}.onnx`) : path, overwrite ?? false),
  };
}
