/** A preprocessing record spelled out, in the order in which it happens. */
import { useI18n } from 'vue-i18n';
import type { z } from 'zod';
import type { preprocessRecord } from '../../../src/contract/records/common.ts';
import { useFormat } from '../format/use-format.ts';

export type Preprocess = z.infer<typeof preprocessRecord>;

export interface PreprocessWord {
  readonly key: string;
  readonly label: string;
  readonly text: string;
}

export function usePreprocessWords(): (record: Preprocess) => readonly PreprocessWord[] {
  const { t } = useI18n();
  const format = useFormat();
  const size = (value: number | readonly number[]): string => (typeof value === 'number' ? String(value) : value.join(' × '));
  const number = (value: number): string => format.significant(value, 4);
  return ({ resize, crop, channels, scale, mean, std, layout }) => [
    ...(resize ? [{ key: 'resize', label: t('prep.resize'), text: t(`prep.resizeTo.${resize.mode}`, { size: size(resize.size) }) }] : []),
    ...(crop === undefined ? [] : [{ key: 'crop', label: t('prep.crop'), text: t('prep.cropTo', { size: size(crop) }) }]),
    ...(channels === undefined ? [] : [{ key: 'channels', label: t('prep.channels'), text: channels === 'L' ? t('prep.grey') : channels }]),
    ...(scale === undefined ? [] : [{ key: 'scale', label: t('prep.scale'), text: Math.abs(scale * 255 - 1) < 1e-4 ? '× 1/255' : `× ${number(scale)}` }]),
    ...(mean === undefined ? [] : [{ key: 'mean', label: t('prep.mean'), text: `− ${mean.map(number).join(', ')}` }]),
    ...(std === undefined ? [] : [{ key: 'std', label: t('prep.std'), text: `÷ ${std.map(number).join(', ')}` }]),
    ...(layout === undefined ? [] : [{ key: 'layout', label: t('prep.layout'), text: layout }]),
  ];
}
