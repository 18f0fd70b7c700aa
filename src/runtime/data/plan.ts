/** Which samples serve for what: calibration and measurement never share one, unless there are too few. */
import { basename } from 'node:path';
import type { PreprocessRecord, SampleSource, ValueDescription } from '../../base/ports.ts';
import { seededRandom, shuffled } from '../../base/random.ts';
import type { DatasetFacts, DatasetMatch } from '../../contract/records/dataset.ts';
import { openDataset } from './dataset.ts';
import { guessPreprocess } from './guess.ts';

export interface DataRequest {
  readonly path: string;
  readonly labelsPath?: string | undefined;
  /** Replaces the guess. */
  readonly preprocess?: PreprocessRecord | undefined;
  readonly inputs: readonly ValueDescription[];
  readonly modelName: string;
}

export interface PlannedData {
  readonly kind: string;
  readonly path: string;
  readonly calibration: SampleSource;
  readonly calibrationSamples: number;
  readonly evaluation: SampleSource;
  readonly evaluationSamples: number;
  readonly labelled: boolean;
  readonly preprocess: PreprocessRecord | null;
  readonly preprocessGuessed: boolean;
  readonly overlap: boolean;
  readonly facts: DatasetFacts;
  readonly reasons: readonly string[];
}

/** Looks at a data set and says how it would be fed. @throws FILE_NOT_FOUND, BAD_DATASET, BAD_LABELS */
export async function matchDataset(request: DataRequest): Promise<DatasetMatch> {
  const dataset = await openDataset(request.path, { labelsPath: request.labelsPath });
  await dataset.close();
  return matchFacts(dataset.facts, request);
}

function matchFacts(facts: DatasetFacts, request: DataRequest): DatasetMatch {
  if (request.preprocess !== undefined) return { facts, preprocess: mutable(request.preprocess), reasons: ['given'] };
  const { preprocess, reasons } = guessPreprocess(request.inputs[0], facts, basename(request.modelName));
  return { facts, preprocess: preprocess === null ? null : mutable(preprocess), reasons: [...reasons] };
}

/**
 * Splits a data set: `calibration` samples spread evenly over the classes, and up to `evaluation` of the others. Where there are fewer
 * than twice as many samples as asked for, half calibrate; below four samples the same ones serve for both, and `overlap` says so.
 * @param options.seed the same seed takes the same samples
 */
export async function planData(request: DataRequest, options: { readonly calibration: number; readonly evaluation: number; readonly seed: number }): Promise<PlannedData> {
  const dataset = await openDataset(request.path, { labelsPath: request.labelsPath });
  try {
    const match = matchFacts(dataset.facts, request);
    const order = spread(dataset.facts.samples, (index) => dataset.label(index), options.seed);
    const overlap = order.length < 4;
    const calibrationCount = overlap ? order.length : Math.min(options.calibration, order.length >= options.calibration * 2 ? options.calibration : Math.floor(order.length / 2));
    const calibration = order.slice(0, calibrationCount);
    const evaluation = (overlap ? order : order.slice(calibrationCount)).slice(0, options.evaluation);
    const source = (indices: readonly number[]): SampleSource => ({
      kind: 'dataset',
      path: request.path,
      ...(request.labelsPath === undefined ? {} : { labelsPath: request.labelsPath }),
      ...(match.preprocess === null ? {} : { preprocess: match.preprocess as PreprocessRecord }),
      indices: indices.toSorted((a, b) => a - b),
    });
    return {
      kind: dataset.facts.kind,
      path: request.path,
      calibration: source(calibration),
      calibrationSamples: calibration.length,
      evaluation: source(evaluation),
      evaluationSamples: evaluation.length,
      labelled: dataset.facts.labelled,
      preprocess: match.preprocess as PreprocessRecord | null,
      preprocessGuessed: request.preprocess === undefined,
      overlap,
      facts: dataset.facts,
      reasons: match.reasons,
    };
  } finally {
    await dataset.close();
  }
}

/** Indices in a seeded order in which every class comes round before any comes again. */
function spread(count: number, labelOf: (index: number) => number | undefined, seed: number): number[] {
  const random = seededRandom(seed);
  const byClass = new Map<number, number[]>();
  for (const index of shuffled(Array.from({ length: count }, (_, i) => i), random)) {
    const label = labelOf(index) ?? -1;
    const members = byClass.get(label);
    if (members) members.push(index);
    else byClass.set(label, [index]);
  }
  const classes = shuffled([...byClass.values()], random);
  const order: number[] = [];
  for (let round = 0; order.length < count; round++) {
    for (const members of classes) {
      const index = members[round];
      if (index !== undefined) order.push(index);
    }
  }
  return order;
}

function mutable(record: PreprocessRecord): NonNullable<DatasetMatch['preprocess']> {
  return structuredClone(record) as NonNullable<DatasetMatch['preprocess']>;
}
