import { useI18n } from 'vue-i18n';
import { useSettings } from '../stores/settings.store.ts';
import { useToasts } from '../stores/toasts.store.ts';

export function useToggleRail(): () => void {
  const settings = useSettings();
  const toasts = useToasts();
  const { t } = useI18n();
  return () => void settings.change({ railCollapsed: !settings.settings.railCollapsed }).catch((error: unknown) => toasts.fail(t('settings.failed'), error));
}
