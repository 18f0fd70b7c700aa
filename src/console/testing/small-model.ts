/** A classifier of 8x8 grey pictures, small enough to build in a test: convolution, batch normalization, ReLU, pooling, three classes. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { seededRandom } from '../../base/random.ts';
import { DataType, encodeModel, type Attribute, type GraphData, type Model, type NodeData, type Tensor } from '../../engine/onnx/index.ts';

const CHANNELS = 8;
const CLASSES = ['dark', 'middle', 'bright'] as const;

/** Writes the model to `path`. The seed changes its weights. */
export function writeSmallModel(path: string, seed = 1): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, Buffer.concat([...encodeModel(smallModel(seed)).chunks]));
}

/** The same with weights that nothing reads: only its file is larger, by two megabytes. */
export function writeLargerModel(path: string, seed = 1): void {
  const model = smallModel(seed);
  const bytes = new Uint8Array(2 ** 21);
  model.graph.initializers.set('spare', { name: 'spare', dataType: DataType.FLOAT, dims: [bytes.length / 4], payload: { kind: 'raw', bytes } });
  writeFileSync(path, Buffer.concat([...encodeModel(model).chunks]));
}

/** Writes `perClass` pictures for each of three classes, which differ in brightness. */
export async function writePictures(folder: string, perClass: number): Promise<void> {
  const random = seededRandom(7);
  for (const [label, name] of CLASSES.entries()) {
    mkdirSync(join(folder, name), { recursive: true });
    for (let index = 0; index < perClass; index++) {
      const pixels = Uint8Array.from({ length: 64 }, () => 20 + label * 90 + Math.floor(random() * 40));
      await sharp(pixels, { raw: { width: 8, height: 8, channels: 1 } }).png().toFile(join(folder, name, `${index}.png`));
    }
  }
}

export function smallModel(seed: number): Model {
  const random = seededRandom(seed);
  const weights = (name: string, dims: readonly number[], value: (index: number) => number): Tensor => {
    const count = dims.reduce((product, dim) => product * dim, 1);
    const values = Float32Array.from({ length: count }, (_, index) => value(index));
    return { name, dataType: DataType.FLOAT, dims, payload: { kind: 'raw', bytes: new Uint8Array(values.buffer) } };
  };
  // The mean brightness decides: score of class c is high where the mean is near its level.
  const levels = [0.16, 0.51, 0.86];
  const tensors = [
    weights('conv.w', [CHANNELS, 1, 3, 3], () => (0.9 + 0.2 * random()) / 9),
    weights('conv.b', [CHANNELS], () => 0),
    weights('bn.scale', [CHANNELS], () => 1),
    weights('bn.b', [CHANNELS], () => 0),
    weights('bn.mean', [CHANNELS], () => 0),
    weights('bn.var', [CHANNELS], () => 1),
    weights('fc.w', [3, CHANNELS], (index) => (levels[Math.floor(index / CHANNELS)] ?? 0) / CHANNELS),
    weights('fc.b', [3], (index) => -((levels[index] ?? 0) ** 2) / 2),
  ];
  const ints = (...values: number[]): Attribute => ({ kind: 'ints', value: values.map(BigInt) });
  const node = (opType: string, inputs: string[], output: string, attributes: Record<string, Attribute> = {}): NodeData => ({
    name: output,
    opType,
    domain: '',
    inputs,
    outputs: [output],
    attributes: new Map(Object.entries(attributes)),
    docString: '',
    rest: [],
  });
  const graph: GraphData = {
    name: 'small',
    docString: '',
    nodes: [
      node('Conv', ['image', 'conv.w', 'conv.b'], 'conv', { kernel_shape: ints(3, 3), pads: ints(0, 0, 0, 0) }),
      node('BatchNormalization', ['conv', 'bn.scale', 'bn.b', 'bn.mean', 'bn.var'], 'bn'),
      node('Relu', ['bn'], 'relu'),
      node('Identity', ['relu'], 'same'),
      node('GlobalAveragePool', ['same'], 'pool'),
      node('Flatten', ['pool'], 'flat'),
      node('Gemm', ['flat', 'fc.w', 'fc.b'], 'scores', { transB: { kind: 'int', value: 1n } }),
    ],
    inputs: [{ name: 'image', elemType: DataType.FLOAT, shape: ['batch', 1, 8, 8] }],
    outputs: [{ name: 'scores', elemType: DataType.FLOAT, shape: ['batch', 3] }],
    initializers: new Map(tensors.map((tensor) => [tensor.name, tensor])),
    valueInfo: new Map(),
    rest: [],
  };
  return {
    irVersion: 8,
    opsets: [{ domain: '', version: 13 }],
    producerName: 'edgewise-test',
    producerVersion: '',
    domain: '',
    modelVersion: 0n,
    docString: '',
    graph,
    metadata: [],
    functions: [],
    rest: [],
  };
}
