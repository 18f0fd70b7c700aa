/** Every job the console remembers, newest first. */
import { defineStore } from 'pinia';
import { computed, ref } from 'vue';
import type { JobRecord, JobState, OptimizeInput } from '../../../src/contract/records/job.ts';
import { api } from '../transport/client.ts';

export function isActive(state: JobState): boolean {
  return state === 'queued' || state === 'running';
}

export const useJobs = defineStore('jobs', () => {
  const byId = ref<Record<string, JobRecord>>({});
  const loaded = ref(false);

  const list = computed(() => Object.values(byId.value).sort((a, b) => b.createdAt.localeCompare(a.createdAt)));
  const active = computed(() => list.value.filter((job) => isActive(job.state)));

  function keep(job: JobRecord): JobRecord {
    byId.value[job.id] = job;
    return job;
  }

  async function load(): Promise<void> {
    const jobs = await api.invoke('jobs.list', {});
    byId.value = Object.fromEntries(jobs.map((job) => [job.id, job]));
    loaded.value = true;
  }

  api.on((event) => {
    if (event.type === 'job.updated') keep(event.job);
    else if (event.type === 'job.removed') delete byId.value[event.id];
  });

  return {
    byId,
    list,
    active,
    loaded,
    load,
    start: async (input: OptimizeInput) => keep(await api.invoke('optimize.start', input)),
    cancel: async (id: string) => keep(await api.invoke('jobs.cancel', { id })),
    retry: async (id: string) => keep(await api.invoke('jobs.retry', { id })),
    remove: async (id: string) => {
      await api.invoke('jobs.remove', { id });
      delete byId.value[id];
    },
  };
});
