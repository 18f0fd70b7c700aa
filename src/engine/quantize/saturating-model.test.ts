/** The emulation in the runtime against plain loops over integers, which saturate each pair as the instruction does. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import { buildModel, reread } from '../../../test/support/build-model.ts';
import { runModel } from '../../../test/support/run-model.ts';
import { DataType, makeTensor, type Model } from '../onnx/index.ts';
import { bytesOf } from '../onnx/tensor.ts';
import { saturatingModel } from './saturating-model.ts';

const random = seededRandom(3);
const integers = (length: number, from: number, to: number): number[] => Array.from({ length }, () => Math.round(from + random() * (to - from)));
const clamp16 = (value: number): number => Math.min(32767, Math.max(-32768, value));
/** Sums of two products in 16 bits, then of those in 32. */
const saturatedSum = (a: readonly number[], w: readonly number[]): number => {
  let sum = 0;
  for (let k = 0; k < a.length; k += 2) sum += clamp16((a[k] as number) * (w[k] as number) + (a[k + 1] ?? 0) * (w[k + 1] ?? 0));
  return sum;
};

const SCALE = 0.5;
const ZERO = 20;
const WEIGHT_SCALE = 0.25;

interface Layer {
  readonly op: 'Conv' | 'Gemm' | 'MatMul';
  readonly input: readonly number[];
  readonly dims: readonly number[];
  readonly weights: readonly number[];
  readonly attrs?: Record<string, number | readonly number[]>;
}

const int8Model = ({ op, input, dims, weights, attrs = {} }: Layer): Model =>
  buildModel({
    inputs: { x: input },
    outputs: ['y'],
    initializers: {
      s: { dims: [], values: [SCALE] }, z: makeTensor('z', DataType.UINT8, [], Uint8Array.of(ZERO)), ws: { dims: [], values: [WEIGHT_SCALE] }, wz: makeTensor('wz', DataType.INT8, [], Uint8Array.of(0)),
      w: makeTensor('w', DataType.INT8, dims, bytesOf(Int8Array.from(weights))),
    },
    nodes: [
      { op: 'QuantizeLinear', in: ['x', 's', 'z'], out: ['q'] },
      { op: 'DequantizeLinear', in: ['q', 's', 'z'], out: ['d'] },
      { op: 'DequantizeLinear', in: ['w', 'ws', 'wz'], out: ['wd'] },
      { op, in: ['d', 'wd'], out: ['y'], name: 'layer', attrs },
    ],
  });

/** @param integersOf the activations (u8) and weights that output `index` sums, in order */
async function check(layer: Layer, activations: readonly number[], integersOf: (index: number) => readonly [readonly number[], readonly number[]]): Promise<void> {
  const x = { x: { type: 'float32', dims: layer.input, data: Float32Array.from(activations, (q) => (q - ZERO) * SCALE) } } as const;
  const { model, layers } = saturatingModel(int8Model(layer));
  expect(layers.map(({ layer: name }) => name)).toEqual(['layer']);
  const share = layers[0]?.share ?? '';
  const seen = await runModel(reread({ ...model, graph: { ...model.graph, outputs: [...model.graph.outputs, { name: share, elemType: DataType.FLOAT, shape: [] }] } }), x);
  const exact = (await runModel(int8Model(layer), x))['y']?.data as Float32Array;
  const found = seen['y']?.data as Float32Array;
  let lost = 0;
  let saturated = 0;
  let pairs = 0;
  found.forEach((value, index) => {
    const [a, w] = integersOf(index);
    // The zero point is taken off afterwards, from sums that do not saturate.
    const sum = saturatedSum(a, w) - ZERO * w.reduce((total, one) => total + one, 0);
    expect(value).toBeCloseTo(sum * SCALE * WEIGHT_SCALE, 1);
    if (Math.abs(value - (exact[index] as number)) > 0.05) lost++;
    for (let k = 0; k + 1 < a.length; k += 2, pairs++) {
      const pair = (a[k] as number) * (w[k] as number) + (a[k + 1] as number) * (w[k + 1] as number);
      if (clamp16(pair) !== pair) saturated++;
    }
  });
  expect(lost).toBeGreaterThan(0);
  expect(Number(seen[share]?.data[0])).toBeCloseTo(saturated / pairs, 6);
}

