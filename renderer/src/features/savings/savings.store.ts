/** What is looked at, and what the console answered. Answers are large and never changed: not deeply reactive. */
import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import { toEdgewiseError, type ErrorRecord } from '../../../../src/base/errors.ts';
import type { RouteOutput } from '../../../../src/contract/rpc/routes.ts';
import type { SavingsView } from '../../../../src/contract/rpc/savings-routes.ts';
import { api } from '../../transport/client.ts';

export type Overview = RouteOutput<'savings.overview'>;
export type Opened = RouteOutput<'savings.open'>;
export type Evidence = RouteOutput<'savings.evidence'>;
export type OpenScope = Opened['result']['scope'];

export const useSavings = defineStore('savings', () => {
  const extent = shallowRef<RouteOutput<'savings.extent'> | null>(null);
  const view = ref<SavingsView | null>(null);
  const overview = shallowRef<Overview | null>(null);
  const error = shallowRef<ErrorRecord | null>(null);
  const loading = ref(false);
  let asked = 0;

  /** True while there is nothing to look at anywhere. */
  const nothing = computed(() => extent.value !== null && extent.value.known === null);

  async function load(fresh = false): Promise<void> {
    const mine = ++asked;
    loading.value = true;
    error.value = null;
    try {
      const known = await api.invoke('savings.extent', {});
      if (mine !== asked) return;
      extent.value = known;
      view.value ??= known.view;
      const answer = known.known === null ? null : await api.invoke('savings.overview', { ...view.value, fresh });
      if (mine === asked) overview.value = answer;
    } catch (problem) {
      if (mine === asked) error.value = toEdgewiseError(problem).toRecord();
    } finally {
      if (mine === asked) loading.value = false;
    }
  }

  async function show(next: SavingsView): Promise<void> {
    view.value = next;
    await load();
  }

  return { extent, view, overview, error, loading, nothing, load, show };
});
