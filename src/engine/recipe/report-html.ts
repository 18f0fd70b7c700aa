import type { OptimizeReport } from '../../contract/records/report.ts';
export function renderReportHtml(report: OptimizeReport): string {
  return report.model;
}
