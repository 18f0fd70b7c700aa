/**
 * Devices by id, never changed in place. A step changes one device or a few out of ten thousand, so they lie in small buckets and a change copies
 * the buckets that it touches. The order of iteration depends on the ids and the order of insertion only.
 */
import type { DeviceRollout } from '../../contract/records/rollout.ts';

const BUCKETS = 256;

type Bucket = ReadonlyMap<string, DeviceRollout>;

export interface DeviceMap {
  readonly size: number;
  readonly buckets: readonly Bucket[];
}

function bucketOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % BUCKETS;
}

export const NO_DEVICES: DeviceMap = { size: 0, buckets: Array.from({ length: BUCKETS }, () => new Map<string, DeviceRollout>()) };

export function getDevice(map: DeviceMap, id: string): DeviceRollout | undefined {
  return map.buckets[bucketOf(id)]?.get(id);
}

export function* eachDevice(map: DeviceMap): Generator<DeviceRollout> {
  for (const bucket of map.buckets) yield* bucket.values();
}

export function withDevices(map: DeviceMap, devices: Iterable<DeviceRollout>): DeviceMap {
  const copied = new Map<number, Map<string, DeviceRollout>>();
  let size = map.size;
  for (const device of devices) {
    const index = bucketOf(device.deviceId);
    const bucket = copied.get(index) ?? new Map(map.buckets[index]);
    if (!bucket.has(device.deviceId)) size++;
    bucket.set(device.deviceId, device);
    copied.set(index, bucket);
  }
  if (copied.size === 0) return map;
  return { size, buckets: map.buckets.map((bucket, index) => copied.get(index) ?? bucket) };
}
