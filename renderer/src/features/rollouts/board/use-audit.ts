/** The audit of one rollout: its newest page, read again while it grows, and as many older ones as somebody asks for. */
import { computed, onScopeDispose, ref, shallowRef, watch, type Ref } from 'vue';
import type { AuditPage } from '../../../../../src/contract/rpc/rollout-routes.ts';
import { api } from '../../../transport/client.ts';
import { withOlder } from './audit-pages.ts';

const PAGE = 500;
/** It grows with each move of each device: it is read again at most this often. */
const AGAIN_MS = 3000;

/** @param fail what could not be read when somebody asked for it */
export function useAudit(id: Ref<string>, fail: (thrown: unknown) => void) {
  /** The newest first; null: not read yet. */
  const pages = shallowRef<AuditPage | null>(null);
  const wanted = ref(false);
  const reading = ref(false);
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function load(): Promise<void> {
    const of = id.value;
    const newest = await api.invoke('rollouts.audit', { id: of, before: null, limit: PAGE });
    if (of === id.value) pages.value = withOlder(newest, pages.value);
  }

  async function readOlder(): Promise<void> {
    const now = pages.value;
    if (now === null || now.older === null || reading.value) return;
    reading.value = true;
    const of = id.value;
    try {
      const page = await api.invoke('rollouts.audit', { id: of, before: now.older, limit: PAGE });
      // The newest page may have been read again meanwhile: only what still follows on is taken.
      if (of === id.value && pages.value?.older === now.older) pages.value = { entries: [...pages.value.entries, ...page.entries], older: page.older, total: page.total };
    } catch (thrown) {
      fail(thrown);
    } finally {
      reading.value = false;
    }
  }

  function soon(): void {
    if (!wanted.value || timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      // It is asked for again with the next change.
      load().catch(() => {});
    }, AGAIN_MS);
  }

  watch(id, () => (pages.value = null));
  watch(wanted, (now) => {
    if (now) load().catch(fail);
  });
  onScopeDispose(() => clearTimeout(timer));

  return { entries: computed(() => pages.value?.entries ?? null), hasOlder: computed(() => pages.value !== null && pages.value.older !== null), total: computed(() => pages.value?.total ?? 0), wanted, reading, load, readOlder, soon };
}
