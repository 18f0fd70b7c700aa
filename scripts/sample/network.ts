/**
 * The sample network, learnt without back-propagation: each convolution's filters are patches of what the layer before sees
 * (Coates, Lee and Ng 2011, "An analysis of single-layer networks in unsupervised feature learning"), each BatchNorm holds the
 * measured statistics, and the classifier is a ridge regression in closed form. Deliberately as an exporter leaves a network:
 * BatchNorm not folded, a Dropout and an Identity that do nothing.
 */
import { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { encodeModel, type Attribute, type GraphData, type Model, type NodeData, type Tensor } from '../../src/engine/onnx/index.ts';
import { makeFloat, makeInt, makeInts } from '../../src/engine/onnx/attributes.ts';
import { floatTensor } from '../../src/engine/onnx/tensor.ts';
import { seededRandom } from '../../src/base/random.ts';
import { PICTURE_SIZE } from './pictures.ts';

interface LayerPlan {
  readonly channels: number;
  readonly kernel: number;
  readonly stride: number;
}

const LAYERS: readonly LayerPlan[] = [
  { channels: 48, kernel: 5, stride: 2 },
  { channels: 96, kernel: 3, stride: 1 },
  { channels: 128, kernel: 3, stride: 2 },
  { channels: 192, kernel: 3, stride: 2 },
];
/** Standard deviations by which a unit must exceed its mean to answer: sparse codes separate better. */
const THRESHOLD = 0.2;
const BATCH = 50;

interface Learnt {
  readonly weight: Float32Array;
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

/** A picture as the network takes it: RGB / 255, channels first. */
export function toInput(raw: Uint8Array): Float32Array {
  const plane = PICTURE_SIZE * PICTURE_SIZE;
  const values = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++) for (let c = 0; c < 3; c++) values[c * plane + i] = (raw[3 * i + c] ?? 0) / 255;
  return values;
}

/** Learns the network from pictures and their class indices; the same seed gives the same network. */
export async function learnNetwork(pictures: readonly Float32Array[], labels: readonly number[], classNames: readonly string[], seed: number): Promise<Model> {
  const random = seededRandom(seed);
  const learnt: Learnt[] = [];
  let channels = 3;
  for (const plan of LAYERS) {
    const patchSource = pictures.filter(() => random() < 400 / pictures.length);
    const seen = learnt.length === 0 ? patchSource : await outputsOf(networkOf(learnt, null), patchSource);
    const side = Math.round(Math.sqrt((seen[0]?.length ?? 0) / channels));
    const weight = patchFilters(seen, channels, side, plan, random);
    const unit: Learnt = { weight, mean: new Float32Array(plan.channels), variance: new Float32Array(plan.channels).fill(1) };
    const raw = await outputsOf(networkOf([...learnt, unit], null, 'linear'), patchSource);
    learnt.push({ weight, ...channelStatistics(raw, plan.channels) });
    channels = plan.channels;
  }
  const features = await outputsOf(networkOf(learnt, null, 'features'), pictures);
  return networkOf(learnt, { ...ridge(features, labels, classNames.length), classes: classNames.length });
}

/** Share of pictures whose arg max is the label. */
export async function accuracyOf(model: Model, pictures: readonly Float32Array[], labels: readonly number[]): Promise<number> {
  const scores = await outputsOf(model, pictures);
  return scores.filter((row, i) => row.indexOf(Math.max(...row)) === labels[i]).length / pictures.length;
}

function patchFilters(maps: readonly Float32Array[], channels: number, side: number, plan: LayerPlan, random: () => number): Float32Array {
  const size = channels * plan.kernel * plan.kernel;
  const filters = new Float32Array(plan.channels * size);
  for (let f = 0; f < plan.channels; ) {
    const map = maps[Math.floor(random() * maps.length)] ?? new Float32Array();
    const top = Math.floor(random() * (side - plan.kernel));
    const left = Math.floor(random() * (side - plan.kernel));
    const patch = new Float32Array(size);
    let at = 0;
    for (let c = 0; c < channels; c++)
      for (let y = 0; y < plan.kernel; y++) for (let x = 0; x < plan.kernel; x++) patch[at++] = map[(c * side + top + y) * side + left + x] ?? 0;
    // Each channel of the patch loses its own mean: what is left is shape, not brightness.
    const area = plan.kernel * plan.kernel;
    for (let c = 0; c < channels; c++) {
      const slice = patch.subarray(c * area, (c + 1) * area);
      const mean = slice.reduce((sum, value) => sum + value, 0) / area;
      slice.forEach((value, i) => (slice[i] = value - mean));
    }
    const norm = Math.sqrt(patch.reduce((sum, value) => sum + value * value, 0));
    if (norm < (channels === 3 ? 0.6 : 1)) continue;
    filters.set(
      patch.map((value) => value / norm),
      f * size,
    );
    f++;
  }
  return filters;
}

function channelStatistics(maps: readonly Float32Array[], channels: number): { mean: Float32Array; variance: Float32Array } {
  const mean = new Float32Array(channels);
  const variance = new Float32Array(channels);
  const plane = (maps[0]?.length ?? 0) / channels;
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    let squares = 0;
    for (const map of maps) {
      for (let i = c * plane; i < (c + 1) * plane; i++) {
        const value = map[i] ?? 0;
        sum += value;
        squares += value * value;
      }
    }
    const count = maps.length * plane;
    mean[c] = sum / count;
    variance[c] = squares / count - (sum / count) ** 2;
  }
  return { mean, variance };
}

