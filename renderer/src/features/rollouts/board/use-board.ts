/** One rollout as it goes on: its summary, its devices and its audit, read once and then followed. */
import { computed, onScopeDispose, ref, shallowRef, triggerRef, watch, type Ref } from 'vue';
import { toEdgewiseError, type ErrorRecord } from '../../../../../src/base/errors.ts';
import type { AuditEntry, DeviceRollout } from '../../../../../src/contract/records/rollout.ts';
import { api } from '../../../transport/client.ts';
import { useRollouts } from '../rollouts.store.ts';

/** The audit grows with each move of each device: it is read again at most this often. */
const AUDIT_MS = 3000;
/** More devices than these are drawn anew once a second, not with each message. */
const MANY = 2000;
const REDRAW_MS = 1000;

export function useBoard(id: Ref<string>) {
  const rollouts = useRollouts();
  const byId = shallowRef(new Map<string, DeviceRollout>());
  const audit = shallowRef<readonly AuditEntry[] | null>(null);
  const auditWanted = ref(false);
  const simulatedIds = shallowRef<ReadonlySet<string> | null>(null);
  const error = ref<ErrorRecord | null>(null);
  const loaded = ref(false);
  let run = 0;
  let auditTimer: ReturnType<typeof setTimeout> | undefined;
  let redrawTimer: ReturnType<typeof setTimeout> | undefined;

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
      if (auditWanted.value) await loadAudit();
    } catch (thrown) {
      if (own === run) error.value = toEdgewiseError(thrown).toRecord();
    }
  }

  async function loadAudit(): Promise<void> {
    const of = id.value;
    const entries = await api.invoke('rollouts.audit', { id: of });
    if (of === id.value) audit.value = entries.toReversed();
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

  function auditSoon(): void {
    if (!auditWanted.value || auditTimer !== undefined) return;
    auditTimer = setTimeout(() => {
      auditTimer = undefined;
      // It is asked for again with the next change.
      loadAudit().catch(() => {});
    }, AUDIT_MS);
  }

  const stop = api.on((event) => {
    if (event.type !== 'rollout.updated' || event.summary.rollout.id !== id.value) return;
    for (const device of event.devices) byId.value.set(device.deviceId, device);
    if (event.devices.length > 0) redraw();
    auditSoon();
  });
  watch(
    id,
    () => {
      byId.value = new Map();
      audit.value = null;
      simulatedIds.value = null;
      loaded.value = false;
      void load();
    },
    { immediate: true },
  );
  watch(auditWanted, (wanted) => {
    if (wanted) loadAudit().catch((thrown: unknown) => (error.value = toEdgewiseError(thrown).toRecord()));
  });
  watch(api.state, (now, before) => {
    if (now === 'connected' && before === 'reconnecting') void load();
  });
  onScopeDispose(() => {
    stop();
    clearTimeout(auditTimer);
    clearTimeout(redrawTimer);
    run++;
  });

  function isSimulated(deviceId: string): boolean {
    const all = summary.value;
    if (all === null || all.simulated === 0) return false;
    return all.simulated === all.devices || (simulatedIds.value?.has(deviceId) ?? false);
  }

  return { summary, devices, audit, auditWanted, error, loaded, load, isSimulated };
}
