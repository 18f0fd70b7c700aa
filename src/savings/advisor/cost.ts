/** What it takes and costs to carry a store's frames, from how fast one device is. */
import type { AdvisorInput, Interval } from '../../contract/records/advisor.ts';

export interface Speed {
  readonly latencyS: number;
  /** Frames a second of one device, always busy. */
  readonly perS: number;
  /** Joules above idle for one inference; null: power not known. */
  readonly joules: number | null;
}

export interface DeviceFigures {
  readonly idleW: number | null;
  readonly priceCny: number | null;
  /** One machine serves several stores, so a share of one is a sensible answer. */
  readonly shared: boolean;
}

export interface Cost {
  readonly devices: number;
  readonly framesPerS: number;
  readonly energyKWh: number | null;
  readonly energyCny: number | null;
  readonly capexCny: number | null;
  readonly totalCny: number | null;
}

export const HOURS_PER_YEAR = 8766;
const JOULES_PER_KWH = 3.6e6;

export type Demand = Pick<AdvisorInput, 'framesPerS' | 'hoursPerDay' | 'tariffCnyPerKWh' | 'lifeYears' | 'pue' | 'headroom' | 'stores'>;

/** Per store and year. Devices draw their idle power at all hours, and what inferences take on top of it. */
export function costOf(speed: Speed, device: DeviceFigures, demand: Demand): Cost {
  const { headroom, lifeYears, pue, tariffCnyPerKWh } = demand;
  const framesPerS = speed.perS * headroom;
  const stores = device.shared ? demand.stores : 1;
  const devices = Math.max(1, Math.ceil((demand.framesPerS * stores) / framesPerS - 1e-9)) / stores;
  const frames = demand.framesPerS * demand.hoursPerDay * 3600 * (HOURS_PER_YEAR / 24);
  const energyKWh =
    device.idleW === null || speed.joules === null ? null : (pue * (devices * device.idleW * HOURS_PER_YEAR * 3600 + frames * speed.joules)) / JOULES_PER_KWH;
  const energyCny = energyKWh === null ? null : energyKWh * tariffCnyPerKWh;
  const capexCny = device.priceCny === null ? null : (devices * device.priceCny) / lifeYears;
  return { devices, framesPerS, energyKWh, energyCny, capexCny, totalCny: energyCny === null || capexCny === null ? null : energyCny + capexCny };
}

/** Of three results with the factor low, as it is and high. Null where any of them is. */
export function intervalOf(results: readonly (number | null)[]): Interval | null {
  const known = results.filter((value) => value !== null);
  const value = results[1];
  if (known.length !== results.length || value === undefined || value === null) return null;
  return { low: Math.min(...known), value, high: Math.max(...known) };
}
