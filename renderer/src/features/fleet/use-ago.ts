/**
 * How long ago a device was heard, coarse enough not to flicker: whole minutes, hours, days. Who is online has been heard within the last 90 s
 * (docs/fleet.md), also where the page was not told of each time.
 */
import { useI18n } from 'vue-i18n';
import type { DeviceRow } from '../../../../src/contract/records/fleet.ts';
import { useNow } from '../../parts/use-now.ts';

const SILENT_MS = 90_000;

export function useAgo(): (row: Pick<DeviceRow, 'presence' | 'lastHeardMs'>) => string {
  const { t, locale } = useI18n();
  const now = useNow();
  return ({ presence, lastHeardMs }) => {
    if (lastHeardMs === null) return '–';
    const atMs = presence === 'online' ? Math.max(lastHeardMs, now.value - SILENT_MS) : lastHeardMs;
    const minutes = Math.floor(Math.max(0, now.value - atMs) / 60_000);
    if (minutes < 1) return t('fleet.justNow');
    const [value, unit] = minutes < 60 ? [minutes, 'minute'] : minutes < 48 * 60 ? [Math.floor(minutes / 60), 'hour'] : [Math.floor(minutes / 1440), 'day'];
    return new Intl.NumberFormat(locale.value, { style: 'unit', unit, unitDisplay: 'short' }).format(value);
  };
}
