/** Tells windows of rollouts that moved, each at most four times a second. */
import type { DeviceRollout } from '../../contract/records/rollout.ts';
import type { RolloutSummary } from '../../contract/rpc/rollout-routes.ts';
import type { RolloutState } from '../../fleet/rollout/state.ts';
import type { EventHub } from '../events.ts';

const EVERY_MS = 250;

export interface RolloutFeed {
  changed(state: RolloutState, devices: readonly DeviceRollout[]): void;
  close(): void;
}

export function createRolloutFeed(events: EventHub, summaryOf: (state: RolloutState) => RolloutSummary): RolloutFeed {
  const waiting = new Map<string, { state: RolloutState; readonly devices: Map<string, DeviceRollout> }>();
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    for (const { state, devices } of waiting.values()) events.emit({ type: 'rollout.updated', summary: summaryOf(state), devices: [...devices.values()] });
    waiting.clear();
  };
  return {
    changed(state, devices) {
      const entry = waiting.get(state.rollout.id) ?? { state, devices: new Map<string, DeviceRollout>() };
      entry.state = state;
      for (const device of devices) entry.devices.set(device.deviceId, device);
      waiting.set(state.rollout.id, entry);
      timer ??= setTimeout(flush, EVERY_MS).unref();
    },
    close: flush,
  };
}
