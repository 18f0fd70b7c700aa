/** Notes and figures of the advisor in words. */
import { useI18n } from 'vue-i18n';
import type { AdvisorNote, AdvisorOption, Interval } from '../../../../src/contract/records/advisor.ts';
import { useFormat } from '../../format/use-format.ts';

/** Values of notes that are bytes, shares or ratios; the others are as they come. */
const BYTES: ReadonlySet<string> = new Set(['memory.needs', 'memory.has']);
const SHARES: ReadonlySet<string> = new Set(['frames-share.share']);
const RATIOS: ReadonlySet<string> = new Set(['layers-pay.gain']);

export function useAdviceWords() {
  const { t } = useI18n();
  const format = useFormat();
  const value = (code: string, name: string, given: string | number): string => {
    const place = `${code}.${name}`;
    if (typeof given === 'string') return given;
    if (BYTES.has(place)) return format.bytes(given);
    if (SHARES.has(place)) return format.share(given, 0);
    return RATIOS.has(place) ? format.significant(given) : format.integer(given);
  };
  const figure = (number: number): string => (number >= 100 ? format.integer(Number(number.toPrecision(3))) : format.significant(number));
  return {
    note: ({ code, values }: AdvisorNote): string => t(`advisor.notes.${code}`, Object.fromEntries(Object.entries(values).map(([name, given]) => [name, value(code, name, given)]))),
    figure,
    between: ({ low, high }: Interval): string => t('advisor.between', { low: figure(low), high: figure(high) }),
    units: ({ parts }: AdvisorOption): string => [...new Set(parts.map(({ unit }) => unit.toUpperCase()))].join(' + '),
  };
}
