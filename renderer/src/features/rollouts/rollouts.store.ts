/** Every rollout as a list shows it, and what is published. */
import { defineStore } from 'pinia';
import { computed, ref, shallowRef, watch } from 'vue';
import { toEdgewiseError, type ErrorRecord } from '../../../../src/base/errors.ts';
import type { ArtifactRecord, RolloutAction, RolloutDraft, RolloutSummary } from '../../../../src/contract/rpc/rollout-routes.ts';
import { api } from '../../transport/client.ts';

export const useRollouts = defineStore('rollouts', () => {
  // Replaced as a whole: a summary is never changed in place.
  const byId = shallowRef<Readonly<Record<string, RolloutSummary>>>({});
  const artifacts = shallowRef<readonly ArtifactRecord[]>([]);
  const loaded = ref(false);
  const error = ref<ErrorRecord | null>(null);

  const list = computed(() => Object.values(byId.value));
  /** What can be rolled out. */
  const available = computed(() => artifacts.value.filter(({ withdrawn }) => !withdrawn));

  function keep(summary: RolloutSummary): RolloutSummary {
    byId.value = { ...byId.value, [summary.rollout.id]: summary };
    return summary;
  }

  async function loadArtifacts(): Promise<void> {
    artifacts.value = await api.invoke('artifacts.list', {});
  }

  async function load(): Promise<void> {
    try {
      const [summaries] = await Promise.all([api.invoke('rollouts.list', {}), loadArtifacts()]);
      byId.value = Object.fromEntries(summaries.map((summary) => [summary.rollout.id, summary]));
      loaded.value = true;
      error.value = null;
    } catch (thrown) {
      error.value = toEdgewiseError(thrown).toRecord();
    }
  }

  api.on((event) => {
    if (event.type === 'rollout.updated') keep(event.summary);
    // What could not be read now is read with the next page.
    else if (event.type === 'artifacts.changed') loadArtifacts().catch(() => (loaded.value = false));
  });
  watch(api.state, (now, before) => {
    if (now === 'connected' && before === 'reconnecting') void load();
  });

  return {
    byId,
    list,
    artifacts,
    available,
    loaded,
    error,
    load,
    keep,
    create: async (draft: RolloutDraft) => keep(await api.invoke('rollouts.create', draft)),
    edit: async (id: string, revision: number, draft: RolloutDraft) => keep(await api.invoke('rollouts.edit', { id, revision, draft })),
    act: async (id: string, action: RolloutAction, by: string, note: string, confirm: string | null) => keep(await api.invoke('rollouts.act', { id, action, by, note, confirm })),
  };
});
