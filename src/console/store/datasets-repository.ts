import type { DatabaseSync } from 'node:sqlite';

export interface RecentDataset {
  readonly path: string;
  readonly name: string;
  readonly sample: boolean;
}

const KEPT = 20;

export interface DatasetsRepository {
  /** Newest first, at most 20. */
  recent(): RecentDataset[];
  used(dataset: RecentDataset, at: string): void;
}

export function createDatasetsRepository(database: DatabaseSync): DatasetsRepository {
  const recent = database.prepare('SELECT path, name, sample FROM recent_datasets ORDER BY used_at DESC, path LIMIT ?');
  const put = database.prepare(
    `INSERT INTO recent_datasets (path, name, sample, used_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (path) DO UPDATE SET used_at = excluded.used_at, sample = max(sample, excluded.sample)`,
  );
  return {
    recent: () => recent.all(KEPT).map((row) => ({ path: String(row['path']), name: String(row['name']), sample: row['sample'] === 1 })),
    used(dataset, at) {
      put.run(dataset.path, dataset.name, dataset.sample ? 1 : 0, at);
    },
  };
}
