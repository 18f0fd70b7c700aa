/** What meters have in common, as plain arithmetic: differences, counters that go round or begin anew, power samples, shared machines. */
import type { EnergyReading } from './types.ts';

export type Spent = { readonly joules: number; readonly seconds: number } | { readonly joules: null; readonly reason: string };

/** Joules between two readings of one meter; none across a gap, a reset or a failure, with the reason. */
export function spentBetween(before: EnergyReading, after: EnergyReading): Spent {
  if (before.joules === null) return { joules: null, reason: before.reason ?? 'the meter could not be read' };
  if (after.joules === null) return { joules: null, reason: after.reason ?? 'the meter could not be read' };
  if (before.segment !== after.segment) return { joules: null, reason: after.reason ?? 'the meter was interrupted' };
  return { joules: after.joules - before.joules, seconds: (after.atMs - before.atMs) / 1000 };
}

/** The part of a reading that an accumulator knows. */
export type Accumulated = Pick<EnergyReading, 'segment' | 'reason'> & { readonly joules: number };

/** Adds up one hardware counter that may go round or begin anew. */
export interface CounterSum {
  /** @param counterJ what the counter shows */
  add(atMs: number, counterJ: number): void;
  sum(): Accumulated;
}

/** A counter's update may be some milliseconds old: so much may come in one step whatever the time. */
const STEP_SLACK_J = 10;

/**
 * Two values a little apart: `now - before`, and where that is negative `range - before + now`, if the power that follows can be.
 * Everything else breaks the sum: a counter that began anew, a jump that no power explains, a pause in which it may have gone round twice.
 * @param rangeJ where the counter goes round; null: it does not
 * @param mostW no more than this can be drawn by what it counts
 */
export function createCounterSum({ rangeJ, mostW, stepJ = 0 }: { readonly rangeJ: number | null; readonly mostW: number; readonly stepJ?: number }): CounterSum {
  let last: { readonly atMs: number; readonly counterJ: number } | null = null;
  let joules = 0;
  let segment = 0;
  let reason: string | null = null;
  const interrupt = (why: string): void => {
    segment++;
    reason = why;
  };
  return {
    add(atMs, counterJ) {
      const before = last;
      last = { atMs, counterJ };
      if (before === null) return;
      const seconds = Math.max(0, atMs - before.atMs) / 1000;
      const most = mostW * seconds + STEP_SLACK_J + stepJ;
      const plain = counterJ - before.counterJ;
      if (rangeJ !== null && mostW * seconds >= rangeJ) return interrupt(`the counter was not read for ${Math.round(seconds)} s, in which it may have gone round more than once`);
      const delta = plain >= 0 || rangeJ === null ? plain : plain + rangeJ;
      if (delta < 0) return interrupt('the counter began anew');
      if (delta > most) return interrupt(plain < 0 ? 'the counter began anew' : `the counter jumped by ${Math.round(delta)} J in ${seconds.toFixed(1)} s`);
      joules += delta;
    },
    sum: () => ({ joules, segment, reason }),
  };
}

/** Integrates samples of power by the trapezoid rule; a sample that is missing is a gap, never a guess. */
export interface PowerSum {
  add(atMs: number, watts: number): void;
  /** A sample was due and did not come. */
  lose(reason: string): void;
  sum(): Accumulated;
  /** The newest sample; null: none, or lost. */
  readonly watts: number | null;
}

/** @param longestMs between two samples; more is a gap */
export function createPowerSum({ longestMs }: { readonly longestMs: number }): PowerSum {
  let last: { readonly atMs: number; readonly watts: number } | null = null;
  let joules = 0;
  let segment = 0;
  let reason: string | null = null;
  return {
    add(atMs, watts) {
      const before = last;
      last = { atMs, watts };
      if (before === null) return;
      if (atMs - before.atMs > longestMs) {
        segment++;
        reason = `no sample came for ${((atMs - before.atMs) / 1000).toFixed(1)} s`;
        return;
      }
      joules += ((before.watts + watts) / 2) * (Math.max(0, atMs - before.atMs) / 1000);
    },
    lose(why) {
      if (last !== null) segment++;
      last = null;
      reason = why;
    },
    sum: () => ({ joules, segment, reason }),
    get watts() {
      return last?.watts ?? null;
    },
  };
}

/** Processor time, in milliseconds: of all processors, and of the processes that are asked about. */
export interface CpuTime {
  readonly machineBusyMs: number;
  readonly ownMs: number;
}

/** Above this share of other work a figure of the whole machine is not the model's alone. */
const QUIET_SHARE = 0.05;

/**
 * The part of the energy above idle that falls to the own processes: E_own = E * cpu_own / cpu_all, as Kepler does
 * (sustainable-computing.io, "Kepler power model"). Equal processor time can hide two to three times the power (vector units, memory), so the warning goes along.
 * @returns null where nothing else of note ran, and the whole is the own
 */
export function attributeByCpu(aboveIdleJ: number, spent: CpuTime): { readonly joules: number; readonly share: number; readonly warning: string } | null {
  if (spent.machineBusyMs <= 0 || spent.ownMs < 0) return null;
  const share = Math.min(1, spent.ownMs / spent.machineBusyMs);
  if (1 - share <= QUIET_SHARE) return null;
  const others = Math.round((1 - share) * 100);
  return {
    joules: aboveIdleJ * share,
    share,
    warning: `Other programs took ${others} % of the processor time, so ${others} % of the energy above idle was put down to them. Equal time can hide two to three times the power: measure again on a quiet machine.`,
  };
}
