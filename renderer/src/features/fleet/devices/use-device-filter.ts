/**
 * Which devices the filter lets through, as the console answers. The newest text is asked for as soon as the question before it is answered, so that typing
 * never waits on a timer; while devices change, who is in is asked again once a second at most.
 */
import { computed, onBeforeUnmount, ref, shallowRef, watch } from 'vue';
import { useI18n } from 'vue-i18n';
import { toEdgewiseError } from '../../../../../src/base/errors.ts';
import type { DeviceRow } from '../../../../../src/contract/records/fleet.ts';
import { api } from '../../../transport/client.ts';
import { useFleet } from '../fleet.store.ts';
import { buildFilter, LONGEST_FILTER } from './filter-text.ts';

const AGAIN_MS = 1000;

export interface FilterFault {
  readonly message: string;
  /** Characters of the typed text before it; null: it is not in there. */
  readonly at: number | null;
}

export function useDeviceFilter() {
  const fleet = useFleet();
  const { t } = useI18n();
  const built = computed(() => buildFilter(fleet.typed, fleet.clauses));
  /** null: all of them. */
  const ids = shallowRef<ReadonlySet<string> | null>(null);
  const fault = ref<FilterFault | null>(null);
  /** The filter that `ids` are of. */
  const answered = ref('');
  let asking = false;
  let stale = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function ask(): Promise<void> {
    if (asking) return void (stale = true);
    asking = true;
    const { filter, typedAt } = built.value;
    try {
      if (filter === '') {
        ids.value = null;
        answered.value = '';
        fault.value = null;
      } else if (filter.length > LONGEST_FILTER) {
        fault.value = { message: t('fleet.filter.tooLong', { count: filter.length, most: LONGEST_FILTER }), at: null };
      } else {
        const { ids: found, error } = await api.invoke('fleet.match', { filter });
        // What was found before stays in sight while a filter is half typed.
        if (error === null) {
          ids.value = new Set(found);
          answered.value = filter;
        }
        fault.value = error === null ? null : { message: error.message, at: typedAt === null ? null : error.at - typedAt };
      }
    } catch (thrown) {
      fault.value = { message: toEdgewiseError(thrown).message, at: null };
    } finally {
      asking = false;
      if (stale) {
        stale = false;
        void ask();
      }
    }
  }

  watch(() => built.value.filter, () => void ask(), { immediate: true });
  watch(
    () => [fleet.devices, fleet.groups],
    () => {
      if (built.value.filter === '' || timer !== undefined) return;
      timer = setTimeout(() => {
        timer = undefined;
        void ask();
      }, AGAIN_MS);
    },
  );
  onBeforeUnmount(() => clearTimeout(timer));

  const rows = computed<readonly DeviceRow[]>(() => {
    const wanted = ids.value;
    return wanted === null ? fleet.devices : fleet.devices.filter(({ id }) => wanted.has(id));
  });
  return { filter: computed(() => built.value.filter), answered, fault, rows };
}
