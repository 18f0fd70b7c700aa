/** Preprocessing as text fields, and back: what a person types is parsed by the contract's own schema. */
import { preprocessRecord } from '../../../../src/contract/records/common.ts';
import type { Preprocess } from '../../parts/preprocess-words.ts';

/** Every field as text; empty means: not done. */
export interface PreprocessFields {
  resizeMode: '' | 'shorter' | 'stretch' | 'letterbox';
  resizeSize: string;
  crop: string;
  channels: '' | 'RGB' | 'BGR' | 'L';
  scale: string;
  mean: string;
  std: string;
  layout: '' | 'NCHW' | 'NHWC';
}

export type FieldName = keyof PreprocessFields;

export function toFields(record: Preprocess): PreprocessFields {
  const size = (value: number | readonly number[] | undefined): string => (value === undefined ? '' : typeof value === 'number' ? String(value) : value.join(' x '));
  return {
    resizeMode: record.resize?.mode ?? '',
    resizeSize: size(record.resize?.size),
    crop: size(record.crop),
    channels: record.channels ?? '',
    scale: record.scale === undefined ? '' : Math.abs(record.scale * 255 - 1) < 1e-6 ? '1/255' : String(record.scale),
    mean: record.mean?.join(', ') ?? '',
    std: record.std?.join(', ') ?? '',
    layout: record.layout ?? '',
  };
}

export type ParsedFields = { readonly record: Preprocess; readonly wrong?: undefined } | { readonly record?: undefined; readonly wrong: FieldName };

/** @returns the record, or the first field that cannot be read */
export function fromFields(fields: PreprocessFields): ParsedFields {
  const record: Record<string, unknown> = {};
  if (fields.resizeMode !== '') record['resize'] = { mode: fields.resizeMode, size: parseSize(fields.resizeSize) };
  if (fields.crop.trim() !== '') record['crop'] = parseSize(fields.crop);
  if (fields.channels !== '') record['channels'] = fields.channels;
  if (fields.scale.trim() !== '') record['scale'] = parseNumber(fields.scale);
  if (fields.mean.trim() !== '') record['mean'] = parseList(fields.mean);
  if (fields.std.trim() !== '') record['std'] = parseList(fields.std);
  if (fields.layout !== '') record['layout'] = fields.layout;
  const parsed = preprocessRecord.safeParse(record);
  if (parsed.success) return { record: parsed.data };
  const at = parsed.error.issues[0]?.path[0];
  return { wrong: at === 'resize' ? 'resizeSize' : ((at ?? 'scale') as FieldName) };
}

/** `224`, or height and width as `224 x 320` or `224, 320`. */
function parseSize(text: string): number | number[] {
  const parts = text.split(/[x×,]/i).map((part) => parseNumber(part));
  return parts.length === 1 ? (parts[0] ?? Number.NaN) : parts;
}

function parseList(text: string): number[] {
  return text
    .split(/[,;\s]+/)
    .filter((part) => part !== '')
    .map((part) => parseNumber(part));
}

/** A number, or a quotient such as `1/255`. */
function parseNumber(text: string): number {
  const [above, below, ...rest] = text.split('/').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (above === undefined || rest.length > 0) return Number.NaN;
  return below === undefined ? above : above / below;
}
