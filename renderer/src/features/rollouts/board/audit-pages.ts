/** Pages of an audit, the newest entry first. */
import type { AuditPage } from '../../../../../src/contract/rpc/rollout-routes.ts';

export type AuditRow = AuditPage['entries'][number];

/** What was read before stays, unless so much has come since that there is a hole between the two. */
export function withOlder(newest: AuditPage, before: AuditPage | null): AuditPage {
  const from = newest.entries.at(-1)?.sequence;
  if (before === null || from === undefined || newest.older === null) return newest;
  if ((before.entries[0]?.sequence ?? 0) < from) return newest;
  const kept = before.entries.filter(({ sequence }) => sequence < from);
  return kept.length === 0 ? newest : { ...newest, entries: [...newest.entries, ...kept], older: before.older };
}
