/** Energy by arithmetic where nothing measures it: so much when idle, so much while an inference runs. Tier `modelled`, wherever it goes. */
import type { EnergyMeter } from './types.ts';

export interface PowerModel {
  readonly idleW: number;
  /** While one inference after the other runs. */
  readonly busyW: number;
  /** Of where the two figures come from: `given`, or a hardware profile's name. */
  readonly from: string;
  readonly notes?: readonly string[];
}

/**
 * E = idleW * t + (busyW - idleW) * t_busy. Two figures from one machine's plate are off by some tens of per cent for another of its kind; and a busy
 * processor draws more or less by what it computes (vector width, memory traffic), which the model does not see: that part stays in a ratio.
 */
const UNCERTAINTY = 0.3;
const RATIO_UNCERTAINTY = 0.2;

export function modelledMeter({ idleW, busyW, from, notes = [] }: PowerModel, now: () => number): EnergyMeter {
  const begun = now();
  return {
    source: `modelled ${shown(idleW)} W idle, ${shown(busyW)} W busy${from === 'given' ? '' : ` (${from})`}`,
    tier: 'modelled',
    scope: 'machine',
    resolutionJ: 0,
    uncertainty: UNCERTAINTY,
    ratioUncertainty: RATIO_UNCERTAINTY,
    idleW,
    notes: ['not measured: idle and busy power times the time spent so', ...notes],
    read(busyMs = 0) {
      const atMs = now();
      return Promise.resolve({ atMs, joules: (idleW * (atMs - begun) + (busyW - idleW) * busyMs) / 1000, segment: 0, reason: null });
    },
    close: () => Promise.resolve(),
  };
}

function shown(watts: number): string {
  return String(Math.round(watts * 100) / 100);
}