describe('16-bit saturation of u8 x s8', () => {
  it.each(['Gemm', 'MatMul'] as const)('%s loses what plain loops lose', async (op) => {
    const [rows, terms, columns] = [4, 9, 5];
    const activations = integers(rows * terms, 100, 255);
    const weights = integers(terms * columns, -127, 127);
    const at = (index: number) => [activations.slice(Math.floor(index / columns) * terms, (Math.floor(index / columns) + 1) * terms), Array.from({ length: terms }, (_, k) => weights[k * columns + (index % columns)] as number)] as const;
    await check({ op, input: [rows, terms], dims: [terms, columns], weights }, activations, at);
  });

  it('Gemm with transposed weights', async () => {
    const [rows, terms, columns] = [3, 8, 6];
    const activations = integers(rows * terms, 100, 255);
    const weights = integers(terms * columns, -127, 127);
    const at = (index: number) => [activations.slice(Math.floor(index / columns) * terms, (Math.floor(index / columns) + 1) * terms), weights.slice((index % columns) * terms, ((index % columns) + 1) * terms)] as const;
    await check({ op: 'Gemm', input: [rows, terms], dims: [columns, terms], weights, attrs: { transB: 1 } }, activations, at);
  });

  it('MatMul of a batch', async () => {
    const [terms, columns] = [6, 4];
    const activations = integers(2 * 3 * terms, 100, 255);
    const weights = integers(terms * columns, -127, 127);
    const at = (index: number) => [activations.slice(Math.floor(index / columns) * terms, (Math.floor(index / columns) + 1) * terms), Array.from({ length: terms }, (_, k) => weights[k * columns + (index % columns)] as number)] as const;
    await check({ op: 'MatMul', input: [2, 3, terms], dims: [terms, columns], weights }, activations, at);
  });

  // Three channels: pairs reach over from one kernel position to the next. Padding holds the zero point.
  it.each([[3, 1, 2], [4, 2, 1]] as const)('Conv with %i channels in %i group(s), stride %i', async (channels, group, stride) => {
    const [height, width, outputs, kernel, pad] = [6, 5, 4, 3, 1];
    const perGroup = channels / group;
    const activations = integers(channels * height * width, 120, 255);
    const weights = integers(outputs * perGroup * kernel * kernel, -127, 127);
    const [outHeight, outWidth] = [height, width].map((size) => Math.floor((size + 2 * pad - kernel) / stride) + 1) as [number, number];
    const at = (index: number): readonly [number[], number[]] => {
      const output = Math.floor(index / (outHeight * outWidth));
      const [row, column] = [Math.floor(index / outWidth) % outHeight, index % outWidth];
      const [a, w]: [number[], number[]] = [[], []];
      for (let y = 0; y < kernel; y++) {
        for (let x = 0; x < kernel; x++) {
          for (let c = 0; c < perGroup; c++) {
            const [fromY, fromX] = [row * stride + y - pad, column * stride + x - pad];
            const inside = fromY >= 0 && fromX >= 0 && fromY < height && fromX < width;
            a.push(inside ? (activations[((Math.floor(output / (outputs / group)) * perGroup + c) * height + fromY) * width + fromX] as number) : ZERO);
            w.push(weights[((output * perGroup + c) * kernel + y) * kernel + x] as number);
          }
        }
      }
      return [a, w];
    };
    await check({ op: 'Conv', input: [1, channels, height, width], dims: [outputs, perGroup, kernel, kernel], weights, attrs: { pads: [pad, pad, pad, pad], strides: [stride, stride], group } }, activations, at);
  });

  it('changes nothing where no pair of weights passes 128', () => {
    const model = int8Model({ op: 'MatMul', input: [2, 8], dims: [8, 4], weights: integers(32, -64, 64) });
    const { model: result, layers, examined } = saturatingModel(model);
    expect([layers, examined]).toEqual([[], 1]);
    expect(result.graph.nodes).toHaveLength(model.graph.nodes.length);
  });
});
