/**
 * Energy per inference of one model or two, in turns: idle, A B B A, A B B A, idle (or idle, A A, A A, idle), again and again, so that heat, drift and other work meet all
 * alike. A stretch is as long as the meter's steps ask for. What was not measured says why.
 */
import type { EnergyBench, EnergyComparison, EnergyNotMeasured, EnergySide } from '../../base/energy.ts';
import { throwIfAborted } from '../../base/errors.ts';
import { spentBetween, type Spent } from './arithmetic.ts';
import { meanOf, ratioOf } from './statistics.ts';
import type { EnergyMeter } from './types.ts';

/** One model that can be kept busy. */
export interface Work {
  /** As many inferences as fit. `busyMs`: time in which one ran. */
  run(seconds: number): Promise<{ readonly runs: number; readonly busyMs: number }>;
}

export interface MeasureEnergyOptions {
  /** All stretches together; more is not begun. */
  readonly maxSeconds: number;
  readonly pause: (ms: number) => Promise<void>;
  readonly progress?: (share: number) => void;
  readonly signal?: AbortSignal;
}

/** A figure should be so many steps of the meter. */
const STEPS = 20;
const LEAST_SECONDS = 1;
const LEAST_MODELLED_SECONDS = 0.5;
const LEAST_GROUPS = 3;
/** Six groups are twelve pairs. */
const MOST_GROUPS = 6;
const PILOT_SECONDS = 1;
const MOST_SETTLE_SECONDS = 2;
/** Where a first look is too short for the meter to move. */
const GUESSED_W = 10;

interface Stretch {
  readonly joules: number;
  readonly seconds: number;
  readonly runs: number;
}

interface Group {
  /** null where the idle power is given. */
  readonly idleW: number | null;
  readonly sides: readonly (readonly Stretch[])[];
}

type Measured = { readonly groups: readonly Group[]; readonly stretchSeconds: number };

/** @throws CANCELLED and what the work throws */
export async function compareEnergy(meter: EnergyMeter, before: Work, after: Work, options: MeasureEnergyOptions): Promise<EnergyComparison> {
  const found = await measureGroups(meter, [before, after], [0, 1, 1, 0], options);
  if ('reason' in found) return found;
  const perGroup = (which: 'total' | 'aboveIdle') => found.groups.map((group): [number, number] => [perInference(meter, group, 0)[which] ?? 0, perInference(meter, group, 1)[which] ?? 0]);
  const total = ratioOf(perGroup('total'), meter.ratioUncertainty);
  if (total === null) return notMeasured(`${meter.source}: the meter did not move while the models ran`);
  return { ...basis(meter, found), before: sideOf(meter, found, 0), after: sideOf(meter, found, 1), ratio: { total, aboveIdle: ratioOf(perGroup('aboveIdle'), meter.ratioUncertainty) } };
}

/** @throws CANCELLED and what the work throws */
export async function benchEnergy(meter: EnergyMeter, model: Work, options: MeasureEnergyOptions): Promise<EnergyBench> {
  const found = await measureGroups(meter, [model], [0, 0], options);
  return 'reason' in found ? found : { ...basis(meter, found), model: sideOf(meter, found, 0) };
}

export function notMeasured(reason: string): EnergyNotMeasured {
  return { measured: false, reason };
}

