/** The model library: files by content, records with where each came from. */
import { stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { EdgewiseError } from '../../base/errors.ts';
import type { ModelGraph } from '../../contract/records/graph.ts';
import type { ModelFacts, ModelOrigin, ModelRecord } from '../../contract/records/model.ts';
import { modelGraph } from '../../engine/recipe/index.ts';
import type { EventHub } from '../events.ts';
import type { Store } from '../store/open-store.ts';
import type { StoredModel } from '../store/models-repository.ts';
import { copyOut } from './copy-out.ts';
import { withModelFile, type ModelFile } from './model-file.ts';
import type { ModelStore, StoredFile } from './model-store.ts';

export interface ModelLibrary {
  list(): ModelRecord[];
  get(id: string): StoredModel;
  /** Path of the model's file. @throws NOT_FOUND for an unknown id, FILE_NOT_FOUND where the file has gone missing */
  pathOf(id: string): Promise<string>;
  /** @throws NOT_FOUND, FILE_NOT_FOUND, and whatever is wrong with the model */
  graph(id: string): Promise<ModelGraph>;
  /**
   * Copies a file in, external data merged into one file, or two where one cannot hold it. The same bytes again answer the model that is there already.
   * @throws whatever is wrong with the model (docs/model-files.md)
   */
  import(path: string, options?: { readonly name?: string; readonly origin?: ModelOrigin }): Promise<ModelRecord>;
  /**
   * Puts a result's file in place; `commit` adds its record (or finds the same result from before) and is called in a transaction.
   */
  addResult(path: string, name: string, origin: Extract<ModelOrigin, { kind: 'optimized' }>): Promise<{ commit(): ModelRecord; announce(): void }>;
  rename(id: string, name: string): ModelRecord;
  /** @throws CONFLICT where a job uses it or `confirm` is not its name */
  remove(id: string, confirm: string): Promise<void>;
  export(id: string, path: string, overwrite: boolean): Promise<{ path: string; bytes: number }>;
  /** Removes leftovers; answers the records whose file is missing. */
  sweep(): Promise<ModelRecord[]>;
}

export interface ModelLibraryOptions {
  readonly store: Store;
  readonly files: ModelStore;
  readonly events: EventHub;
  readonly now: () => string;
  readonly newId: () => string;
  readonly inUse: (modelId: string) => boolean;
  /** Bytes above which a model with data files stays two files; tests set it lower. */
  readonly fileBytes?: number;
}

export function createModelLibrary({ store, files, events, now, newId, inUse, fileBytes }: ModelLibraryOptions): ModelLibrary {
  const get = (id: string): StoredModel => {
    const found = store.models.get(id);
    if (found === undefined) throw new EdgewiseError('NOT_FOUND', `There is no model with the id "${id}" in the library.`);
    return found;
  };

  function recordOf(name: string, sha256: string, facts: ModelFacts, origin: ModelOrigin): ModelRecord {
    const { bytes, nodes, parameters, macs, opset, quantized } = facts;
    return { id: newId(), name, sha256, bytes, nodes, parameters, macs, opset, quantized, origin, createdAt: now() };
  }

  function keepFile({ paths, files: written }: ModelFile): Promise<StoredFile> {
    return paths.length === 1 ? files.addFile(paths[0]) : files.addModel((name) => written(name, fileBytes === undefined ? {} : { fileBytes }));
  }

  async function pathOf(id: string): Promise<string> {
    const { record } = get(id);
    if (!(await files.has(record.sha256))) {
      throw new EdgewiseError('FILE_NOT_FOUND', `The file of the model "${record.name}" is missing from the library.`, {
        hint: 'Import the original file again: the model then works as before.',
        details: { path: files.pathOf(record.sha256), sha256: record.sha256 },
      });
    }
    return files.pathOf(record.sha256);
  }

  return {
    list: () => store.models.list(),
    get,
    pathOf,
    graph: async (id) => withModelFile(await pathOf(id), ({ model }) => modelGraph(model)),

    async import(path, options = {}) {
      const { stored, facts } = await withModelFile(path, async (file) => {
        const added = await keepFile(file);
        return { stored: added, facts: { ...file.facts, bytes: added.bytes } };
      });
      const known = store.models.withHash(stored.sha256).find((record) => record.origin.kind !== 'optimized');
      if (known) return known;
      const fileName = basename(path);
      const record = recordOf(options.name ?? nameOf(fileName), stored.sha256, facts, options.origin ?? { kind: 'imported', fileName });
      store.models.add({ record, facts });
      events.emit({ type: 'model.added', model: record });
      return record;
    },

    async addResult(path, name, origin) {
      const { stored, facts } = await withModelFile(path, async (file) => {
        const added = await keepFile(file);
        return { stored: added, facts: { ...file.facts, bytes: added.bytes } };
      });
      let added: ModelRecord | undefined;
      return {
        commit() {
          const same = store.models
            .withHash(stored.sha256)
            .find(({ origin: from }) => from.kind === 'optimized' && from.fromModelId === origin.fromModelId && from.recipe === origin.recipe);
          if (same) return same;
          added = recordOf(name, stored.sha256, facts, origin);
          store.models.add({ record: added, facts });
          return added;
        },
        announce() {
          if (added) events.emit({ type: 'model.added', model: added });
        },
      };
    },

    rename(id, name) {
      const record = { ...get(id).record, name };
      store.models.update(record);
      events.emit({ type: 'model.updated', model: record });
      return record;
    },

    async remove(id, confirm) {
      const { record } = get(id);
      if (confirm !== record.name) {
        throw new EdgewiseError('CONFLICT', 'The model was not deleted: the name that was typed is not its name.', { hint: `Type "${record.name}" to delete it.` });
      }
      if (inUse(id)) {
        throw new EdgewiseError('CONFLICT', `The model "${record.name}" is in use by a job.`, { hint: 'Wait for the job, or cancel it, and delete the model then.' });
      }
      store.transaction(() => {
        store.models.remove(id);
        store.reports.removeOrphans();
      });
      events.emit({ type: 'model.removed', id });
      if (store.models.withHash(record.sha256).length === 0) await files.remove(record.sha256);
    },

    async export(id, path, overwrite) {
      return copyOut(await pathOf(id), path, overwrite);
    },

    async sweep() {
      const { missing } = await files.sweep(store.models.neededHashes());
      const gone = new Set(missing);
      return store.models.list().filter((record) => gone.has(record.sha256));
    },
  };
}

/** A file's name without its extension, as a model's name. */
export function nameOf(fileName: string): string {
  return basename(fileName, extname(fileName)).slice(0, 120) || 'model';
}

/** Whether a path names a readable file; the answer to a person's typing mistake comes before any parser's. */
export async function requireFile(path: string): Promise<void> {
  if (path === '') throw new EdgewiseError('FILE_NOT_FOUND', 'The path of the model is empty.', { hint: 'Name an ONNX file.' });
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new EdgewiseError('FILE_NOT_FOUND', `There is no file at ${path}.`, { hint: 'Check the path.', details: { path } });
  if (!found.isFile()) throw new EdgewiseError('FILE_UNREADABLE', `${path} is ${found.isDirectory() ? 'a folder, not a file' : 'no regular file'}.`, { hint: 'Name an ONNX file.', details: { path } });
}
