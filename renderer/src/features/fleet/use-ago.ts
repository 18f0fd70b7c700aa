/** How long ago something was, coarse enough not to flicker: whole minutes, hours, days. */
import { useI18n } from 'vue-i18n';
import { useNow } from '../../parts/use-now.ts';

export function useAgo(): (atMs: number | null) => string {
  const { t, locale } = useI18n();
  const now = useNow();
  return (atMs) => {
    if (atMs === null) return '–';
    const minutes = Math.floor(Math.max(0, now.value - atMs) / 60_000);
    if (minutes < 1) return t('fleet.justNow');
    const [value, unit] = minutes < 60 ? [minutes, 'minute'] : minutes < 48 * 60 ? [Math.floor(minutes / 60), 'hour'] : [Math.floor(minutes / 1440), 'day'];
    return new Intl.NumberFormat(locale.value, { style: 'unit', unit, unitDisplay: 'short' }).format(value);
  };
}
