/** Figures of savings in words and digits: an interval is never left out where there is one. */
import { useI18n } from 'vue-i18n';
import type { Estimate } from '../../../../src/contract/records/savings.ts';
import type { ModelName } from '../../../../src/contract/rpc/savings-routes.ts';
import { useFormat } from '../../format/use-format.ts';

const SHORT = 8;

export function useSavingsWords() {
  const { t, locale } = useI18n();
  const format = useFormat();
  const shareOf = (value: number, digits = 1): string => format.share(value, digits).replace('-', '\u2212');
  /** Both ends must differ to the eye. */
  const NARROW = 0.01;
  return {
    share: (value: number): string => shareOf(value),
    shareInterval({ ci95 }: Estimate): string {
      if (ci95 === null) return '';
      const digits = ci95[1] - ci95[0] < NARROW ? 2 : 1;
      return t('savings.interval', { low: shareOf(ci95[0], digits), high: shareOf(ci95[1], digits) });
    },
    cnyInterval: ({ ci95 }: Estimate): string => (ci95 === null ? '' : t('savings.interval', { low: format.cny(ci95[0]), high: format.cny(ci95[1]) })),
    /** Joules; below a tenth in millijoules. */
    joules: (value: number): string => (Math.abs(value) < 0.1 ? `${format.significant(value * 1000)}\u00a0mJ` : `${format.significant(value)}\u00a0J`),
    decimal: (value: number, digits = 1): string => new Intl.NumberFormat(locale.value, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value),
    model: (models: readonly ModelName[], digest: string): string => models.find((each) => each.digest === digest)?.name ?? digest.slice(0, SHORT),
    shortDay: (iso: string): string => new Intl.DateTimeFormat(locale.value, { month: 'short', day: 'numeric', timeZone: 'UTC' }).format(new Date(`${iso}T00:00:00Z`)),
  };
}
