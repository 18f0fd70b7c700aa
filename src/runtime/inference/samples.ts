/** Turns a sample source into feeds, a few samples ahead of the model: pictures are decoded on other threads while the model runs. */
import { Tensor } from 'onnxruntime-node';
import { EdgewiseError } from '../../base/errors.ts';
import type { SampleSource, ValueDescription } from '../../base/ports.ts';
import { seededRandom } from '../../base/random.ts';
import { openDataset } from '../data/dataset.ts';
import type { Dataset } from '../data/types.ts';
import { emptyArray, makeTensor } from './tensors.ts';

export interface Sample {
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly label: number | undefined;
}

export interface Samples extends AsyncIterable<Sample> {
  readonly count: number;
  /** Number of classes of the data set; 0 where it has none. */
  readonly classes: number;
  close(): Promise<void>;
}

const AHEAD = 4;
/** Size of a spatial dimension that the model leaves open, where nothing says how large it should be. */
const OPEN_SIZE = 224;
/** What generated strings are: some that look like numbers, since models cast them. */
const WORDS = ['1', '0', '2.5', 'a', 'the', ''];

/**
 * @param skip so many samples at the start are left out; `count` includes them
 * @throws BAD_DATASET, BAD_PREPROCESS; RUNTIME_ERROR for inputs that cannot be generated
 */
export async function openSamples(source: SampleSource, inputs: readonly ValueDescription[], skip = 0): Promise<Samples> {
  if (source.kind === 'generated') {
    return { count: source.count, classes: 0, close: async () => {}, [Symbol.asyncIterator]: () => generated(source, inputs, skip) };
  }
  const dataset = await openDataset(source.path, source.labelsPath === undefined ? {} : { labelsPath: source.labelsPath });
  const input = onlyInput(inputs);
  const load = (index: number): Promise<Sample> => loadSample(dataset, index, source.preprocess, input);
  return {
    count: source.indices.length,
    classes: dataset.facts.classes.length,
    close: () => dataset.close(),
    [Symbol.asyncIterator]: () => ahead(source.indices.slice(skip), load),
  };
}

function onlyInput(inputs: readonly ValueDescription[]): ValueDescription {
  const [input, second] = inputs;
  if (input === undefined || second !== undefined) {
    throw new EdgewiseError('BAD_DATASET', `A data set feeds one input, but the model has ${inputs.length}: ${inputs.map(({ name }) => `"${name}"`).join(', ')}.`, {
      hint: 'Run without a data set: generated inputs are used, and fidelity is measured instead of accuracy.',
    });
  }
  return input;
}

async function loadSample(dataset: Dataset, index: number, preprocess: Parameters<Dataset['load']>[1], input: ValueDescription): Promise<Sample> {
  const { values, dims } = await dataset.load(index, preprocess);
  const shape = fit(dims, values.length, input);
  const data = input.type === 'float32' ? values : converted(values, input);
  return { feeds: { [input.name]: makeTensor(input.type, data, shape) }, label: dataset.label(index) };
}

function converted(values: Float32Array, input: ValueDescription): ReturnType<typeof emptyArray> {
  const data = emptyArray(input.type, values.length);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array || (input.type as string).includes('float16')) {
    throw new EdgewiseError('BAD_DATASET', `The model's input "${input.name}" is of type ${input.type}; data sets feed float32 and small integers.`, {
      hint: 'Export the model with a float32 input.',
    });
  }
  values.forEach((value, i) => (data[i] = input.type === 'float64' ? value : Math.round(value)));
  return data;
}

