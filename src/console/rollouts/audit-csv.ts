/** The audit log for a spreadsheet. */
import { csvText } from '../../base/csv.ts';
import type { AuditEntry } from '../../contract/records/rollout.ts';

const HEADER = ['at', 'actor_kind', 'actor', 'subject_kind', 'subject', 'event', 'from', 'to', 'note'];

/** A part of the log. @param first it begins with the line of heads, and with what tells a spreadsheet how it is encoded */
export function auditCsv(entries: readonly AuditEntry[], first: boolean): string {
  const rows = entries.map(({ atMs, actor, subject, event, from, to, note }) => [new Date(atMs).toISOString(), actor.kind, actor.id, subject.kind, subject.id, event, from, to, note]);
  return first ? csvText([HEADER, ...rows]) : csvText(rows).slice(1);
}
