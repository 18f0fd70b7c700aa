/**
 * What a table of stores or devices says, row by row: each row is understood or refused with its reason, and none takes another down. Headers are
 * known in English and Chinese; opening hours read `Mo-Fr 08:00-22:00; Sa,Su 09:00-21:00`.
 */
import { deviceRecord, storeRecord, type DeviceRecord, type StoreRecord, type WeeklySpan } from '../../contract/records/fleet.ts';

export type ImportKind = 'stores' | 'devices';

/** A row that was understood, or why it was not. */
export type ImportedRow<T> = { readonly line: number; readonly id: string; readonly record: T } | { readonly line: number; readonly id: string; readonly error: string };

export type ImportedDevice = Omit<DeviceRecord, 'version' | 'digest' | 'simulated'>;

/** A row of cells with the line that it begins on. */
export interface CsvRow {
  readonly line: number;
  readonly cells: readonly string[];
}

const HEADERS: Readonly<Record<string, readonly string[]>> = {
  id: ['编号', 'store_id', 'device_id', '门店编号', '设备编号'],
  store: ['门店', '所属门店'],
  name: ['名称'],
  region: ['区域', '大区'],
  time_zone: ['时区', 'timezone'],
  opening_hours: ['营业时间'],
  tariff_cny_per_kwh: ['电价'],
  link_kbit_per_s: ['带宽'],
  latitude: ['纬度', 'lat'],
  longitude: ['经度', 'lng', 'lon'],
  class: ['类型', '设备类型'],
  workload: ['任务', '业务'],
  tags: ['标签'],
};
const WANTED: Readonly<Record<ImportKind, { readonly must: readonly string[]; readonly may: readonly string[] }>> = {
  stores: { must: ['id', 'name', 'region', 'time_zone'], may: ['opening_hours', 'tariff_cny_per_kwh', 'link_kbit_per_s', 'latitude', 'longitude'] },
  devices: { must: ['id', 'store', 'class', 'workload'], may: ['name', 'tags'] },
};

/** @returns the known name of each column, null where it is none; or what is wrong with the header */
export function importColumns(kind: ImportKind, header: readonly string[]): { readonly columns: readonly (string | null)[] } | { readonly error: string } {
  const { must, may } = WANTED[kind];
  const columns = header.map((text) => {
    const name = text.trim().toLowerCase().replaceAll(/[\s-]+/gu, '_');
    const known = Object.entries(HEADERS).find(([own, aliases]) => own === name || aliases.includes(name))?.[0];
    return known !== undefined && (must.includes(known) || may.includes(known)) ? known : null;
  });
  const missing = must.filter((name) => !columns.includes(name));
  if (missing.length > 0) return { error: `The table has no column ${missing.join(', ')}. Columns of ${kind} are ${[...must, ...may].join(', ')}.` };
  const twice = columns.find((name, at) => name !== null && columns.indexOf(name) !== at);
  return twice === undefined || twice === null ? { columns } : { error: `The column ${twice} is there twice.` };
}

export function importStores(columns: readonly (string | null)[], rows: readonly CsvRow[]): ImportedRow<StoreRecord>[] {
  return withoutTwins(rows.map((row) => {
    const cell = cellsOf(columns, row);
    return understood(row.line, cell('id'), () => storeRecord.safeParse({
      id: cell('id'), name: cell('name'), region: cell('region'), timeZone: cell('time_zone'), openingHours: openingHours(cell('opening_hours')), tariffCnyPerKwh: number(cell('tariff_cny_per_kwh'), 'tariff_cny_per_kwh'),
      linkKbitPerS: number(cell('link_kbit_per_s'), 'link_kbit_per_s'), latitude: number(cell('latitude'), 'latitude'), longitude: number(cell('longitude'), 'longitude'),
    }));
  }));
}

