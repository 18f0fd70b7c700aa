/** What a report proves, and what it does not: an interval that includes "no change" is no proof. */
import type { LatencyComparisonRecord } from '../../../../src/contract/records/common.ts';
import type { OptimizeReport, ReportStep } from '../../../../src/contract/records/report.ts';

export type Speed = 'faster' | 'slower' | 'unproven';

/** `ratio` is before / after: above 1 is faster. */
export function speedVerdict({ ci95: [low, high] }: Pick<LatencyComparisonRecord, 'ci95'>): Speed {
  if (low > 1) return 'faster';
  return high < 1 ? 'slower' : 'unproven';
}

export type Loss = 'loss' | 'gain' | 'unproven';

/** `topOneDrop` is before - after, in shares: above 0 is a loss. */
export function accuracyVerdict({ ci95: [low, high] }: { readonly ci95: readonly [number, number] }): Loss {
  if (low > 0) return 'loss';
  return high < 0 ? 'gain' : 'unproven';
}

export interface StepShare {
  readonly step: ReportStep;
  readonly bytesSaved: number;
  readonly nodesRemoved: number;
  /** Share of everything that was saved; 0 where nothing was, or where the step added bytes. */
  readonly share: number;
}

/** What each step saved, against the one before it. */
export function stepShares({ input, steps }: Pick<OptimizeReport, 'input' | 'steps'>): readonly StepShare[] {
  let { bytes, nodes } = input;
  const parts = steps.map((step) => {
    const part = { step, bytesSaved: bytes - step.bytesAfter, nodesRemoved: nodes - step.nodesAfter };
    bytes = step.bytesAfter;
    nodes = step.nodesAfter;
    return part;
  });
  const saved = parts.reduce((sum, { bytesSaved }) => sum + Math.max(0, bytesSaved), 0);
  return parts.map(({ step, bytesSaved, nodesRemoved }) => ({ step, bytesSaved, nodesRemoved, share: saved > 0 ? Math.max(0, bytesSaved) / saved : 0 }));
}

