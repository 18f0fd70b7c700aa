/** Tables of stores and devices. */
import type { CsvImport } from '../fleet/registry/csv-import.ts';
import type { Handlers } from '../router.ts';

export function fleetImportHandlers(csv: CsvImport): Pick<Handlers, 'fleet.importPreview' | 'fleet.importApply'> {
  return {
    'fleet.importPreview': ({ kind, text }) => csv.preview(kind, text),
    'fleet.importApply': ({ token }) => csv.apply(token),
  };
}
