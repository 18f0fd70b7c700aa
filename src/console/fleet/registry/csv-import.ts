/** A table of stores or devices: first what it would change, then exactly that. */
import { createHash } from 'node:crypto';
import { parse } from 'csv-parse/sync';
import { EdgewiseError } from '../../../base/errors.ts';
import type { StoreRecord } from '../../../contract/records/fleet.ts';
import type { ImportRow } from '../../../contract/rpc/fleet-routes.ts';
import { importColumns, importDevices, importStores, type CsvRow, type ImportedDevice, type ImportKind } from '../../../fleet/devices/import-rules.ts';
import type { Store } from '../../store/open-store.ts';
import type { FleetRegistry } from './registry.ts';

export interface ImportPreview {
  readonly columns: string[];
  readonly rows: ImportRow[];
  readonly token: string;
}

export interface CsvImport {
  /** @throws BAD_REQUEST where it is no table, or columns are missing */
  preview(kind: ImportKind, text: string): ImportPreview;
  /** @throws NOT_FOUND (the token), CONFLICT where the registry has changed since */
  apply(token: string): { added: number; changed: number; refused: number };
}

/** Previews that wait for their person. */
const KEPT = 4;
const MOST_ROWS = 100_000;

type Change = { readonly store: StoreRecord } | { readonly device: ImportedDevice };

interface Plan {
  readonly kind: ImportKind;
  readonly state: string;
  readonly changes: readonly Change[];
  readonly counts: { readonly added: number; readonly changed: number; readonly refused: number };
}

export function createCsvImport(registry: FleetRegistry, store: Pick<Store, 'transaction'>, newId: () => string): CsvImport {
  const plans = new Map<string, Plan>();

  const state = (): string => {
    const hash = createHash('sha256');
    for (const shop of registry.stores()) hash.update(JSON.stringify(shop));
    for (const { id, storeId, name, class: kind, workload, tags } of registry.rows()) hash.update(JSON.stringify([id, storeId, name, kind, workload, tags]));
    return hash.digest('hex');
  };

  return {
    preview(kind, text) {
      const [header, ...lines] = tableOf(text);
      if (header === undefined) throw new EdgewiseError('BAD_REQUEST', 'The table is empty.', { hint: 'Its first line names the columns.' });
      const found = importColumns(kind, header.cells);
      if ('error' in found) throw new EdgewiseError('BAD_REQUEST', found.error, { hint: 'Correct the first line and choose the file again.' });
      const understood = kind === 'stores' ? importStores(found.columns, lines) : importDevices(found.columns, lines, (id) => registry.store(id) !== undefined);
      const changes: Change[] = [];
      const rows = understood.map((row): ImportRow => {
        if ('error' in row) return { line: row.line, id: row.id, change: 'refused', fields: [], error: row.error };
        const before = kind === 'stores' ? registry.store(row.id) : registry.row(row.id);
        const fields = Object.entries(row.record).flatMap(([name, value]) => (before !== undefined && JSON.stringify((before as Readonly<Record<string, unknown>>)[name]) === JSON.stringify(value) ? [] : [name]));
        const change = before === undefined ? 'added' : fields.length === 0 ? 'same' : 'changed';
        if (change !== 'same') changes.push('storeId' in row.record ? { device: row.record } : { store: row.record });
        return { line: row.line, id: row.id, change, fields: before === undefined ? [] : fields, error: null };
      });
      const count = (change: ImportRow['change']): number => rows.filter((row) => row.change === change).length;
      const token = newId();
      plans.set(token, { kind, state: state(), changes, counts: { added: count('added'), changed: count('changed'), refused: count('refused') } });
      for (const old of [...plans.keys()].slice(0, -KEPT)) plans.delete(old);
      return { columns: found.columns.filter((name) => name !== null), rows, token };
    },
    apply(token) {
      const plan = plans.get(token);
      if (plan === undefined) throw new EdgewiseError('NOT_FOUND', 'This preview is not kept any more.', { hint: 'Choose the file again.' });
      plans.delete(token);
      if (plan.state !== state()) throw new EdgewiseError('CONFLICT', 'Stores or devices have changed since the preview.', { hint: 'Choose the file again and look at the new preview.' });
      store.transaction(() => {
        for (const change of plan.changes) {
          if ('store' in change) registry.saveStore(change.store);
          else registry.saveDevice(change.device);
        }
      });
      return plan.counts;
    },
  };
}

/** Comma, semicolon or tab, whichever the first line has most of. */
function tableOf(text: string): CsvRow[] {
  const first = text.slice(0, 10_000).split(/\r?\n/u, 1)[0] ?? '';
  const delimiter = [',', ';', '\t'].toSorted((a, b) => first.split(b).length - first.split(a).length)[0] as string;
  try {
    const records = parse(text, { bom: true, delimiter, relax_column_count: true, skip_empty_lines: true, info: true, to: MOST_ROWS + 2, max_record_size: 100_000 }) as unknown as { readonly record: string[]; readonly info: { readonly lines: number } }[];
    if (records.length > MOST_ROWS + 1) throw new EdgewiseError('TOO_LARGE', `The table has more than ${MOST_ROWS} rows.`, { hint: 'Import it in parts.' });
    return records.map(({ record, info }) => ({ line: info.lines, cells: record }));
  } catch (cause) {
    if (cause instanceof EdgewiseError) throw cause;
    throw new EdgewiseError('BAD_REQUEST', `The table cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`, { hint: 'Save it as CSV in UTF-8.', cause });
  }
}
