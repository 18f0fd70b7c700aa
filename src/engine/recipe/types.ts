/** What running a recipe takes and gives. The job process wires it; see `run-recipe.ts`. */
import type { Checkpoints, Clock, InferenceRunner, PreprocessRecord, SampleSource, Workspace } from '../../base/ports.ts';
import type { ReportProgress } from '../../base/progress.ts';
import type { MachineRecord, OptimizeReport } from '../../contract/records/report.ts';
import type { Recipe } from '../../contract/records/recipe.ts';
import type { Model } from '../onnx/types.ts';

/** Which samples serve for what. Calibration and evaluation are disjoint unless `overlap` says that there were too few. */
export interface DataPlan {
  readonly kind: string;
  readonly path: string | null;
  readonly calibration: SampleSource;
  readonly calibrationSamples: number;
  readonly evaluation: SampleSource;
  readonly evaluationSamples: number;
  readonly labelled: boolean;
  readonly preprocess: PreprocessRecord | null;
  readonly preprocessGuessed: boolean;
  readonly overlap: boolean;
}

export interface RunRecipeOptions {
  readonly recipe: Recipe;
  readonly modelName: string;
  /** The input file, for the runtime; `model` is the same, parsed. */
  readonly modelPath: string;
  readonly model: Model;
  /** Bytes of the input with its external data, and the hex SHA-256 of its file, or of its files one after the other. */
  readonly inputBytes: number;
  readonly inputSha256: string;
  readonly data: DataPlan | null;
  readonly runner: InferenceRunner;
  readonly workspace: Workspace;
  /** Where the state of a calibration is kept, so that a run that is interrupted goes on when it is run again. */
  readonly checkpoints?: Checkpoints;
  readonly machine: MachineRecord;
  readonly seed: number;
  /** Compare outputs through the runtime after the rewrites of a step; undo what changed them. */
  readonly verify: boolean;
  /** Intra-op threads of the latency measurement. */
  readonly threads: number;
  readonly clock: Clock;
  /** ISO time of the report. */
  readonly createdAt: string;
  /** The result's weights go into a file of their own however small they are. */
  readonly externalData?: boolean;
  /** Hex SHA-256 of files that the workspace wrote, one after the other. */
  readonly hashFile: (paths: readonly string[]) => Promise<string>;
  /** Stores the smallest model on which a rewrite went wrong where a person finds it, and gives its path. Absent: it stays in the workspace. */
  readonly keepFailure?: (name: string, model: Model) => Promise<string>;
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

export interface RunRecipeResult {
  readonly model: Model;
  /** The optimized file in the workspace. */
  readonly outputPath: string;
  readonly report: OptimizeReport;
  /** False where a gate of the recipe was not met. */
  readonly gatesMet: boolean;
}
