/** The audit log for a spreadsheet. */
import { csvText } from '../../base/csv.ts';
import type { AuditEntry } from '../../contract/records/rollout.ts';

const HEADER = ['at', 'actor_kind', 'actor', 'subject_kind', 'subject', 'event', 'from', 'to', 'note'];

export function auditCsv(entries: readonly AuditEntry[]): string {
  return csvText([HEADER, ...entries.map(({ atMs, actor, subject, event, from, to, note }) => [new Date(atMs).toISOString(), actor.kind, actor.id, subject.kind, subject.id, event, from, to, note])]);
}
