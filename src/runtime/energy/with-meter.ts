/** Opens the meter that a person chose, or the best that is here, for one measurement. */
import { setTimeout as pause } from 'node:timers/promises';
import type { EnergyNotMeasured } from '../../base/energy.ts';
import { throwIfAborted } from '../../base/errors.ts';
import type { RunOptions } from '../../base/ports.ts';
import type { EnergyChoice } from '../../contract/records/energy.ts';
import { openBestMeter } from './find-meters.ts';
import { notMeasured, type MeasureEnergyOptions } from './measure-energy.ts';
import type { EnergyMeter } from './types.ts';

const DEFAULT_SECONDS = 60;

/** @throws what `measure` throws; a machine without a meter is an answer */
export async function withMeter<T>(choice: EnergyChoice | undefined, { signal, progress }: RunOptions, measure: (meter: EnergyMeter, options: MeasureEnergyOptions) => Promise<T | EnergyNotMeasured>): Promise<T | EnergyNotMeasured> {
  if (choice === undefined || choice.off === true) return notMeasured('energy was not asked for');
  const { wallMeter, model } = choice;
  const best = await openBestMeter({
    ...(wallMeter === undefined ? {} : { wallMeter }),
    ...(model === undefined ? {} : { model: { idleW: model.idleW, busyW: model.busyW, from: model.from, ...(model.notes === undefined ? {} : { notes: model.notes }) } }),
  });
  if (best.meter === null) return notMeasured(best.reason);
  try {
    return await measure(best.meter, {
      maxSeconds: choice.seconds ?? DEFAULT_SECONDS,
      pause: (ms) => pause(ms, undefined, signal === undefined ? {} : { signal }).catch(() => throwIfAborted(signal)),
      progress: (share) => progress?.({ stage: 'energy', fraction: Math.min(1, share) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } finally {
    await best.meter.close();
  }
}
