/** Finds the real models and data sets that tests use where they are at hand; they are not part of the project. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** The folder with `models/` and `datasets/`, or undefined: then tests that need it are skipped and say so. */
export const sharedData: string | undefined = [process.env['EDGEWISE_DATA'], join(root, '../shared/data')].find(
  (folder): folder is string => folder !== undefined && existsSync(join(folder, 'models')),
);

export function sharedModel(name: string): string {
  return join(sharedData ?? '', 'models', name);
}

export function sharedDataset(name: string): string {
  return join(sharedData ?? '', 'datasets', name);
}
