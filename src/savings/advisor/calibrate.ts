/**
 * The factor between the roofline of a unit and what is measured on it, from whatever was measured.
 *
 * Logarithms of measured / roofline are taken as normal. Times of one unit and type spread by SPREAD around that unit's own factor; factors of
 * other types of the same unit, and of the same kind of unit elsewhere, are further evidence with more spread; with nothing at all there is
 * the prior. Each piece of evidence weighs with the inverse of its variance. docs/hardware.md says where the four numbers come from.
 */
import type { Interval } from '../../contract/records/advisor.ts';
import type { ComputeType, ComputeUnit } from '../../contract/records/hardware.ts';

export interface Observation {
  readonly profileId: string;
  readonly unit: string;
  readonly kind: ComputeUnit['kind'];
  readonly computes: ComputeType;
  /** Measured time over roofline time. */
  readonly ratio: number;
  readonly from: 'measured' | 'published';
}

export interface Factor {
  readonly interval: Interval;
  /** The best evidence on this very unit and type; `related`: only on another type of it, or on a unit of its kind. */
  readonly from: 'measured' | 'published' | 'related' | 'prior';
  readonly times: number;
}

/** Standard deviations of logarithms. */
export const CALIBRATION = {
  /** Between networks on one unit and type. */
  spread: 0.3,
  /** Added between types of one unit. */
  betweenTypes: 0.4,
  /** Added between units of one kind. */
  betweenUnits: 0.6,
  /** Without any evidence: the middle, and its spread. */
  prior: { middle: 2, spread: 0.7 },
} as const;

/** Of a normal distribution, nine tenths within. */
const NINE_TENTHS = 1.645;

export function factorOf(target: Pick<Observation, 'profileId' | 'unit' | 'kind' | 'computes'>, observations: readonly Observation[]): Factor {
  const { spread, betweenTypes, betweenUnits, prior } = CALIBRATION;
  let weight = 1 / prior.spread ** 2;
  let sum = Math.log(prior.middle) * weight;
  let own: Observation[] = [];
  let related = false;
  const groups = Map.groupBy(observations.filter(({ ratio }) => ratio > 0 && Number.isFinite(ratio)), ({ profileId, unit, computes }) => `${profileId} ${unit} ${computes}`);
  for (const group of groups.values()) {
    const [first] = group;
    if (first === undefined) continue;
    const sameUnit = first.profileId === target.profileId && first.unit === target.unit;
    const sameType = first.computes === target.computes;
    if (sameUnit && sameType) own = group;
    else if (!sameUnit && (first.kind !== target.kind || !sameType)) continue;
    else related = true;
    const variance = spread ** 2 / group.length + (sameUnit ? 0 : betweenUnits ** 2) + (sameType ? 0 : betweenTypes ** 2);
    const mean = group.reduce((total, { ratio }) => total + Math.log(ratio), 0) / group.length;
    sum += mean / variance;
    weight += 1 / variance;
  }
  const middle = sum / weight;
  const deviation = Math.sqrt(1 / weight + spread ** 2);
  return {
    interval: { low: Math.exp(middle - NINE_TENTHS * deviation), value: Math.exp(middle), high: Math.exp(middle + NINE_TENTHS * deviation) },
    from: own.some(({ from }) => from === 'measured') ? 'measured' : own.length > 0 ? 'published' : related ? 'related' : 'prior',
    times: own.length,
  };
}
