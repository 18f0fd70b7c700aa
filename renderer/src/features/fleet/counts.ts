/** What a fleet comes to in figures. */
import type { DeviceRow } from '../../../../src/contract/records/fleet.ts';

export interface DeviceCounts {
  readonly devices: number;
  readonly online: number;
  readonly stale: number;
  readonly offline: number;
  readonly never: number;
  readonly simulated: number;
  /** Run an older version than the newest that is published under the same name. */
  readonly behind: number;
  /** In a rollout, and it went wrong on them. */
  readonly failed: number;
  readonly revoked: number;
  /** Silent, offline, shut out, or failed in a rollout; each device once. */
  readonly trouble: number;
}

const WRONG = new Set(['failed', 'rolling_back', 'rolled_back', 'rejected', 'timed_out']);

/** Newest version by artifact; what is withdrawn does not count. */
export function newestVersions(artifacts: readonly { readonly artifact: string; readonly version: number; readonly withdrawn: boolean }[]): ReadonlyMap<string, number> {
  const newest = new Map<string, number>();
  for (const { artifact, version, withdrawn } of artifacts) if (!withdrawn) newest.set(artifact, Math.max(version, newest.get(artifact) ?? 0));
  return newest;
}

export function isBehind({ artifact, version }: Pick<DeviceRow, 'artifact' | 'version'>, newest: ReadonlyMap<string, number>): boolean {
  return artifact !== null && version !== null && version < (newest.get(artifact) ?? 0);
}

export function hasFailed({ rollout }: Pick<DeviceRow, 'rollout'>): boolean {
  return rollout !== null && WRONG.has(rollout.state);
}

export function countDevices(rows: readonly DeviceRow[], newest: ReadonlyMap<string, number>): DeviceCounts {
  const count = { devices: rows.length, online: 0, stale: 0, offline: 0, never: 0, simulated: 0, behind: 0, failed: 0, revoked: 0, trouble: 0 };
  for (const row of rows) {
    count[row.presence]++;
    if (row.simulated) count.simulated++;
    if (isBehind(row, newest)) count.behind++;
    const failed = hasFailed(row);
    const revoked = row.credential === 'revoked';
    if (failed) count.failed++;
    if (revoked) count.revoked++;
    if (failed || revoked || row.presence === 'stale' || row.presence === 'offline') count.trouble++;
  }
  return count;
}