/** The sample's shape with a batch of one, checked against what the model wants. */
function fit(dims: readonly number[], length: number, input: ValueDescription): number[] {
  const agrees = (shape: readonly number[]): boolean => shape.length === input.shape.length && input.shape.every((dim, i) => typeof dim !== 'number' || dim === shape[i]);
  const batched = [1, ...dims];
  if (input.shape.length === 0 || agrees(batched)) return batched;
  // Flat numbers for an input of another rank: the same count in the model's own shape.
  const fixed = input.shape.map((dim, i) => (typeof dim === 'number' ? dim : i === 0 ? 1 : null));
  if (dims.length !== 3 || fixed.length !== 4) {
    const shape = fixed.map((dim) => dim ?? 1);
    if (shape.reduce((a, b) => a * b, 1) === length) return shape;
  }
  throw new EdgewiseError(
    'BAD_PREPROCESS',
    `The model's input "${input.name}" takes ${input.shape.map((dim) => dim ?? '?').join(' x ')}, but a prepared sample is ${batched.join(' x ')}.`,
    { hint: 'Change resize, crop, channels or layout of the preprocessing so that the sizes agree.', details: { wants: input.shape, gets: batched } },
  );
}

async function* ahead(indices: readonly number[], load: (index: number) => Promise<Sample>): AsyncGenerator<Sample> {
  const pending: Promise<Sample>[] = [];
  let next = 0;
  const fill = (): void => {
    while (pending.length < AHEAD && next < indices.length) {
      const promise = load(indices[next++] as number);
      // A failure is thrown when its turn comes; until then it must not count as unhandled.
      promise.catch(() => {});
      pending.push(promise);
    }
  };
  for (fill(); pending.length > 0; fill()) {
    const sample = await (pending.shift() as Promise<Sample>);
    fill();
    yield sample;
  }
}

async function* generated({ seed, count, openSize = 1 }: SampleSource & { kind: 'generated' }, inputs: readonly ValueDescription[], skip: number): AsyncGenerator<Sample> {
  // One random number for each element: those of the samples that are left out need not be made.
  const elements = inputs.reduce((sum, input) => sum + generatedDims(input, openSize).reduce((a, b) => a * b, 1), 0);
  const random = seededRandom(seed, skip * elements);
  for (let n = skip; n < count; n++) {
    const feeds: Record<string, Tensor> = {};
    for (const input of inputs) {
      const dims = generatedDims(input, openSize);
      if (input.type === 'string') {
        feeds[input.name] = new Tensor('string', Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => WORDS[Math.floor(random() * WORDS.length)] as string), dims);
        continue;
      }
      const data = emptyArray(input.type, dims.reduce((a, b) => a * b, 1));
      fillRandom(data, input, random);
      feeds[input.name] = makeTensor(input.type, data, dims);
    }
    yield { feeds, label: undefined };
  }
}

/** Open dimensions: sizes of pictures are 224 (a multiple of 32, as detectors ask), the batch and everything else is `openSize`. */
function generatedDims(input: ValueDescription, openSize: number): number[] {
  const { shape } = input;
  return shape.map((dim, axis) => {
    if (typeof dim === 'number') return dim;
    const spatial = shape.length === 4 && (shape[1] === 1 || shape[1] === 3 ? axis >= 2 : shape[3] === 1 || shape[3] === 3 ? axis === 1 || axis === 2 : false);
    return spatial ? OPEN_SIZE : openSize;
  });
}

/** Floats are uniform in [-1, 1], signed and unsigned integers small: they may be indices. */
function fillRandom(data: ReturnType<typeof emptyArray>, input: ValueDescription, random: () => number): void {
  for (let i = 0; i < data.length; i++) {
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = BigInt(Math.floor(random() * 2));
    else if (data instanceof Float32Array || data instanceof Float64Array) data[i] = random() * 2 - 1;
    else if (input.type === 'float16') data[i] = halfOfUnit(random() * 2 - 1);
    else if (input.type === 'uint8') data[i] = Math.floor(random() * 256);
    else if (input.type === 'int8') data[i] = Math.floor(random() * 256) - 128;
    else data[i] = Math.floor(random() * 2);
  }
}

/** A float of size at most 1 as binary16 bits, rounded to nearest. */
function halfOfUnit(value: number): number {
  const size = Math.abs(value);
  const sign = value < 0 ? 0x8000 : 0;
  if (size < 2 ** -14) return sign | Math.round(size * 2 ** 24);
  const exponent = Math.min(0, Math.floor(Math.log2(size)));
  return sign | ((exponent + 15) * 1024 + Math.round((size / 2 ** exponent - 1) * 1024));
}
