/**
 * The factor between the roofline of a unit and what is measured on it, from whatever was measured.
 *
 * Logarithms of measured / roofline are taken as normal, as a sum of effects: of the kind of unit with the type, of the unit, of the unit with the
 * type, of the network with the type on that kind of unit, and of all of these together. Two times go together as far as they share effects;
 * the factor that is asked for follows from all times at once (the conditional of a joint normal distribution; the same as a Gaussian process or
 * best linear unbiased prediction). docs/hardware.md says where the deviations come from.
 */
import type { Interval } from '../../contract/records/advisor.ts';
import type { ComputeType, ComputeUnit } from '../../contract/records/hardware.ts';

/** What a time is of. */
export interface Subject {
  readonly profileId: string;
  readonly unit: string;
  readonly kind: ComputeUnit['kind'];
  readonly computes: ComputeType;
  /** Model that the network is of, or that it was made from. */
  readonly network: string;
}

export interface Observation extends Subject {
  /** Measured time over roofline time. */
  readonly ratio: number;
  readonly from: 'measured' | 'published';
}

export interface Factor {
  readonly interval: Interval;
  /** The best evidence. `itself`: this network on this unit with this type; `related`: only on another type of it, or on a unit of its kind. */
  readonly from: 'itself' | 'measured' | 'published' | 'related' | 'prior';
  /** On this unit with this type. */
  readonly times: number;
}

export interface Calibration {
  factorOf(subject: Subject): Factor;
}

/** Standard deviations of effects on logarithms, and the factor where nothing was measured. */
export const EFFECTS = { kindType: 0.35, unit: 0.45, unitType: 0.25, networkType: 0.4, together: 0.2, measuring: 0.05, prior: 2 } as const;

/** Of a normal distribution, nine tenths within. */
const NINE_TENTHS = 1.645;
/** The newest count: more would make the arithmetic slow and the answer no better. */
const MOST_OBSERVATIONS = 300;

function covariance(a: Subject, b: Subject): number {
  const { kindType, unit, unitType, networkType, together } = EFFECTS;
  const sameUnit = a.profileId === b.profileId && a.unit === b.unit;
  const sameType = a.computes === b.computes;
  const sameKind = a.kind === b.kind;
  const sameNetwork = a.network === b.network;
  return (
    (sameKind && sameType ? kindType ** 2 : 0) +
    (sameUnit ? unit ** 2 : 0) +
    (sameUnit && sameType ? unitType ** 2 : 0) +
    (sameNetwork && sameKind && sameType ? networkType ** 2 : 0) +
    (sameNetwork && sameUnit && sameType ? together ** 2 : 0)
  );
}

export function calibrate(all: readonly Observation[]): Calibration {
  const observations = all.filter(({ ratio }) => ratio > 0 && Number.isFinite(ratio)).slice(0, MOST_OBSERVATIONS);
  const prior = Math.log(EFFECTS.prior);
  const root = cholesky(observations.map((a, row) => observations.map((b, column) => covariance(a, b) + (row === column ? EFFECTS.measuring ** 2 : 0))));
  const residuals = forward(root, observations.map(({ ratio }) => Math.log(ratio) - prior));
  return {
    factorOf(subject) {
      const shared = observations.map((observation) => covariance(subject, observation));
      const seen = forward(root, shared);
      const middle = prior + seen.reduce((sum, value, index) => sum + value * (residuals[index] ?? 0), 0);
      const deviation = Math.sqrt(Math.max(0, covariance(subject, subject) - seen.reduce((sum, value) => sum + value ** 2, 0)));
      const own = observations.filter(({ profileId, unit, computes }) => profileId === subject.profileId && unit === subject.unit && computes === subject.computes);
      return {
        interval: { low: Math.exp(middle - NINE_TENTHS * deviation), value: Math.exp(middle), high: Math.exp(middle + NINE_TENTHS * deviation) },
        from: own.some(({ network }) => network === subject.network) ? 'itself' : (own.find(({ from }) => from === 'measured') ?? own[0])?.from ?? (shared.some((value) => value > 0) ? 'related' : 'prior'),
        times: own.length,
      };
    },
  };
}

type Matrix = readonly (readonly number[])[];

/** L with L times its transpose the matrix, which is symmetric and positive definite: noise of measuring is on its diagonal. */
function cholesky(matrix: Matrix): number[][] {
  const root: number[][] = [];
  matrix.forEach((given, row) => {
    const line: number[] = [];
    for (let column = 0; column <= row; column++) {
      let sum = given[column] ?? 0;
      const other = column === row ? line : (root[column] ?? []);
      for (let at = 0; at < column; at++) sum -= (line[at] ?? 0) * (other[at] ?? 0);
      line.push(column === row ? Math.sqrt(sum) : sum / (other[column] ?? 1));
    }
    root.push(line);
  });
  return root;
}

/** x with L x = b. */
function forward(root: Matrix, b: readonly number[]): number[] {
  const x: number[] = [];
  root.forEach((line, row) => {
    let sum = b[row] ?? 0;
    for (let at = 0; at < row; at++) sum -= (line[at] ?? 0) * (x[at] ?? 0);
    x.push(sum / (line[row] ?? 1));
  });
  return x;
}
