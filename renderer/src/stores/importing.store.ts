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
    /**
     * One model: its file, and those that hold its weights where they are not in it.
     * @returns the model, or null where it failed (see `error`) or was cancelled
     */
    files: async (files: readonly File[]) => {
      const model = files.find(({ name }) => /\.onnx$/i.test(name)) ?? files[0];
      if (!model) return null;
      const parts = [model, ...files.filter((file) => file !== model)];
      const total = parts.reduce((sum, { size }) => sum + size, 0);
      return run(model.name, async (signal) => {
        const sent: { uploadId: string; fileName: string }[] = [];
        let before = 0;
        for (const part of parts) {
          const tell = (share: number): void => {
            const all = total === 0 ? 1 : (before + share * part.size) / total;
            current.value = { name: model.name, share: all < 1 ? all : null };
          };
          tell(0);
          sent.push({ uploadId: await uploadFile(part, tell, signal), fileName: part.name });
          before += part.size;
        }
        const [first, ...data] = sent as [(typeof sent)[number], ...typeof sent];
        return models.importUpload(first.uploadId, first.fileName, data);
      });
    },
    path: (path: string) => run(path.split(/[\\/]/).at(-1) ?? path, () => models.importPath(path)),
    cancel: () => abort?.abort(),
  };
});
