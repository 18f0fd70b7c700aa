/** One rollout as it goes on: its summary, its devices and its audit, read once and then followed. */
import { computed, onScopeDispose, ref, shallowRef, triggerRef, watch, type Ref } from 'vue';
import { toEdgewiseError, type ErrorRecord } from '../../../../../src/base/errors.ts';
import type { DeviceRollout } from '../../../../../src/contract/records/rollout.ts';
import { api } from '../../../transport/client.ts';
import { useRollouts } from '../rollouts.store.ts';
import { useAudit } from './use-audit.ts';

/** More devices than these are drawn anew once a second, not with each message. */
const MANY = 2000;
const REDRAW_MS = 1000;

export function useBoard(id: Ref<string>) {
  const rollouts = useRollouts();
  const byId = shallowRef(new Map<string, DeviceRollout>());
  const simulatedIds = shallowRef<ReadonlySet<string> | null>(null);
  const error = ref<ErrorRecord | null>(null);
  const loaded = ref(false);
  let run = 0;
  let redrawTimer: ReturnType<typeof setTimeout> | undefined;

  const audit = useAudit(id, (thrown) => (error.value = toEdgewiseError(thrown).toRecord()));
  const summary = computed(() => rollouts.byId[id.value] ?? null);
  /** In the order of the plan, which never changes: who joins later comes last. */
  const devices = computed(() => [...byId.value.values()]);

  async function load(): Promise<void> {
    const own = ++run;
    try {
      const [found, rows] = await Promise.all([api.invoke('rollouts.get', { id: id.value }), api.invoke('rollouts.devices', { id: id.value })]);
      if (own !== run) return;
      rollouts.keep(found);
      byId.value = new Map(rows.toSorted((a, b) => a.order - b.order).map((row) => [row.deviceId, row]));
      loaded.value = true;
      error.value = null;
      // Where all or none are simulated the summary says it; a mixed fleet is asked once.
      if (found.simulated > 0 && found.simulated < found.devices) simulatedIds.value = new Set((await api.invoke('fleet.devices', {})).flatMap((row) => (row.simulated ? [row.id] : [])));
      if (audit.wanted.value) await audit.load();
    } catch (thrown) {
      if (own === run) error.value = toEdgewiseError(thrown).toRecord();
    }
  }

  function redraw(): void {
    if (byId.value.size <= MANY) {
      triggerRef(byId);
      return;
    }
    redrawTimer ??= setTimeout(() => {
      redrawTimer = undefined;
      triggerRef(byId);
    }, REDRAW_MS);
  }

  const stop = api.on((event) => {
    if (event.type !== 'rollout.updated' || event.summary.rollout.id !== id.value) return;
    // Another plan may touch others: who edits a draft changes all of it.
    if (event.summary.rollout.state === 'draft') return void load();
    for (const device of event.devices) byId.value.set(device.deviceId, device);
    if (event.devices.length > 0) redraw();
    audit.soon();
  });
  watch(
    id,
    () => {
      byId.value = new Map();
      simulatedIds.value = null;
      loaded.value = false;
      void load();
    },
    { immediate: true },
  );
  watch(api.state, (now, before) => {
    if (now === 'connected' && before === 'reconnecting') void load();
  });
  onScopeDispose(() => {
    stop();
    clearTimeout(redrawTimer);
    run++;
  });

  function isSimulated(deviceId: string): boolean {
    const all = summary.value;
    if (all === null || all.simulated === 0) return false;
    return all.simulated === all.devices || (simulatedIds.value?.has(deviceId) ?? false);
  }

  return { summary, devices, audit, error, loaded, load, isSimulated };
}