async function measureGroups(meter: EnergyMeter, works: readonly Work[], order: readonly number[], options: MeasureEnergyOptions): Promise<Measured | EnergyNotMeasured> {
  const { pause, signal } = options;
  let busyMs = 0;
  const idleIsGiven = meter.idleW !== null;

  const stretch = async (work: Work | null, seconds: number): Promise<Spent & { readonly runs: number }> => {
    throwIfAborted(signal);
    const before = await meter.read(busyMs);
    let runs = 0;
    if (work === null) await pause(seconds * 1000);
    else {
      const done = await work.run(seconds);
      runs = done.runs;
      busyMs += done.busyMs;
    }
    return { ...spentBetween(before, await meter.read(busyMs)), runs };
  };

  // The first runs lay out memory and load what is asked for; none of it counts.
  let watts = 0;
  for (const work of works) {
    await work.run(PILOT_SECONDS / 4);
    const first = await stretch(work, meter.tier === 'modelled' ? LEAST_MODELLED_SECONDS : PILOT_SECONDS);
    if (first.joules === null) return notMeasured(`${meter.source}: ${first.reason}`);
    watts = Math.max(watts, first.joules >= 2 * meter.resolutionJ && first.seconds > 0 ? first.joules / first.seconds : GUESSED_W);
  }
  const stepSeconds = meter.resolutionJ / watts;
  const seconds = Math.max(meter.tier === 'modelled' ? LEAST_MODELLED_SECONDS : LEAST_SECONDS, STEPS * stepSeconds);
  const settle = Math.min(MOST_SETTLE_SECONDS, stepSeconds > 0.05 ? stepSeconds : 0);
  const stretches = order.length + (idleIsGiven ? 0 : 1);
  const groupSeconds = stretches * (seconds + settle);
  const count = Math.min(MOST_GROUPS, Math.floor(options.maxSeconds / groupSeconds));
  if (count < LEAST_GROUPS) {
    return notMeasured(`${meter.source} counts in steps of ${Number(meter.resolutionJ.toPrecision(2))} J, so it takes stretches of ${Math.ceil(seconds)} s and ${Math.ceil(LEAST_GROUPS * groupSeconds)} s in all; ${Math.floor(options.maxSeconds)} s are allowed`);
  }

  const groups: Group[] = [];
  let lost = '';
  let done = 0;
  const tell = (): void => options.progress?.(++done / (count * stretches));
  for (let round = 0; round < count; round++) {
    const sides: Stretch[][] = works.map(() => []);
    let idleW: number | null = null;
    let whole = true;
    const take = async (work: Work | null): Promise<Stretch | null> => {
      // Until the meter's own average is that of this stretch.
      if (settle > 0) await (work === null ? pause(settle * 1000) : work.run(settle).then((settled) => void (busyMs += settled.busyMs)));
      const spent = await stretch(work, seconds);
      tell();
      if (spent.joules !== null) return spent;
      lost = spent.reason;
      whole = false;
      return null;
    };
    const takeIdle = async (): Promise<void> => {
      const idle = await take(null);
      idleW = idle === null ? null : idle.joules / idle.seconds;
    };
    // First in one repetition, last in the next: what drifts cancels.
    if (!idleIsGiven && round % 2 === 0) await takeIdle();
    for (const index of order) {
      const work = works[index];
      const spent = work === undefined ? null : await take(work);
      if (spent !== null) sides[index]?.push(spent);
    }
    if (!idleIsGiven && round % 2 === 1) await takeIdle();
    if (whole) groups.push({ idleW, sides });
  }
  if (groups.length < LEAST_GROUPS) return notMeasured(`${meter.source}: ${groups.length} of ${count} repetitions came through, as ${lost}`);
  return { groups, stretchSeconds: seconds };
}

function basis(meter: EnergyMeter, { groups, stretchSeconds }: Measured) {
  const idle = groups.flatMap(({ idleW }) => idleW ?? []);
  return {
    measured: true,
    tier: meter.tier,
    source: meter.source,
    resolutionJ: meter.resolutionJ,
    uncertainty: meter.uncertainty,
    idleW: meter.idleW ?? idle.reduce((sum, each) => sum + each, 0) / idle.length,
    idleFrom: meter.idleW === null ? 'measured' : 'given',
    groups: groups.length,
    stretchSeconds,
    notes: [...meter.notes],
  } as const;
}

function sideOf(meter: EnergyMeter, { groups }: Measured, index: number): EnergySide {
  const stretches = groups.flatMap(({ sides }) => sides[index] ?? []);
  const runs = stretches.reduce((sum, each) => sum + each.runs, 0);
  // Both ends of a stretch fall anywhere in a step: the error of one is 0.41 of it (root of 1/6).
  const steps = (1.96 * 0.41 * meter.resolutionJ * Math.sqrt(stretches.length)) / runs;
  const each = groups.map((group) => perInference(meter, group, index));
  const aboveIdle = each.flatMap(({ aboveIdle: value }) => value ?? []);
  return {
    runs,
    seconds: stretches.reduce((sum, { seconds }) => sum + seconds, 0),
    totalJ: meanOf(each.map(({ total }) => total), steps, meter.uncertainty),
    aboveIdleJ: aboveIdle.length < each.length ? null : meanOf(aboveIdle, steps * Math.SQRT2, meter.uncertainty),
  };
}

function perInference(meter: EnergyMeter, { idleW, sides }: Group, index: number): { readonly total: number; readonly aboveIdle: number | null } {
  const stretches = sides[index] ?? [];
  const sum = (of: (stretch: Stretch) => number): number => stretches.reduce((all, each) => all + of(each), 0);
  const [joules, seconds, runs] = [sum((each) => each.joules), sum((each) => each.seconds), sum((each) => each.runs)];
  const idle = meter.idleW ?? idleW;
  return { total: joules / runs, aboveIdle: idle === null ? null : (joules - idle * seconds) / runs };
}
