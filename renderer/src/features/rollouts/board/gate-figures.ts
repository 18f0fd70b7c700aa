/** What the devices of a wave measured at each gate, put together: how many keep to it, and how their figures spread. */
import type { DeviceRollout, FleetGate, FleetGateResult } from '../../../../../src/contract/records/rollout.ts';

export interface GateFigures {
  readonly gate: FleetGate;
  readonly met: number;
  readonly missed: number;
  readonly unproven: number;
  /** How many of them told figures from service; the others' are those of the benchmark. */
  readonly inService: number;
  /** Of the devices that could measure it: median, and the middle nine tenths; null: none could. */
  readonly spread: { readonly low: number; readonly median: number; readonly high: number } | null;
}

/** What counts of a device: what it measured in service once it has, else what the benchmark before the swap found. */
export function resultsOf(device: Pick<DeviceRollout, 'gates' | 'serviceGates'>): readonly FleetGateResult[] {
  return device.serviceGates ?? device.gates;
}

export function gateFigures(gates: readonly FleetGate[], devices: readonly Pick<DeviceRollout, 'gates' | 'serviceGates'>[]): readonly GateFigures[] {
  return gates.map((gate, index) => {
    const count = { met: 0, missed: 0, unproven: 0 };
    const measured: number[] = [];
    let inService = 0;
    for (const device of devices) {
      const result = resultsOf(device)[index];
      if (result === undefined) continue;
      count[result.verdict]++;
      if (device.serviceGates !== null) inService++;
      if (result.measured !== null) measured.push(result.measured);
    }
    return { gate, ...count, inService, spread: spreadOf(measured) };
  });
}

function spreadOf(values: readonly number[]): GateFigures['spread'] {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
  return sorted.length === 0 ? null : { low: at(0.05), median: at(0.5), high: at(0.95) };
}
