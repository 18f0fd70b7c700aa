/** Choosing a path on the host: by its native dialog where it has one, else through `FileBrowser`. */
import { ref } from 'vue';
import { useApp } from '../stores/app.store.ts';
import { api } from '../transport/client.ts';

export function useFileChoice(kind: 'model' | 'data-folder' | 'data-file', chosen: (path: string) => void) {
  const app = useApp();
  const browsing = ref(false);

  async function choose(): Promise<void> {
    if (!app.info?.dialogs) {
      browsing.value = true;
      return;
    }
    const { path } = await api.invoke('dialogs.open', { kind });
    if (path !== null) chosen(path);
  }

  return { browsing, choose };
}
