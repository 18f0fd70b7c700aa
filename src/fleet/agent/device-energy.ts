/**
 * The best meter of the device's machine, as the agent reads it: in passing, without waiting. A meter is asked twice a second; what it last said counts, so a figure
 * is at most half a second late, which evens out over intervals. Across a gap, a reset or a meter that is gone there is no figure.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { modelledEnergy } from './hardware.ts';
import type { EnergyMeter as AgentMeter } from './ports.ts';
import { openBestMeter, type EnergyMeter } from '../../runtime/index.ts';

const POLL_MS = 500;
/** Before anything runs; longer where the meter is coarse, but never so that a device seems not to start. */
const IDLE_MS = 5000;
/** An idle power that is not so many steps of the meter is none. */
const STEPS = 20;

export interface DeviceEnergy {
  readonly meter: AgentMeter | null;
  close(): Promise<void>;
}

export interface DeviceEnergyOptions {
  /** Address of a wall meter. */
  readonly wallMeter?: string;
  /** Watts, where nothing measures. */
  readonly power?: { readonly idleW: number; readonly busyW: number };
  /** Where the system's folders are; for tests. */
  readonly root?: string;
  readonly nvidiaSmi?: string | null;
  readonly idleMs?: number;
  readonly log: (line: string) => void;
}

/** Call it before anything runs: a meter that does not know its idle power measures it now. Never rejects. */
export async function openDeviceEnergy({ wallMeter, power, root, nvidiaSmi, idleMs = IDLE_MS, log }: DeviceEnergyOptions): Promise<DeviceEnergy> {
  const best = await openBestMeter({ ...(wallMeter === undefined ? {} : { wallMeter }), ...(root === undefined ? {} : { root }), ...(nvidiaSmi === undefined ? {} : { nvidiaSmi }) });
  if (best.meter === null) {
    // A wall meter that was asked for and does not answer is not replaced by less.
    const modelled = power === undefined || wallMeter !== undefined ? null : modelledEnergy(power.idleW, power.busyW);
    log(modelled === null ? `energy is not measured: ${best.reason}` : `energy: ${modelled.source}; nothing measures it here (${best.reason})`);
    return { meter: modelled, close: async () => {} };
  }
  const { meter } = best;
  const idleW = meter.idleW ?? (await idlePower(meter, idleMs));
  log(`energy: ${meter.source}, ${idleW === null ? 'idle power unknown' : `${idleW.toFixed(2)} W idle`}`);
  const polled = polledMeter(meter, idleW);
  return polled;
}

async function idlePower(meter: EnergyMeter, ms: number): Promise<number | null> {
  const before = await meter.read();
  await pause(ms);
  const after = await meter.read();
  if (before.joules === null || after.joules === null || before.segment !== after.segment || after.atMs <= before.atMs) return null;
  const joules = after.joules - before.joules;
  return joules < STEPS * meter.resolutionJ ? null : (joules * 1000) / (after.atMs - before.atMs);
}

/** Exported for its test. */
export function polledMeter(meter: EnergyMeter, idleW: number | null): DeviceEnergy {
  let last: { readonly joules: number | null; readonly segment: number } = { joules: null, segment: -1 };
  let taken = -1;
  let closed = false;
  let asking: Promise<void> = Promise.resolve();
  const ask = (): void => {
    asking = meter.read().then(({ joules, segment }) => {
      last = { joules, segment };
    });
  };
  ask();
  const timer = setInterval(ask, POLL_MS);
  return {
    meter: {
      source: meter.source, tier: meter.tier, idleW,
      read() {
        // What was used across a break is not known: this reading ends nothing, the next one begins there.
        const broken = last.segment !== taken && taken !== -1;
        taken = last.segment;
        return broken ? null : last.joules;
      },
    },
    async close() {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      await asking;
      await meter.close();
    },
  };
}
