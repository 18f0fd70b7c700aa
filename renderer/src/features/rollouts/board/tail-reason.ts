/** The reason by which a device is counted in the tail; null: it is at its end, or its turn has not come. The console counts by the same rule. */
import type { DeviceRollout, DeviceStateName } from '../../../../../src/contract/records/rollout.ts';

const AT_THEIR_END: ReadonlySet<DeviceStateName> = new Set(['succeeded', 'failed', 'timed_out', 'rejected', 'rolled_back', 'cancelled', 'removed', 'already_installed']);

export function tailReason({ state, online, reason }: Pick<DeviceRollout, 'state' | 'online' | 'reason'>): string | null {
  if (AT_THEIR_END.has(state)) return null;
  if (!online) return 'offline';
  return reason ?? (state === 'queued' ? null : state);
}
