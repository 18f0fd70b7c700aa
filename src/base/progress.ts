/** Progress of long work: what crosses from a job process to the host and on to the screen. */

export interface ProgressUpdate {
  /** A stable key of the stage, for example `calibrate`; the console translates it. */
  readonly stage: string;
  /** Share of the whole work that is done, 0 to 1; never goes back. */
  readonly fraction: number;
  /** A short detail, for example `37 of 100 samples`. */
  readonly detail?: string;
}

export type ReportProgress = (update: ProgressUpdate) => void;

/** Progress that nobody listens to. */
export const noProgress: ReportProgress = () => {};

/**
 * Maps a part's own 0..1 onto the span [from, to] of the whole.
 * @param stage replaces the part's stage when given
 */
export function subProgress(report: ReportProgress, from: number, to: number, stage?: string): ReportProgress {
  return (update) => {
    const clamped = Math.min(1, Math.max(0, update.fraction));
    report({ ...update, stage: stage ?? update.stage, fraction: from + (to - from) * clamped });
  };
}
