/** Saving a model or a report outside the library: by the native dialog where there is one, else as a download. */
import { useI18n } from 'vue-i18n';
import { useApp } from '../stores/app.store.ts';
import { useToasts } from '../stores/toasts.store.ts';
import { api } from '../transport/client.ts';
import { saveFrom } from '../transport/files.ts';

export function useExport() {
  const app = useApp();
  const toasts = useToasts();
  const { t } = useI18n();
  return {
    async saveModel(model: { readonly id: string; readonly name: string }): Promise<void> {
      if (!app.info?.dialogs) return saveFrom(`/download/models/${model.id}`);
      try {
        const { path } = await api.invoke('dialogs.save', { suggestedName: `${model.name}.onnx` });
        if (path === null) return;
        // The dialog has asked about an existing file already.
        const saved = await api.invoke('models.export', { id: model.id, path, overwrite: true });
        toasts.say(t('export.saved', { path: saved.path }));
      } catch (error) {
        toasts.fail(t('export.failed'), error);
      }
    },
    saveReport: (id: string, kind: 'html' | 'json'): void => saveFrom(`/download/reports/${id}.${kind}`),
  };
}
