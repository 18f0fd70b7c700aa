/** Bringing a model file into the library: dropped, chosen, or named by its path on the host. */
import { defineStore } from 'pinia';
import { ref } from 'vue';
import { toEdgewiseError, type ErrorRecord } from '../../../src/base/errors.ts';
import type { ModelRecord } from '../../../src/contract/records/model.ts';
import { uploadFile } from '../transport/files.ts';
import { useModels } from './models.store.ts';

export const useImporting = defineStore('importing', () => {
  const models = useModels();
  /** The file on its way, and what share of it has been sent (`null`: being read by the host). */
  const current = ref<{ readonly name: string; readonly share: number | null } | null>(null);
  const error = ref<ErrorRecord | null>(null);
  let abort: AbortController | undefined;

  async function run(name: string, work: (signal: AbortSignal) => Promise<ModelRecord>): Promise<ModelRecord | null> {
    abort?.abort();
    const own = new AbortController();
    abort = own;
    error.value = null;
    current.value = { name, share: null };
    try {
      return await work(own.signal);
    } catch (thrown) {
      const failed = toEdgewiseError(thrown).toRecord();
      if (failed.code !== 'CANCELLED') error.value = failed;
      return null;
    } finally {
      if (abort === own) current.value = null;
    }
  }

  return {
    current,
    error,
    /** @returns the model, or null where it failed (see `error`) or was cancelled */
    file: (file: File) =>
      run(file.name, async (signal) => {
        current.value = { name: file.name, share: 0 };
        const uploadId = await uploadFile(file, (share) => (current.value = { name: file.name, share: share < 1 ? share : null }), signal);
        return models.importUpload(uploadId, file.name);
      }),
    path: (path: string) => run(path.split(/[\\/]/).at(-1) ?? path, () => models.importPath(path)),
    cancel: () => abort?.abort(),
  };
});
