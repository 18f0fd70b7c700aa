/** A rollout as a list and a board show it. */
import type { DeviceRollout, DeviceStateName } from '../../contract/records/rollout.ts';
import type { RolloutSummary } from '../../contract/rpc/rollout-routes.ts';
import { eachDevice } from '../../fleet/rollout/device-map.ts';
import { DEVICE_TRAITS } from '../../fleet/rollout/device-table.ts';
import type { RolloutState } from '../../fleet/rollout/state.ts';
import type { FleetRegistry } from '../fleet/registry/registry.ts';

type Counts = Partial<Record<DeviceStateName, number>>;

export function summaryOf({ rollout, waves, devices }: RolloutState, registry: Pick<FleetRegistry, 'row'>): RolloutSummary {
  const all: Counts = {};
  const byWave = new Map<number, { devices: number; readonly states: Counts }>(waves.map(({ index }) => [index, { devices: 0, states: {} }]));
  const tail = new Map<string, number>();
  let simulated = 0;
  for (const device of eachDevice(devices)) {
    const { state } = device;
    all[state] = (all[state] ?? 0) + 1;
    const wave = byWave.get(device.wave);
    if (wave) {
      wave.devices++;
      wave.states[state] = (wave.states[state] ?? 0) + 1;
    }
    const reason = hangs(device);
    if (reason !== null) tail.set(reason, (tail.get(reason) ?? 0) + 1);
    if (registry.row(device.deviceId)?.simulated === true) simulated++;
  }
  return {
    rollout,
    waves: waves.map((wave) => ({ ...wave, devices: byWave.get(wave.index)?.devices ?? 0, states: byWave.get(wave.index)?.states ?? {} })),
    devices: devices.size,
    states: all,
    tail: [...tail].map(([reason, count]) => ({ reason, devices: count })).toSorted((a, b) => b.devices - a.devices),
    simulated,
  };
}

/** Why a device is not at its end; null: it is, or its turn has not come. */
function hangs(device: DeviceRollout): string | null {
  const { phase } = DEVICE_TRAITS[device.state];
  if (phase === 'settled' || phase === 'final') return null;
  if (!device.online) return 'offline';
  return device.reason ?? (device.state === 'queued' ? null : device.state);
}
