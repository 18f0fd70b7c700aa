/** A meter that only knows the power of the moment: samples are integrated, and a lost one is a gap. */
import { createPowerSum } from './arithmetic.ts';
import type { EnergyMeter } from './types.ts';
import { watchedMeter, type WatchedOptions } from './watched-meter.ts';

export interface SampledPowerOptions extends Pick<WatchedOptions, 'source' | 'tier' | 'scope' | 'uncertainty' | 'notes' | 'everyMs' | 'now'> {
  /** How old the source's own figure may be; a figure over fewer than 20 of these is not to be trusted. */
  readonly updateMs: number;
  /** @returns watts, or why there are none now */
  readonly watts: () => Promise<number | { readonly failed: string }>;
  readonly close?: () => Promise<void> | void;
}

/** So many periods late, a sample is lost. */
const LATE = 2.5;

export function sampledPower(options: SampledPowerOptions): EnergyMeter {
  const sum = createPowerSum({ longestMs: options.everyMs * LATE });
  return watchedMeter({
    ...options,
    resolutionJ: (watts) => ((sum.watts ?? watts ?? 10) * Math.max(options.updateMs, options.everyMs)) / 1000,
    async sample() {
      const found = await options.watts();
      if (typeof found !== 'number') {
        sum.lose(found.failed);
        return found;
      }
      sum.add(options.now(), found);
      return sum.sum();
    },
  });
}
