import type { DatabaseSync } from 'node:sqlite';
import { modelFacts, modelRecord, type ModelFacts, type ModelRecord } from '../../contract/records/model.ts';
import { parseColumn } from './row.ts';

export interface StoredModel {
  readonly record: ModelRecord;
  readonly facts: ModelFacts;
}

export interface ModelsRepository {
  /** Newest first. */
  list(): ModelRecord[];
  get(id: string): StoredModel | undefined;
  /** Records whose file has this digest. */
  withHash(sha256: string): ModelRecord[];
  /** Digests of every file that some record needs. */
  neededHashes(): Set<string>;
  add(model: StoredModel): void;
  update(record: ModelRecord): void;
  remove(id: string): void;
}

export function createModelsRepository(database: DatabaseSync): ModelsRepository {
  const list = database.prepare('SELECT id, record FROM models ORDER BY created_at DESC, rowid DESC');
  const get = database.prepare('SELECT record, facts FROM models WHERE id = ?');
  const withHash = database.prepare('SELECT id, record FROM models WHERE sha256 = ? ORDER BY created_at');
  const hashes = database.prepare('SELECT DISTINCT sha256 FROM models');
  const add = database.prepare('INSERT INTO models (id, name, sha256, record, facts, created_at) VALUES (?, ?, ?, ?, ?, ?)');
  const update = database.prepare('UPDATE models SET name = ?, record = ? WHERE id = ?');
  const remove = database.prepare('DELETE FROM models WHERE id = ?');
  const recordOf = (row: Record<string, unknown>): ModelRecord => parseColumn(modelRecord, row['record'], `models ${String(row['id'])}`);
  return {
    list: () => list.all().map(recordOf),
    get(id) {
      const row = get.get(id);
      if (row === undefined) return undefined;
      return {
        record: parseColumn(modelRecord, row['record'], `models ${id}`),
        facts: parseColumn(modelFacts, row['facts'], `facts of models ${id}`),
      };
    },
    withHash: (sha256) => withHash.all(sha256).map(recordOf),
    neededHashes: () => new Set(hashes.all().map((row) => String(row['sha256']))),
    add({ record, facts }) {
      add.run(record.id, record.name, record.sha256, JSON.stringify(record), JSON.stringify(facts), record.createdAt);
    },
    update(record) {
      update.run(record.name, JSON.stringify(record), record.id);
    },
    remove(id) {
      remove.run(id);
    },
  };
}
