/** A store as it is typed, and the record that it becomes. Judged by the contract itself. */
import { storeRecord, type StoreRecord, type WeeklySpan } from '../../../../../src/contract/records/fleet.ts';

export interface StoreForm {
  id: string;
  name: string;
  region: string;
  timeZone: string;
  openingHours: { days: number[]; from: string; to: string }[];
  tariff: string;
  line: string;
  latitude: string;
  longitude: string;
}

export type StoreField = keyof StoreForm;

const text = (value: number | null): string => (value === null ? '' : String(value));
/** Nothing typed is null; what is no number is NaN, which no field takes. */
const number = (typed: string): number | null => (typed.trim() === '' ? null : Number(typed));

export function toForm(shop: StoreRecord | null, timeZone: string): StoreForm {
  if (shop === null) return { id: '', name: '', region: '', timeZone, openingHours: [{ days: [1, 2, 3, 4, 5, 6, 7], from: '09:00', to: '22:00' }], tariff: '', line: '', latitude: '', longitude: '' };
  return {
    id: shop.id, name: shop.name, region: shop.region, timeZone: shop.timeZone, openingHours: shop.openingHours.map(({ days, from, to }) => ({ days: [...days], from, to })),
    tariff: text(shop.tariffCnyPerKwh), line: text(shop.linkKbitPerS), latitude: text(shop.latitude), longitude: text(shop.longitude),
  };
}

const FIELDS: Readonly<Record<keyof StoreRecord, StoreField>> = {
  id: 'id', name: 'name', region: 'region', timeZone: 'timeZone', openingHours: 'openingHours', tariffCnyPerKwh: 'tariff', linkKbitPerS: 'line', latitude: 'latitude', longitude: 'longitude',
};

/** @returns the record, or the fields that are wrong */
export function fromForm(form: StoreForm): { readonly record: StoreRecord } | { readonly wrong: ReadonlySet<StoreField>; readonly spans: ReadonlySet<number> } {
  const openingHours: WeeklySpan[] = form.openingHours.map(({ days, from, to }) => ({ days: days.toSorted((a, b) => a - b), from: from.trim(), to: to.trim() }));
  const parsed = storeRecord.safeParse({
    id: form.id.trim(), name: form.name.trim(), region: form.region.trim(), timeZone: form.timeZone.trim(), openingHours,
    tariffCnyPerKwh: number(form.tariff), linkKbitPerS: number(form.line), latitude: number(form.latitude), longitude: number(form.longitude),
  });
  if (parsed.success) return { record: parsed.data };
  const wrong = new Set<StoreField>();
  const spans = new Set<number>();
  for (const { path } of parsed.error.issues) {
    const [field, at] = path;
    if (typeof field === 'string' && field in FIELDS) wrong.add(FIELDS[field as keyof StoreRecord]);
    if (field === 'openingHours' && typeof at === 'number') spans.add(at);
  }
  return { wrong, spans };
}
