/** Energy meters: where joules come from, how fine they are and how far they can be believed. */
import type { EnergyTier } from '../../contract/records/telemetry.ts';

/** What a meter's figure stands for: all that the plug gives, a board with all on it, processor packages alone, or graphics cards alone. */
export type EnergyScope = 'machine' | 'board' | 'processor' | 'gpu';

/** A cumulative figure. Two of them have a difference only where both are numbers of one segment: see `spentBetween`. */
export interface EnergyReading {
  /** Monotonic milliseconds. */
  readonly atMs: number;
  /** Joules since some beginning; null: not readable now. */
  readonly joules: number | null;
  /** Grows at each gap, reset or other break: what was used across one is not known. */
  readonly segment: number;
  /** Why `joules` is null, else why the last break came; null: there was none. */
  readonly reason: string | null;
}

export interface EnergyMeter {
  /** For people, without secrets: `RAPL package-0 and package-1`. */
  readonly source: string;
  readonly tier: EnergyTier;
  readonly scope: EnergyScope;
  /** The smallest difference that two readings can tell apart at the present power, in joules; a figure should be 20 times as large. */
  readonly resolutionJ: number;
  /** Half of the 95 % range of a figure that is long enough, as a share of it: 0.05 is +-5 %. The same for every figure of this meter. */
  readonly uncertainty: number;
  /** As `uncertainty`, of the ratio of two figures: 0 where the error is the meter's gain, which cancels. */
  readonly ratioUncertainty: number;
  /** Power when nothing runs, where it is given with the meter; null: to be measured. */
  readonly idleW: number | null;
  /** What a reader must know before believing it. */
  readonly notes: readonly string[];
  /** Never rejects. @param busyMs time so far in which an inference ran, which a model needs and meters do not */
  read(busyMs?: number): Promise<EnergyReading>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** A kind of meter that is not here, and why. */
export interface MissingMeter {
  readonly kind: MeterKind;
  readonly reason: string;
  /** True: the hardware is here, and something that can be changed keeps it from being read. */
  readonly fixable: boolean;
}

export type MeterKind = 'wall' | 'rapl' | 'ina' | 'nvml' | 'battery' | 'model';

/** What a kind of meter finds on a machine. */
export type Finding = EnergyMeter | MissingMeter;

export function isMeter(finding: Finding): finding is EnergyMeter {
  return 'read' in finding;
}
