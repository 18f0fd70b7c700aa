/** What the command palette can do: actions that are always there, and those of the page in sight. */
import { defineStore } from 'pinia';
import { computed, onBeforeUnmount, shallowReactive } from 'vue';

export interface Command {
  readonly id: string;
  readonly title: string;
  readonly group: string;
  readonly run: () => unknown;
}

export const useCommands = defineStore('commands', () => {
  const sources = shallowReactive(new Set<() => readonly Command[]>());
  const list = computed(() => [...sources].reverse().flatMap((source) => source()));
  return { sources, list };
});

/** Offers commands for as long as the calling component is in the page. */
export function offerCommands(source: () => readonly Command[]): void {
  const { sources } = useCommands();
  sources.add(source);
  onBeforeUnmount(() => sources.delete(source));
}
