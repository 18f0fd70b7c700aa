/** The formatting helpers in the language that is chosen. */
import { computed } from 'vue';
import { useI18n } from 'vue-i18n';
import * as numbers from './numbers.ts';

export function useFormat() {
  const { locale } = useI18n();
  const of = computed(() => locale.value);
  return {
    integer: (value: number) => numbers.formatInteger(value, of.value),
    significant: (value: number, digits?: number) => numbers.formatSignificant(value, of.value, digits),
    tiny: (value: number) => numbers.formatTiny(value, of.value),
    bytes: (value: number) => numbers.joined(numbers.formatBytes(value, of.value)),
    bytesFigure: (value: number) => numbers.formatBytes(value, of.value),
    count: (value: number | null) => numbers.joined(numbers.formatCount(value, of.value)),
    countFigure: (value: number | null) => numbers.formatCount(value, of.value),
    ms: (value: number) => numbers.joined(numbers.formatMs(value, of.value)),
    msFigure: (value: number) => numbers.formatMs(value, of.value),
    share: (value: number, digits?: number) => numbers.joined(numbers.formatShare(value, of.value, digits)),
    cny: (value: number) => numbers.formatCny(value, of.value),
    ratio: (value: number) => numbers.formatRatio(value, of.value),
    points: (value: number, digits?: number) => numbers.formatPoints(value, of.value, digits),
    duration: (seconds: number) => numbers.formatDuration(seconds, of.value),
    instant: (iso: string) => numbers.formatInstant(iso, of.value),
    day: (iso: string) => numbers.formatDay(iso, of.value),
    second: (iso: string) => numbers.formatSecond(iso, of.value),
    recent: (iso: string) => numbers.formatRecent(iso, new Date(), of.value),
    shape: numbers.formatShape,
  };
}
