/**
 * How many devices of a store may be out of service. A device serves unless it is offline, removed, busy with an update, or was told to swap and has not
 * been heard of since. What is not known counts against starting.
 */
import type { DeviceRollout, RolloutPolicy, RolloutStore } from '../../contract/records/rollout.ts';
import { DEVICE_TRAITS } from './device-table.ts';

export function isDown(device: DeviceRollout): boolean {
  if (!device.online || device.state === 'removed' || DEVICE_TRAITS[device.state].disrupts) return true;
  return device.touched && (device.state === 'timed_out' || device.state === 'failed');
}

export class StoreRoom {
  readonly #policy: RolloutPolicy['store'];
  readonly #othersDown: Readonly<Record<string, number>>;
  readonly #down = new Map<string, number>();
  readonly #busy = new Map<string, number>();

  constructor(policy: RolloutPolicy['store'], devices: Iterable<DeviceRollout>, othersDown: Readonly<Record<string, number>>) {
    this.#policy = policy;
    this.#othersDown = othersDown;
    for (const device of devices) {
      if (isDown(device)) add(this.#down, device.storeId);
      if (DEVICE_TRAITS[device.state].disrupts) add(this.#busy, device.storeId);
    }
  }

  /** Takes a place for a device of the store, if there is one. `serves`: it serves now, and would not meanwhile. */
  take(store: RolloutStore, serves: boolean): boolean {
    const { minServing, smallStores, maxAtOnce } = this.#policy;
    const busy = this.#busy.get(store.id) ?? 0;
    const down = (this.#down.get(store.id) ?? 0) + (this.#othersDown[store.id] ?? 0);
    const small = store.devices <= minServing && smallStores === 'one_at_a_time';
    const fits = small ? busy === 0 : busy < maxAtOnce && (!serves || store.devices - down - 1 >= minServing);
    if (!fits) return false;
    add(this.#busy, store.id);
    if (serves) add(this.#down, store.id);
    return true;
  }
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
