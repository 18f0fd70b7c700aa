/** What host this is, on what machine, and whether it answers. */
import { defineStore } from 'pinia';
import { ref } from 'vue';
import type { RouteOutput } from '../../../src/contract/rpc/routes.ts';
import { api } from '../transport/client.ts';

export const useApp = defineStore('app', () => {
  const info = ref<RouteOutput<'app.info'> | null>(null);
  const paletteOpen = ref(false);

  async function load(): Promise<void> {
    info.value = await api.invoke('app.info', {});
  }

  return { info, connection: api.state, paletteOpen, load };
});