/** W minimizing |XW - Y|^2 + lambda |W|^2 with one-hot Y, X centred; solved by Cholesky in float64. */
function ridge(features: readonly Float32Array[], labels: readonly number[], classes: number): { weight: Float32Array; bias: Float32Array } {
  const d = features[0]?.length ?? 0;
  const n = features.length;
  const mean = new Float64Array(d);
  for (const row of features) for (let i = 0; i < d; i++) mean[i] = (mean[i] ?? 0) + (row[i] ?? 0) / n;
  const gram = new Float64Array(d * d);
  const right = new Float64Array(d * classes);
  const centred = new Float64Array(d);
  features.forEach((row, r) => {
    for (let i = 0; i < d; i++) centred[i] = (row[i] ?? 0) - (mean[i] ?? 0);
    for (let i = 0; i < d; i++) {
      const value = centred[i] ?? 0;
      for (let j = 0; j <= i; j++) gram[i * d + j] = (gram[i * d + j] ?? 0) + value * (centred[j] ?? 0);
      const label = labels[r] ?? 0;
      for (let c = 0; c < classes; c++) right[i * classes + c] = (right[i * classes + c] ?? 0) + value * ((c === label ? 1 : 0) - 1 / classes);
    }
  });
  let trace = 0;
  for (let i = 0; i < d; i++) trace += gram[i * d + i] ?? 0;
  const lambda = (0.03 * trace) / d;
  for (let i = 0; i < d; i++) gram[i * d + i] = (gram[i * d + i] ?? 0) + lambda;
  for (let i = 0; i < d; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = gram[i * d + j] ?? 0;
      for (let k = 0; k < j; k++) sum -= (gram[i * d + k] ?? 0) * (gram[j * d + k] ?? 0);
      gram[i * d + j] = i === j ? Math.sqrt(sum) : sum / (gram[j * d + j] ?? 1);
    }
  }
  for (let c = 0; c < classes; c++) {
    for (let i = 0; i < d; i++) {
      let sum = right[i * classes + c] ?? 0;
      for (let k = 0; k < i; k++) sum -= (gram[i * d + k] ?? 0) * (right[k * classes + c] ?? 0);
      right[i * classes + c] = sum / (gram[i * d + i] ?? 1);
    }
    for (let i = d - 1; i >= 0; i--) {
      let sum = right[i * classes + c] ?? 0;
      for (let k = i + 1; k < d; k++) sum -= (gram[k * d + i] ?? 0) * (right[k * classes + c] ?? 0);
      right[i * classes + c] = sum / (gram[i * d + i] ?? 1);
    }
  }
  // Scores in a range in which differences are as large as logits usually are.
  const gain = 10;
  const weight = new Float32Array(classes * d);
  const bias = new Float32Array(classes);
  for (let c = 0; c < classes; c++) {
    let shift = 0;
    for (let i = 0; i < d; i++) {
      const value = gain * (right[i * classes + c] ?? 0);
      weight[c * d + i] = value;
      shift += value * (mean[i] ?? 0);
    }
    bias[c] = -shift;
  }
  return { weight, bias };
}

type Head = { readonly weight: Float32Array; readonly bias: Float32Array; readonly classes: number } | null;

