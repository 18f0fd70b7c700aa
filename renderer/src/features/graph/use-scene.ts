/** A side's picture, laid out. The one before stays in sight until the next is ready. */
import { onBeforeUnmount, ref, shallowRef, watch } from 'vue';
import { toEdgewiseError, type ErrorRecord } from '../../../../src/base/errors.ts';
import { runLayout } from './layout/run-layout.ts';
import type { Side } from './load-graphs.ts';
import { pictureOf, type Detail } from './picture.ts';
import { buildScene, layoutInput, type Scene } from './scene.ts';

export function useScene(side: () => Side, detail: () => Detail) {
  const scene = shallowRef<Scene | null>(null);
  const error = ref<ErrorRecord | null>(null);
  let running: AbortController | undefined;
  watch(
    () => [side(), detail()] as const,
    async ([{ graph }, wanted]) => {
      running?.abort();
      const { signal } = (running = new AbortController());
      performance.mark('graph:layout-begin');
      try {
        const picture = pictureOf(graph, wanted);
        const layout = await runLayout(layoutInput(picture), signal);
        scene.value = buildScene(picture, layout);
        error.value = null;
        performance.measure('graph:layout', 'graph:layout-begin');
      } catch (thrown) {
        if (!signal.aborted) error.value = toEdgewiseError(thrown).toRecord();
      }
    },
    { immediate: true },
  );
  onBeforeUnmount(() => running?.abort());
  return { scene, error };
}
