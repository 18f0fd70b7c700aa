/** A rollout that is being prepared, or a draft that is being changed. Outlives the page, so that looking elsewhere loses nothing. */
import { defineStore } from 'pinia';
import { computed, ref, shallowRef, watch } from 'vue';
import { toEdgewiseError, type ErrorRecord } from '../../../../../src/base/errors.ts';
import type { DeviceGroup, DeviceRow, StoreRecord } from '../../../../../src/contract/records/fleet.ts';
import type { RolloutPolicy, RolloutRecord } from '../../../../../src/contract/records/rollout.ts';
import type { RolloutDraft } from '../../../../../src/contract/rpc/rollout-routes.ts';
import type { RouteOutput } from '../../../../../src/contract/rpc/routes.ts';
import { api } from '../../../transport/client.ts';
import { useRollouts } from '../rollouts.store.ts';
import { formOf, lostInForm } from './form-of-policy.ts';
import { defaultForm, policyOf, problemsOf, type PolicyForm } from './policy-form.ts';

/** What is typed is looked at when the typing pauses. */
const PAUSE_MS = 250;

/** A draft that is open in the form. */
interface Editing {
  readonly id: string;
  readonly name: string;
  /** As it was read: the console refuses to write over a later one. */
  readonly revision: number;
  /** Parts of its policy that the form has no field for. */
  readonly lost: readonly (keyof RolloutPolicy)[];
}

