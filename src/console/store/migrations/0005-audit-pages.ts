/** The audit of a rollout is read in pages, from either end. */
import type { DatabaseSync } from 'node:sqlite';

export function auditPages(database: DatabaseSync): void {
  database.exec('CREATE INDEX rollout_audit_of ON rollout_audit (rollout_id, sequence)');
}
