import type { DatabaseSync } from 'node:sqlite';
import { optimizeReport, type OptimizeReport } from '../../contract/records/report.ts';
import { parseColumn } from './row.ts';

export interface StoredReport {
  readonly id: string;
  readonly jobId: string;
  readonly fromModelId: string;
  readonly toModelId: string;
  readonly createdAt: string;
  readonly report: OptimizeReport;
}

export interface ReportsRepository {
  get(id: string): StoredReport | undefined;
  /** Reports whose input or output is this model, newest first. */
  forModel(modelId: string): StoredReport[];
  /** The newest of all. */
  latest(count: number): StoredReport[];
  add(report: StoredReport): void;
  /** Removes reports of which neither model is in the library any more. */
  removeOrphans(): void;
}

export function createReportsRepository(database: DatabaseSync): ReportsRepository {
  const columns = 'id, job_id, from_model_id, to_model_id, created_at, report';
  const get = database.prepare(`SELECT ${columns} FROM reports WHERE id = ?`);
  const forModel = database.prepare(`SELECT ${columns} FROM reports WHERE from_model_id = ? OR to_model_id = ? ORDER BY sequence DESC`);
  const latest = database.prepare(`SELECT ${columns} FROM reports ORDER BY sequence DESC LIMIT ?`);
  const add = database.prepare(`INSERT INTO reports (${columns}) VALUES (?, ?, ?, ?, ?, ?)`);
  const removeOrphans = database.prepare(
    'DELETE FROM reports WHERE NOT EXISTS (SELECT 1 FROM models WHERE models.id IN (reports.from_model_id, reports.to_model_id))',
  );
  const reportOf = (row: Record<string, unknown>): StoredReport => ({
    id: String(row['id']),
    jobId: String(row['job_id']),
    fromModelId: String(row['from_model_id']),
    toModelId: String(row['to_model_id']),
    createdAt: String(row['created_at']),
    report: parseColumn(optimizeReport, row['report'], `reports ${String(row['id'])}`),
  });
  return {
    get(id) {
      const row = get.get(id);
      return row === undefined ? undefined : reportOf(row);
    },
    forModel: (modelId) => forModel.all(modelId, modelId).map(reportOf),
    latest: (count) => latest.all(count).map(reportOf),
    add(report) {
      add.run(report.id, report.jobId, report.fromModelId, report.toModelId, report.createdAt, JSON.stringify(report.report));
    },
    removeOrphans() {
      removeOrphans.run();
    },
  };
}
