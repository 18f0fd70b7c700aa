/** The audit log for a spreadsheet: RFC 4180, with a byte order mark, and nothing in it that a spreadsheet would run. */
import type { AuditEntry } from '../../contract/records/rollout.ts';

const HEADER = ['at', 'actor_kind', 'actor', 'subject_kind', 'subject', 'event', 'from', 'to', 'note'];

export function auditCsv(entries: readonly AuditEntry[]): string {
  const lines = entries.map(({ atMs, actor, subject, event, from, to, note }) => [new Date(atMs).toISOString(), actor.kind, actor.id, subject.kind, subject.id, event, from, to, note].map(cell).join(','));
  return `\uFEFF${[HEADER.join(','), ...lines].join('\r\n')}\r\n`;
}

/** What begins like a formula gets an apostrophe before it. */
function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/u.test(text) ? `'${text}` : text;
  return /[",\r\n]/u.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
