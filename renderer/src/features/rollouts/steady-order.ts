/** Keeps a list still while the pointer is over it or the focus in it: what is read or about to be clicked does not move away. */
import { computed, ref, watch, type ComputedRef, type Ref } from 'vue';

export interface SteadyOrder<T> {
  readonly rows: ComputedRef<readonly T[]>;
  /** To be bound to the element with `v-on`. */
  readonly hold: Readonly<Record<'pointerenter' | 'pointerleave' | 'focusin' | 'focusout', () => void>>;
}

/** @param wanted the rows in the order that they should have; new ones come at the end while the list is held */
export function useSteadyOrder<T>(wanted: Ref<readonly T[]>, keyOf: (row: T) => string): SteadyOrder<T> {
  const over = ref(false);
  const focused = ref(false);
  const order = ref<readonly string[]>([]);
  watch(
    [wanted, over, focused],
    () => {
      if (!over.value && !focused.value) order.value = wanted.value.map(keyOf);
    },
    { immediate: true },
  );
  const rows = computed(() => {
    if (!over.value && !focused.value) return wanted.value;
    const byKey = new Map(wanted.value.map((row) => [keyOf(row), row]));
    const held = order.value.flatMap((key) => byKey.get(key) ?? []);
    const known = new Set(order.value);
    return [...held, ...wanted.value.filter((row) => !known.has(keyOf(row)))];
  });
  return {
    rows,
    hold: {
      pointerenter: () => (over.value = true),
      pointerleave: () => (over.value = false),
      focusin: () => (focused.value = true),
      focusout: () => (focused.value = false),
    },
  };
}