/** The network up to what is learnt; `linear` leaves the last BatchNorm and Relu out, `features` ends at the pooled features. */
function networkOf(learnt: readonly Learnt[], head: Head, end: 'relu' | 'linear' | 'features' = 'relu'): Model {
  const nodes: NodeData[] = [];
  const initializers = new Map<string, Tensor>();
  const add = (opType: string, name: string, inputs: string[], attributes: Record<string, Attribute> = {}): string => {
    const output = `${name}_out`;
    nodes.push({ name, opType, domain: '', inputs, outputs: [output], attributes: new Map(Object.entries(attributes)), docString: '', rest: [] });
    return output;
  };
  const put = (tensor: Tensor): string => {
    initializers.set(tensor.name, tensor);
    return tensor.name;
  };
  let value = 'picture';
  let channels = 3;
  learnt.forEach((layer, index) => {
    const plan = LAYERS[index];
    if (plan === undefined) return;
    const name = `block${index + 1}`;
    const c = plan.channels;
    const pad = (plan.kernel - 1) / 2;
    const weight = put(floatTensor(`${name}.conv.weight`, [c, channels, plan.kernel, plan.kernel], layer.weight));
    value = add('Conv', `${name}/conv`, [value, weight], { kernel_shape: makeInts([plan.kernel, plan.kernel]), strides: makeInts([plan.stride, plan.stride]), pads: makeInts([pad, pad, pad, pad]) });
    channels = c;
    if (end === 'linear' && index === learnt.length - 1) return;
    const statistics = [
      put(floatTensor(`${name}.bn.weight`, [c], new Float32Array(c).fill(1))),
      put(floatTensor(`${name}.bn.bias`, [c], new Float32Array(c).fill(-THRESHOLD))),
      put(floatTensor(`${name}.bn.running_mean`, [c], layer.mean)),
      put(floatTensor(`${name}.bn.running_var`, [c], layer.variance)),
    ];
    value = add('BatchNormalization', `${name}/bn`, [value, ...statistics], { epsilon: makeFloat(1e-5) });
    value = add('Relu', `${name}/relu`, [value]);
    // Between the second and third block a pool halves the picture; the extra Identity is what some exporters leave.
    if (index === 1) value = add('MaxPool', 'pool', [add('Identity', 'pass', [value])], { kernel_shape: makeInts([2, 2]), strides: makeInts([2, 2]) });
  });
  if (head !== null || end === 'features') {
    value = add('AveragePool', 'features', [value], { kernel_shape: makeInts([2, 2]), strides: makeInts([2, 2]) });
    value = add('Dropout', 'dropout', [add('Flatten', 'flatten', [value], { axis: makeInt(1) })]);
  }
  if (head !== null) {
    const features = head.weight.length / head.classes;
    put(floatTensor('classifier.weight', [head.classes, features], head.weight));
    put(floatTensor('classifier.bias', [head.classes], head.bias));
    value = add('Gemm', 'classifier', [value, 'classifier.weight', 'classifier.bias'], { transB: makeInt(1) });
  }
  const last = nodes.at(-1);
  if (last !== undefined) last.outputs = ['scores'];
  const graph: GraphData = {
    name: 'shelf',
    docString: '',
    nodes,
    inputs: [{ name: 'picture', elemType: 1, shape: ['batch', 3, PICTURE_SIZE, PICTURE_SIZE] }],
    outputs: [{ name: 'scores', elemType: 1, shape: head === null ? null : ['batch', head.classes] }],
    initializers,
    valueInfo: new Map(),
    rest: [],
  };
  return {
    irVersion: 8, opsets: [{ domain: '', version: 13 }], producerName: 'edgewise-sample', producerVersion: '1', domain: '', modelVersion: 1n,
    docString: 'Recognizes eight kinds of drawn products on a shelf. Made by scripts/sample.', graph, metadata: [], functions: [], rest: [],
  };
}

async function outputsOf(model: Model, pictures: readonly Float32Array[]): Promise<Float32Array[]> {
  const session = await InferenceSession.create(Buffer.concat([...encodeModel(model).chunks]), { logSeverityLevel: 3 });
  const result: Float32Array[] = [];
  for (let at = 0; at < pictures.length; at += BATCH) {
    const batch = pictures.slice(at, at + BATCH);
    const data = new Float32Array(batch.length * (batch[0]?.length ?? 0));
    batch.forEach((picture, i) => data.set(picture, i * picture.length));
    const { scores } = await session.run({ picture: new RuntimeTensor('float32', data, [batch.length, 3, PICTURE_SIZE, PICTURE_SIZE]) });
    const values = scores?.data as Float32Array;
    const size = values.length / batch.length;
    for (let i = 0; i < batch.length; i++) result.push(values.slice(i * size, (i + 1) * size));
  }
  await session.release();
  return result;
}
