/** Keys that work on every page. */
import { onBeforeUnmount, onMounted } from 'vue';
import { useApp } from '../stores/app.store.ts';

export function listenForKeys(): void {
  const app = useApp();
  const press = (event: KeyboardEvent): void => {
    if (event.key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      app.paletteOpen = !app.paletteOpen;
    }
  };
  onMounted(() => window.addEventListener('keydown', press));
  onBeforeUnmount(() => window.removeEventListener('keydown', press));
}
