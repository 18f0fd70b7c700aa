/** What a measurement of energy says. Joules are per inference; a figure that could not be measured is absent with its reason, never zero. */

/** How good the evidence is, best first: a meter at the plug, a counter inside the machine, arithmetic. */
export type EvidenceTier = 'metered' | 'counter' | 'modelled';

export interface EnergyFigure {
  readonly value: number;
  /** 95 % interval: scatter of the repetitions together with the uncertainty of the meter. */
  readonly ci95: readonly [number, number];
}

export interface EnergySide {
  readonly runs: number;
  /** In which they ran, all stretches together. */
  readonly seconds: number;
  /** All that the meter counted while it ran, per inference. */
  readonly totalJ: EnergyFigure;
  /** Of it, what was above idle; null: the idle power is not known. */
  readonly aboveIdleJ: EnergyFigure | null;
}

interface EnergyBasis {
  readonly measured: true;
  readonly tier: EvidenceTier;
  readonly source: string;
  readonly resolutionJ: number;
  /** Of the meter, as a share of each figure; it is in the intervals. */
  readonly uncertainty: number;
  readonly idleW: number | null;
  readonly idleFrom: 'measured' | 'given' | null;
  /** Repetitions of the whole order of stretches. */
  readonly groups: number;
  readonly stretchSeconds: number;
  readonly notes: readonly string[];
}

export interface EnergyNotMeasured {
  readonly measured: false;
  readonly reason: string;
}

/** One model: idle and busy stretches in turns. */
export type EnergyBench = (EnergyBasis & { readonly model: EnergySide }) | EnergyNotMeasured;

/** Two models in turns, A B B A. */
export type EnergyComparison =
  | (EnergyBasis & {
      readonly before: EnergySide;
      readonly after: EnergySide;
      /** Before over after: 2 is half the energy. `aboveIdle` null: idle is unknown, or nothing was proven to be above it. */
      readonly ratio: { readonly total: EnergyFigure; readonly aboveIdle: EnergyFigure | null };
    })
  | EnergyNotMeasured;
