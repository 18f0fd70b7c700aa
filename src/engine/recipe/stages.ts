/** The stages of a run and their share of its time, so that one fraction can be shown for the whole. */
import type { ReportProgress } from '../../base/progress.ts';
import { subProgress } from '../../base/progress.ts';

export type Stage = 'read' | 'simplify' | 'calibrate' | 'quantize' | 'verify' | 'fidelity' | 'accuracy' | 'latency' | 'write';

/** Gives each stage, in order, its own 0..1 within the whole. */
export class Stages {
  readonly #report: ReportProgress;
  readonly #spans = new Map<Stage, readonly [number, number]>();

  /** @param weights expected share of the time; any unit */
  constructor(report: ReportProgress, weights: readonly (readonly [Stage, number])[]) {
    this.#report = report;
    const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
    let from = 0;
    for (const [stage, weight] of weights) {
      const to = from + weight / total;
      this.#spans.set(stage, [from, to]);
      from = to;
    }
  }

  /** Says that the stage begins and returns where its own progress goes. */
  enter(stage: Stage): ReportProgress {
    const [from, to] = this.#spans.get(stage) ?? [0, 1];
    this.#report({ stage, fraction: from });
    return subProgress(this.#report, from, to, stage);
  }
}
