/** Who may begin now: downloads by ramp and download window, swaps by update window and the store's minimum, rollbacks by the store's minimum alone. */
import type { DeviceRollout } from '../../contract/records/rollout.ts';
import { rampPerMinute } from './backoff.ts';
import { ENGINE, type Draft } from './draft.ts';
import { tally } from './gates.ts';
import { moveDevice } from './moves.ts';
import { isDown, StoreRoom } from './room.ts';
import { openAt } from './windows.ts';

const MINUTE_MS = 60_000;

type OthersDown = Readonly<Record<string, number>>;

function inOrder(devices: Iterable<DeviceRollout>, wanted: (device: DeviceRollout) => boolean): DeviceRollout[] {
  return [...devices].filter(wanted).sort((a, b) => a.wave - b.wave || a.order - b.order);
}

/** Waves that have begun and have not failed; those that passed have a tail. */
function openWaves(draft: Draft): ReadonlySet<number> {
  return new Set(draft.waves.filter((wave) => wave.state !== 'pending' && wave.state !== 'failed').map((wave) => wave.index));
}

/** A reason to show; a device that keeps waiting for the same thing is not written again. */
function waits(draft: Draft, device: DeviceRollout, reason: string): void {
  if (device.reason !== reason) draft.setDevice({ ...device, reason });
}

export function startSwaps(draft: Draft, othersDown: OthersDown): void {
  const { policy } = draft.rollout;
  const waves = openWaves(draft);
  const room = new StoreRoom(policy.store, draft.devices(), othersDown);
  const open = openAt(policy.update, draft.now);
  for (const device of inOrder(draft.devices(), ({ state, wave }) => (state === 'staged' || state === 'waiting_window') && waves.has(wave))) {
    const store = draft.store(device.storeId);
    if (store === undefined) continue;
    let reason: string | null = null;
    if (!device.online) reason = 'offline';
    else if (device.notBeforeMs > draft.now) reason = 'retry later';
    else if (!open(store)) reason = 'update window';
    else if (!room.take(store, !isDown(device))) reason = 'store minimum';
    if (reason === null) moveDevice(draft, device.deviceId, 'activate', ENGINE);
    else if (device.state === 'staged') moveDevice(draft, device.deviceId, 'hold', ENGINE, { reason });
    else waits(draft, device, reason);
  }
}

export function startDownloads(draft: Draft, busy: ReadonlySet<string>): void {
  const { policy } = draft.rollout;
  const waves = openWaves(draft);
  const open = openAt(policy.download, draft.now);
  let tokens = rampTokens(draft);
  const before = tokens;
  for (const device of inOrder(draft.devices(), ({ state, wave }) => state === 'queued' && waves.has(wave))) {
    const store = draft.store(device.storeId);
    if (store === undefined) continue;
    if (!device.online) waits(draft, device, 'offline');
    else if (busy.has(device.deviceId)) waits(draft, device, 'other rollout');
    else if (device.notBeforeMs > draft.now) waits(draft, device, device.reason ?? 'retry later');
    else if (!open(store)) waits(draft, device, 'download window');
    else if (tokens < 1) waits(draft, device, 'ramp');
    else {
      tokens--;
      moveDevice(draft, device.deviceId, 'prepare', ENGINE);
    }
  }
  if (policy.ramp !== null && (tokens !== before || draft.rollout.rampTokens !== before)) draft.rollout = { ...draft.rollout, rampTokens: tokens, rampAtMs: draft.now };
}

/** A bucket that fills at the ramp's rate and holds one minute of it. */
function rampTokens(draft: Draft): number {
  const { policy, rampAtMs, rampTokens: kept } = draft.rollout;
  if (policy.ramp === null) return Infinity;
  const perMinute = rampPerMinute(policy.ramp, tally(draft.devices()).succeeded);
  const burst = Math.max(1, perMinute);
  if (rampAtMs === null) return 1;
  return Math.min(burst, kept + (perMinute * Math.max(0, draft.now - rampAtMs)) / MINUTE_MS);
}

/** It runs the new slot, or may: and has not been told to go back. */
export function mayRunNew(device: DeviceRollout): boolean {
  return device.touched && !device.rollBackOrdered && (device.state === 'succeeded' || device.state === 'failed' || device.state === 'timed_out');
}

/** Store by store, since going back takes a device out of service too. Those that do not serve anyway go at once. */
export function startRollbacks(draft: Draft, othersDown: OthersDown): void {
  const room = new StoreRoom({ ...draft.rollout.policy.store, smallStores: 'one_at_a_time' }, draft.devices(), othersDown);
  for (const device of inOrder(draft.devices(), mayRunNew)) {
    const store = draft.store(device.storeId);
    if (store === undefined) continue;
    if (!device.online) waits(draft, device, 'rollback: offline');
    else if (isDown(device) || room.take(store, true)) moveDevice(draft, device.deviceId, 'roll_back', ENGINE, { reason: 'rollout rolls back' });
    else waits(draft, device, 'rollback: store minimum');
  }
}