/** @param isStore whether there is such a store */
export function importDevices(columns: readonly (string | null)[], rows: readonly CsvRow[], isStore: (id: string) => boolean): ImportedRow<ImportedDevice>[] {
  const device = deviceRecord.omit({ version: true, digest: true, simulated: true });
  return withoutTwins(rows.map((row) => {
    const cell = cellsOf(columns, row);
    return understood(row.line, cell('id'), () => {
      if (cell('store') !== '' && !isStore(cell('store'))) throw new RowProblem(`there is no store "${cell('store')}"`);
      const tags = cell('tags').split('|').map((tag) => tag.trim()).filter((tag) => tag !== '');
      return device.safeParse({ id: cell('id'), storeId: cell('store'), name: cell('name'), class: cell('class'), workload: cell('workload'), tags: [...new Set(tags)] });
    });
  }));
}

class RowProblem extends Error {}

type Parsed<T> = { readonly success: true; readonly data: T } | { readonly success: false; readonly error: { readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[] } };

function understood<T>(line: number, id: string, read: () => Parsed<T>): ImportedRow<T> {
  try {
    const parsed = read();
    if (parsed.success) return { line, id, record: parsed.data };
    const issue = parsed.error.issues[0];
    return { line, id, error: `${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'not understood'}` };
  } catch (error) {
    if (error instanceof RowProblem) return { line, id, error: error.message };
    throw error;
  }
}

/** The first of two rows with one id counts; the other says so. */
function withoutTwins<T>(rows: readonly ImportedRow<T>[]): ImportedRow<T>[] {
  const seen = new Map<string, number>();
  return rows.map((row) => {
    if ('error' in row) return row;
    const before = seen.get(row.id);
    if (before !== undefined) return { line: row.line, id: row.id, error: `line ${before} has the same id` };
    seen.set(row.id, row.line);
    return row;
  });
}

function cellsOf(columns: readonly (string | null)[], row: CsvRow): (name: string) => string {
  return (name) => {
    const text = (row.cells[columns.indexOf(name)] ?? '').trim();
    // The apostrophe with which an export keeps a spreadsheet from running a cell.
    return /^'[=+\-@]/u.test(text) ? text.slice(1) : text;
  };
}

function number(text: string, name: string): number | null {
  if (text === '') return null;
  const value = Number(text.replace(',', '.'));
  if (!Number.isFinite(value)) throw new RowProblem(`${name}: "${text}" is no number`);
  return value;
}

const DAYS = ['mo', 'tu', 'we', 'th', 'fr', 'sa', 'su'];
const SPAN = /^([a-z]{2}(?:\s*[-,]\s*[a-z]{2})*)\s+(\d{1,2}:\d{2})\s*-\s*(\d{1,2}:\d{2})$/u;

/** `Mo-Fr 08:00-22:00; Sa,Su 09:00-21:00`; `24/7`; nothing: unknown. */
function openingHours(text: string): WeeklySpan[] {
  if (text === '') return [];
  if (text === '24/7') return [{ days: [1, 2, 3, 4, 5, 6, 7], from: '00:00', to: '24:00' }];
  return text.split(';').map((part) => part.trim()).filter((part) => part !== '').map((part) => {
    const [, days = '', from = '', to = ''] = SPAN.exec(part.toLowerCase()) ?? [];
    if (days === '') throw new RowProblem(`opening_hours: "${part}" is not like Mo-Fr 08:00-22:00`);
    return { days: daysOf(days), from: from.padStart(5, '0'), to: to.padStart(5, '0') };
  });
}

function daysOf(text: string): number[] {
  const day = (name: string): number => {
    const at = DAYS.indexOf(name.trim());
    if (at < 0) throw new RowProblem(`opening_hours: "${name.trim()}" is no day; days are Mo Tu We Th Fr Sa Su`);
    return at + 1;
  };
  const days = text.split(',').flatMap((part) => {
    const [first = '', last = first] = part.split('-');
    const [from, to] = [day(first), day(last)];
    return Array.from({ length: ((to - from + 7) % 7) + 1 }, (_, step) => ((from - 1 + step) % 7) + 1);
  });
  return [...new Set(days)].toSorted((a, b) => a - b);
}
