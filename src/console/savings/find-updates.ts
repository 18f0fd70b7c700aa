/** Which update each device's savings are asked of: the one that brought the model it ran last in the period. Seen in what the devices themselves reported. */
import type { FigureTable, Update } from '../../savings/index.ts';

/**
 * Devices that ran one model all the time have none: they were held back.
 * @param rolloutOf the rollout that brought a model to a device; null: none is known
 */
export function findUpdates(table: FigureTable, fromMs: number, toMs: number, rolloutOf: (deviceId: string, digest: string) => string | null): Update[] {
  const updates: Update[] = [];
  for (const [at, { id }] of table.devices.entries()) {
    const [begin, end] = [table.first[at] ?? 0, table.first[at + 1] ?? 0];
    let last = -1;
    for (let row = begin; row < end; row++) if ((table.atMs[row] ?? 0) < toMs && worked(table, row)) last = row;
    if (last < 0 || (table.atMs[last] ?? 0) < fromMs) continue;
    const toDigest = table.digest[last];
    // The last row of another model: what comes after it is the stretch of this one.
    let other = -1;
    for (let row = begin; row < last; row++) if (table.digest[row] !== toDigest && worked(table, row)) other = row;
    if (other < 0) continue;
    let first = last;
    for (let row = other + 1; row <= last; row++) {
      if (table.digest[row] === toDigest) {
        first = row;
        break;
      }
    }
    const digest = table.digests[toDigest ?? 0] ?? '';
    updates.push({ deviceId: id, atMs: table.atMs[first] ?? 0, fromDigest: table.digests[table.digest[other] ?? 0] ?? null, toDigest: digest, rolloutId: rolloutOf(id, digest) });
  }
  return updates;
}

function worked(table: FigureTable, row: number): boolean {
  return (table.columns.inferences[row] ?? 0) > 0;
}