export const useWizard = defineStore('rollout-wizard', () => {
  const rollouts = useRollouts();
  const artifact = ref('');
  const version = ref<number | null>(null);
  /** As typed; null: named after what it brings. */
  const typedName = ref<string | null>(null);
  const filter = ref('');
  const form = ref<PolicyForm>(defaultForm({ devices: 0, withBaseline: 0, checkSamples: null }));
  /** Somebody has changed the policy by hand: the defaults leave it alone from then on. */
  const touched = ref(false);

  const editing = shallowRef<Editing | null>(null);
  /** A new rollout that was begun before a draft was opened. */
  let parked: ReturnType<typeof filledIn> | null = null;

  const devices = shallowRef<readonly DeviceRow[]>([]);
  const stores = shallowRef<readonly StoreRecord[]>([]);
  const groups = shallowRef<readonly DeviceGroup[]>([]);
  const fleetLoaded = ref(false);

  const matchedIds = shallowRef<readonly string[]>([]);
  const filterError = ref<{ readonly message: string; readonly at: number } | null>(null);
  const preview = shallowRef<RouteOutput<'rollouts.preview'> | null>(null);
  const error = ref<ErrorRecord | null>(null);
  const looking = ref(false);
  let looks = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const chosen = computed(() => rollouts.available.find((record) => record.artifact === artifact.value && record.version === version.value) ?? null);
  const name = computed(() => typedName.value ?? (artifact.value === '' || version.value === null ? '' : `${artifact.value} ${version.value}`));
  const problems = computed(() => problemsOf(form.value));
  const matched = computed(() => {
    const byId = new Map(devices.value.map((row) => [row.id, row]));
    return matchedIds.value.flatMap((id) => byId.get(id) ?? []);
  });
  /** Whom a rollout can reach at all. */
  const targets = computed(() => matched.value.filter(({ credential }) => credential === 'accepted'));
  const storeById = computed(() => new Map(stores.value.map((store) => [store.id, store])));
  const targetStores = computed(() => [...new Set(targets.value.map(({ storeId }) => storeId))].flatMap((id) => storeById.value.get(id) ?? []));

  const draft = computed<RolloutDraft | null>(() => {
    if (chosen.value === null || name.value.trim() === '' || problems.value.length > 0) return null;
    return { name: name.value.trim(), artifact: chosen.value.artifact, version: chosen.value.version, filter: filter.value.trim(), policy: policyOf(form.value) };
  });
  const blocked = computed(() => preview.value?.risks.some(({ level }) => level === 'stop') ?? false);

  async function loadFleet(): Promise<void> {
    const [rows, places, saved] = await Promise.all([api.invoke('fleet.devices', {}), api.invoke('fleet.stores', {}), api.invoke('fleet.groups', {})]);
    [devices.value, stores.value, groups.value] = [rows, places, saved];
    fleetLoaded.value = true;
    await look();
  }

  async function look(): Promise<void> {
    const own = ++looks;
    looking.value = true;
    try {
      const { ids, error: wrong } = await api.invoke('fleet.match', { filter: filter.value });
      if (own !== looks) return;
      [matchedIds.value, filterError.value] = [ids, wrong];
      suggest();
      const asked = draft.value;
      const found = asked === null || wrong !== null ? null : await api.invoke('rollouts.preview', asked);
      if (own !== looks) return;
      preview.value = found;
      error.value = null;
    } catch (thrown) {
      if (own !== looks) return;
      preview.value = null;
      error.value = toEdgewiseError(thrown).toRecord();
    } finally {
      if (own === looks) looking.value = false;
    }
  }

  /** Sensible for whom it touches, until somebody has said otherwise. */
  function suggest(): void {
    if (touched.value) return;
    const before = form.value;
    form.value = { ...defaultForm({ devices: targets.value.length, withBaseline: targets.value.filter(({ digest }) => digest !== null).length, checkSamples: chosen.value?.checkSamples ?? null }), start: before.start, startAt: before.startAt, approval: before.approval };
  }

  function setArtifact(to: string, which?: number): void {
    artifact.value = to;
    const versions = rollouts.available.filter((record) => record.artifact === to).map((record) => record.version);
    version.value = which !== undefined && versions.includes(which) ? which : versions.length === 0 ? null : Math.max(...versions);
  }

  const filledIn = () => ({ artifact: artifact.value, version: version.value, typedName: typedName.value, filter: filter.value, form: form.value, touched: touched.value });
  function fillIn(from: ReturnType<typeof filledIn>): void {
    [artifact.value, version.value, typedName.value, filter.value, form.value, touched.value] = [from.artifact, from.version, from.typedName, from.filter, from.form, from.touched];
    [matchedIds.value, preview.value, error.value] = [[], null, null];
  }
  const reset = (): void => fillIn({ artifact: '', version: null, typedName: null, filter: '', form: defaultForm({ devices: 0, withBaseline: 0, checkSamples: null }), touched: false });

  /** Opens a draft in the form; what a new rollout was filled in with waits. */
  function edit(rollout: RolloutRecord): void {
    if (editing.value === null) parked = filledIn();
    const opened = formOf(rollout.policy, { devices: 0, withBaseline: 0, checkSamples: null });
    fillIn({ artifact: rollout.artifact, version: null, typedName: rollout.name, filter: rollout.filter, form: opened, touched: true });
    setArtifact(rollout.artifact, rollout.version);
    editing.value = { id: rollout.id, name: rollout.name, revision: rollout.effects, lost: lostInForm(rollout.policy, opened) };
  }

  /** Back to the new rollout that was begun before. */
  function endEdit(): void {
    if (editing.value === null) return;
    editing.value = null;
    if (parked === null) reset();
    else fillIn(parked);
    parked = null;
  }

  // What the suggestion itself changes needs no second look: the preview is asked for after it.
  const asked = computed(() => JSON.stringify([filter.value, artifact.value, version.value, touched.value ? form.value : [form.value.start, form.value.startAt, form.value.approval]]));
  watch(asked, () => {
    clearTimeout(timer);
    looking.value = true;
    timer = setTimeout(() => void look(), PAUSE_MS);
  });
  api.on((event) => {
    if (event.type === 'fleet.registry' && fleetLoaded.value) loadFleet().catch(() => (fleetLoaded.value = false));
  });

  return { editing, edit, endEdit, artifact, version, typedName, name, filter, form, touched, devices, stores, groups, fleetLoaded, matched, targets, targetStores, storeById, filterError, preview, error, looking, chosen, problems, draft, blocked, loadFleet, look, setArtifact, suggest, reset };
});
