/**
 * Labelled samples for a device to measure accuracy on: the first of those that an optimization measured with, so none that it calibrated
 * with. Pictures are resized and cropped here and kept as bytes; what is left of the preprocessing is done on the device by the same code.
 */
import type { PreprocessRecord } from '../../base/ports.ts';
import { planData, type DataRequest } from '../../runtime/index.ts';
import { openDataset } from '../../runtime/data/dataset.ts';
import { preparePicture } from '../../runtime/data/prepare.ts';
import type { Dataset } from '../../runtime/data/types.ts';
import { writeNpz } from './npz-writer.ts';

export interface CheckSetRequest extends DataRequest {
  /** As of the optimization: the same numbers leave the same samples over. */
  readonly calibrationSamples: number;
  readonly seed: number;
  readonly most: number;
}

export interface CheckSet {
  /** A NumPy archive with `x` and `y`. */
  readonly bytes: Uint8Array;
  readonly samples: number;
  /** What is left to do. */
  readonly preprocess: PreprocessRecord | null;
  /** True where there were too few samples to keep those of the calibration out. */
  readonly overlap: boolean;
}

/** What the samples may take on a device before they are packed. */
const MAX_BYTES = 16 * 2 ** 20;

/** @returns null where no sample has a label. @throws FILE_NOT_FOUND, BAD_DATASET, BAD_LABELS, BAD_PREPROCESS */
export async function buildCheckSet(request: CheckSetRequest): Promise<CheckSet | null> {
  const plan = await planData(request, { calibration: request.calibrationSamples, evaluation: request.most, seed: request.seed });
  if (plan.evaluation.kind !== 'dataset') return null;
  const dataset = await openDataset(request.path, { labelsPath: request.labelsPath });
  try {
    const chosen = plan.evaluation.indices.flatMap((index) => {
      const label = dataset.label(index);
      return label === undefined ? [] : [{ index, label }];
    });
    if (chosen.length === 0) return null;
    const made = (await asPixels(dataset, chosen, plan.preprocess)) ?? (await asTensors(dataset, chosen, plan.preprocess));
    const labels = Buffer.alloc(4 * made.count);
    for (const [at, { label }] of chosen.slice(0, made.count).entries()) labels.writeInt32LE(label, 4 * at);
    return {
      bytes: writeNpz([
        { name: 'x', type: made.type, dims: [made.count, ...made.dims], bytes: made.bytes },
        { name: 'y', type: '<i4', dims: [made.count], bytes: labels },
      ]),
      samples: made.count,
      preprocess: made.preprocess,
      overlap: plan.overlap,
    };
  } finally {
    await dataset.close();
  }
}

interface Chosen {
  readonly index: number;
  readonly label: number;
}

interface Samples {
  readonly type: '|u1' | '<f4';
  readonly dims: readonly number[];
  readonly count: number;
  readonly bytes: Uint8Array;
  readonly preprocess: PreprocessRecord | null;
}

/** Pictures after resizing and cropping. @returns null where the samples are no pictures, or would not become the same tensors again */
async function asPixels(dataset: Dataset, chosen: readonly Chosen[], preprocess: PreprocessRecord | null): Promise<Samples | null> {
  if (preprocess === null) return null;
  const { resize, crop, channels, scale, mean, std, layout } = preprocess;
  const geometry: PreprocessRecord = {
    ...(resize === undefined ? {} : { resize }),
    ...(crop === undefined ? {} : { crop }),
    ...(channels === undefined ? {} : { channels: channels === 'BGR' ? 'RGB' : channels }),
    layout: 'NHWC',
  };
  const rest: PreprocessRecord = {
    ...(channels === undefined ? {} : { channels }),
    ...(scale === undefined ? {} : { scale }),
    ...(mean === undefined ? {} : { mean }),
    ...(std === undefined ? {} : { std }),
    ...(layout === undefined ? {} : { layout }),
  };
  const pieces: Uint8Array[] = [];
  let dims: readonly number[] = [];
  for (const { index } of chosen) {
    const sample = await dataset.load(index, geometry);
    const [height = 0, width = 0, depth] = sample.dims;
    if (sample.dims.length !== 3 || (depth !== 1 && depth !== 3) || !sample.values.every((value) => Number.isInteger(value) && value >= 0 && value <= 255)) return null;
    if (pieces.length > 0 && dims.some((dim, axis) => dim !== sample.dims[axis])) return null;
    if ((pieces.length + 1) * sample.values.length > MAX_BYTES && pieces.length > 0) break;
    dims = sample.dims;
    const pixels = Uint8Array.from(sample.values);
    if (pieces.length === 0) {
      const [wanted, again] = [await dataset.load(index, preprocess), await preparePicture({ height, width, channels: depth, pixels }, rest)];
      if (wanted.dims.join() !== again.dims.join() || wanted.values.some((value, at) => value !== again.values[at])) return null;
    }
    pieces.push(pixels);
  }
  return { type: '|u1', dims, count: pieces.length, bytes: Buffer.concat(pieces), preprocess: rest };
}

/** Everything else as it goes into the model. */
async function asTensors(dataset: Dataset, chosen: readonly Chosen[], preprocess: PreprocessRecord | null): Promise<Samples> {
  const pieces: Uint8Array[] = [];
  let dims: readonly number[] = [];
  for (const { index } of chosen) {
    const sample = await dataset.load(index, preprocess ?? undefined);
    // Samples of other sizes cannot lie in one array: what fits the first is taken.
    if (pieces.length > 0 && dims.join() !== sample.dims.join()) break;
    if ((pieces.length + 1) * sample.values.byteLength > MAX_BYTES && pieces.length > 0) break;
    dims = sample.dims;
    pieces.push(new Uint8Array(sample.values.buffer, sample.values.byteOffset, sample.values.byteLength));
  }
  return { type: '<f4', dims, count: pieces.length, bytes: Buffer.concat(pieces), preprocess: null };
}
