/**
 * ResNet-50 and MobileNetV2 as exporters write them, with seeded weights and any width: BatchNormalization apart, bounds and shapes as nodes.
 *
 * Two exporters:
 * - `shapes` flattens through Shape, Gather, Unsqueeze, Concat and Reshape, as exporters with dynamic axes do, and every weight is its own.
 * - `shared` stores equal weights once and reaches the others through Identity nodes, as PyTorch's exporter does. The normalizations
 *   have scale 1 and shift 0, as before any training of them, so that all of one width share: ResNet-50 has 53 normalizations of 6 widths,
 *   2 * (53 - 6) = 94 Identity nodes and 269 nodes in all; MobileNetV2 has 52 of 13 widths, 78 Identity nodes, 70 Constant nodes with
 *   the bounds of Clip, and 300 in all. Flattening is one Flatten.
 */
import { seededRandom } from '../../src/base/random.ts';
import { floatTensor, int64Tensor, type Model, type Tensor } from '../../src/engine/onnx/index.ts';
import { buildModel, type NodeSpec } from './build-model.ts';

interface Trunk {
  readonly value: string;
  readonly channels: number;
}

export type Exporter = 'shapes' | 'shared';

class NetworkBuilder {
  readonly #exporter: Exporter;
  readonly #nodes: NodeSpec[] = [];
  readonly #initializers: Record<string, Tensor> = {};
  readonly #random = seededRandom(1);
  #count = 0;

  constructor(exporter: Exporter) {
    this.#exporter = exporter;
  }

  weight(name: string, dims: readonly number[], scale: number, center = 0): string {
    const values = Float32Array.from({ length: dims.reduce((product, size) => product * size, 1) }, () => center + scale * (this.#random() - 0.5));
    this.#initializers[name] = floatTensor(name, dims, values);
    return name;
  }

  node(op: string, inputs: readonly string[], attrs: NonNullable<NodeSpec['attrs']> = {}): string {
    const out = `${op.toLowerCase()}_${this.#count++}`;
    this.#nodes.push({ op, in: inputs, out: [out], name: out, attrs });
    return out;
  }

  /** Conv without bias, then BatchNormalization. */
  convNorm({ value, channels }: Trunk, to: number, kernel: number, stride: number, group = 1): Trunk {
    const id = this.#count;
    const fanIn = (channels / group) * kernel * kernel;
    const weight = this.weight(`weight_${id}`, [to, channels / group, kernel, kernel], 2 * Math.sqrt(3 / fanIn));
    const pad = (kernel - 1) / 2;
    const conv = this.node('Conv', [value, weight], { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad], dilations: [1, 1], group });
    const affine =
      this.#exporter === 'shared'
        ? [this.#shared('ones', to, 1), this.#shared('zeros', to, 0)]
        : [this.weight(`scale_${id}`, [to], 0.2, 1), this.weight(`shift_${id}`, [to], 0.2)];
    const statistics = [...affine, this.weight(`mean_${id}`, [to], 0.2), this.weight(`variance_${id}`, [to], 0.5, 1)];
    return { value: this.node('BatchNormalization', [conv, ...statistics]), channels: to };
  }

  /** The first of its length is stored, any other is an Identity of it. */
  #shared(name: string, length: number, value: number): string {
    const stored = `${name}_${length}`;
    return stored in this.#initializers ? this.node('Identity', [stored]) : this.weight(stored, [length], 0, value);
  }

  relu({ value, channels }: Trunk): Trunk {
    return { value: this.node('Relu', [value]), channels };
  }

  /** Clip with its bounds as Constant nodes. */
  relu6({ value, channels }: Trunk): Trunk {
    const bound = (limit: number): string => this.node('Constant', [], { value: floatTensor('', [], Float32Array.of(limit)) });
    return { value: this.node('Clip', [value, bound(0), bound(6)]), channels };
  }

  add(a: Trunk, b: Trunk): Trunk {
    return { value: this.node('Add', [a.value, b.value]), channels: a.channels };
  }

  /** Global average, flattening, Gemm. */
  finish({ value, channels }: Trunk, classes: number, size: number): Model {
    const pooled = this.node('GlobalAveragePool', [value]);
    const flat = this.#exporter === 'shared' ? this.node('Flatten', [pooled], { axis: 1 }) : this.#flattenThroughShape(pooled);
    const logits = this.node('Gemm', [flat, this.weight('head', [classes, channels], 0.1), this.weight('head_bias', [classes], 0.1)], { transB: 1 });
    return buildModel({ opset: 13, inputs: { input: ['batch', 3, size, size] }, outputs: { [logits]: ['batch', classes] }, initializers: this.#initializers, nodes: this.#nodes });
  }

  #flattenThroughShape(pooled: string): string {
    const index = this.node('Constant', [], { value: int64Tensor('', [], [0]) });
    const batch = this.node('Unsqueeze', [this.node('Gather', [this.node('Shape', [pooled]), index], { axis: 0 }), this.node('Constant', [], { value: int64Tensor('', [1], [0]) })]);
    return this.node('Reshape', [pooled, this.node('Concat', [batch, this.node('Constant', [], { value: int64Tensor('', [1], [-1]) })], { axis: 0 })]);
  }
}

/** 53 convolutions. @param width factor on channels; 1 is 25.5 M parameters */
export function resNet50(width = 1, size = 224, exporter: Exporter = 'shapes'): Model {
  const builder = new NetworkBuilder(exporter);
  const wide = (channels: number): number => Math.max(4, Math.round(channels * width));
  let x = builder.relu(builder.convNorm({ value: 'input', channels: 3 }, wide(64), 7, 2));
  x = { ...x, value: builder.node('MaxPool', [x.value], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }) };
  for (const [blocks, channels, stride] of [[3, 64, 1], [4, 128, 2], [6, 256, 2], [3, 512, 2]] as const) {
    for (let block = 0; block < blocks; block++) {
      const step = block === 0 ? stride : 1;
      let y = builder.relu(builder.convNorm(x, wide(channels), 1, 1));
      y = builder.relu(builder.convNorm(y, wide(channels), 3, step));
      y = builder.convNorm(y, wide(channels) * 4, 1, 1);
      x = builder.relu(builder.add(y, block === 0 ? builder.convNorm(x, wide(channels) * 4, 1, step) : x));
    }
  }
  return builder.finish(x, 1000, size);
}

/** 52 convolutions. @param width factor on channels; 1 is 3.5 M parameters */
export function mobileNetV2(width = 1, size = 224, exporter: Exporter = 'shapes'): Model {
  const builder = new NetworkBuilder(exporter);
  const wide = (channels: number): number => Math.max(4, Math.round(channels * width));
  let x = builder.relu6(builder.convNorm({ value: 'input', channels: 3 }, wide(32), 3, 2));
  for (const [expansion, channels, blocks, stride] of [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]] as const) {
    for (let block = 0; block < blocks; block++) {
      const hidden = x.channels * expansion;
      let y = expansion === 1 ? x : builder.relu6(builder.convNorm(x, hidden, 1, 1));
      y = builder.convNorm(builder.relu6(builder.convNorm(y, hidden, 3, block === 0 ? stride : 1, hidden)), wide(channels), 1, 1);
      x = block === 0 ? y : builder.add(x, y);
    }
  }
  return builder.finish(builder.relu6(builder.convNorm(x, wide(1280), 1, 1)), 1000, size);
}
