/** The models of the library, newest first, and the facts of those that were looked at. */
import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import type { ModelFacts, ModelRecord } from '../../../src/contract/records/model.ts';
import { api } from '../transport/client.ts';

export const useModels = defineStore('models', () => {
  const byId = ref<Record<string, ModelRecord>>({});
  const loaded = ref(false);
  // Layers run into the thousands and never change: not deeply reactive.
  const facts = shallowRef<Readonly<Record<string, ModelFacts>>>({});

  const list = computed(() => Object.values(byId.value).sort((a, b) => b.createdAt.localeCompare(a.createdAt)));

  async function load(): Promise<void> {
    const models = await api.invoke('models.list', {});
    byId.value = Object.fromEntries(models.map((model) => [model.id, model]));
    loaded.value = true;
  }

  async function loadFacts(id: string): Promise<ModelFacts> {
    const known = facts.value[id];
    if (known) return known;
    const answer = await api.invoke('models.get', { id });
    byId.value[id] = answer.model;
    facts.value = { ...facts.value, [id]: answer.facts };
    return answer.facts;
  }

  function keep(model: ModelRecord): ModelRecord {
    byId.value[model.id] = model;
    return model;
  }

  api.on((event) => {
    if (event.type === 'model.added' || event.type === 'model.updated') keep(event.model);
    else if (event.type === 'model.removed') delete byId.value[event.id];
  });

  return {
    byId,
    list,
    loaded,
    facts,
    load,
    loadFacts,
    importPath: async (path: string) => keep(await api.invoke('models.import', { path })),
    importUpload: async (uploadId: string, fileName: string, data: readonly { uploadId: string; fileName: string }[] = []) =>
      keep(await api.invoke('models.importUpload', { uploadId, fileName, ...(data.length > 0 ? { data: [...data] } : {}) })),
    rename: async (id: string, name: string) => keep(await api.invoke('models.rename', { id, name })),
    remove: async (id: string, confirm: string) => {
      await api.invoke('models.delete', { id, confirm });
      delete byId.value[id];
    },
  };
});
