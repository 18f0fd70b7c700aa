/**
 * Weights of matrix products in 4 bits, as com.microsoft MatMulNBits: each column of W in blocks of some rows, each block with a scale of its
 * own (and a zero point where asked for). Activations stay float. W = (q - z) * s with q from 0 to 15, two in a byte, the lower bits first;
 * z is 8 where it is not stored.
 *
 * A block's scale is the one with the least squared error, not the one that reaches its largest weight: starting from several, weights go
 * to their nearest step, then the scale to the best one for those steps: sum(w u) / sum(u^2), with u = q - z; twice.
 */
import { z } from 'zod';
import { describeNode, makeInt } from '../onnx/attributes.ts';
import { Graph } from '../onnx/graph.ts';
import { floatTensor, makeTensor } from '../onnx/tensor.ts';
import { DataType, opsetOf, type Model } from '../onnx/types.ts';
import { copyModel } from '../passes/pipeline.ts';
import type { RewrittenModel } from './dynamic-int8.ts';
import { findProducts, matrixOf, noProducts, productKey, removeUnread, replaceProduct, type MatrixProduct } from './matrix-products.ts';

export const int4BlocksOptions = z.strictObject({
  /** Nodes that stay float, by name or by the name of their first output. */
  exclude: z.array(z.string()).default([]),
  /** Rows that share a scale. */
  blockSize: z.union([z.literal(16), z.literal(32), z.literal(64), z.literal(128)]).default(32),
  /** Zero point 8 for all, or one a block. */
  symmetric: z.boolean().default(true),
  /** How the runtime may round activations inside the product: 1 float32, 4 int8 (the fastest); 0: as it likes. */
  accuracyLevel: z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(3), z.literal(4)]).default(4),
  /** Products with fewer weights stay float: there is nothing to be saved. */
  minWeights: z.number().int().min(0).default(4096),
});

export type Int4BlocksOptions = z.output<typeof int4BlocksOptions>;

const MICROSOFT = 'com.microsoft';
const MIDDLE = 8;
const LARGEST = 15;
/** Parts of the full range that are tried. */
const SHRINKS = [1, 0.92, 0.85, 0.78];

/**
 * Quantizes a copy of the model.
 * @throws NOT_QUANTIZABLE where there is no product of constant weights that is large enough
 */
export function quantizeInt4Blocks(model: Model, options: Int4BlocksOptions): RewrittenModel {
  const copy = copyModel(model);
  const graph = new Graph(copy.graph);
  const found = findProducts(graph, options);
  const small = found.products.filter(({ rows, columns }) => rows * columns < options.minWeights);
  const products = found.products.filter((product) => !small.includes(product));
  const left = [...found.left, ...small.map(({ node }) => ({ node, reason: `it has fewer than ${options.minWeights} weights` }))];
  if (products.length === 0) throw noProducts(left);
  const stored = new Map<string, StoredBlocks>();
  let before = 0;
  let after = 0;
  let noise = 0;
  let signal = 0;
  for (const product of products) {
    const key = productKey(product);
    let blocks = stored.get(key);
    if (!blocks) {
      const packed = packBlocks(matrixOf(product), product.rows, product.columns, options);
      stored.set(key, (blocks = writeBlocks(graph, product, packed)));
      before += product.tensor.dims.reduce((a, b) => a * b, 4);
      after += packed.bytes.length + packed.scales.length * 4 + (packed.zeroPoints?.length ?? 0);
      noise += packed.noise;
      signal += packed.signal;
    }
    const { inputs } = blocks;
    const { node, rows, columns } = product;
    replaceProduct(graph, product, (input, output) => {
      graph.addNode({
        opType: 'MatMulNBits', domain: MICROSOFT, name: node.name, inputs: [input, ...inputs], outputs: [output],
        attributes: {
          K: makeInt(rows), N: makeInt(columns), bits: makeInt(4), block_size: makeInt(options.blockSize),
          ...(options.accuracyLevel > 0 ? { accuracy_level: makeInt(options.accuracyLevel) } : {}),
        },
      });
    });
  }
  removeUnread(graph);
  const opsets = opsetOf(copy, MICROSOFT) > 0 ? copy.opsets : [...copy.opsets, { domain: MICROSOFT, version: 1 }];
  const sqnrDb = noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
  return {
    model: { ...copy, opsets, graph: graph.toData() },
    changed: true,
    stats: { products: products.length, left: left.length, weightBytesBefore: before, weightBytesAfter: after },
    notes: [
      `Weights of ${products.length} products in blocks of ${options.blockSize}: ${(before / after).toFixed(1)} times smaller, ${Number.isFinite(sqnrDb) ? `${sqnrDb.toFixed(1)} dB signal to noise` : 'without error'}.`,
      ...left.slice(0, 20).map(({ node, reason }) => `${describeNode(node)} stays float: ${reason}.`),
    ],
  };
}

interface StoredBlocks {
  /** Weights, scales and, where they are stored, zero points, as a node names them. */
  readonly inputs: readonly string[];
}

export interface PackedBlocks {
  /** [columns, blocks, blockSize / 2] */
  readonly bytes: Uint8Array;
  /** [columns, blocks] */
  readonly scales: Float32Array;
  /** [columns, ceil(blocks / 2)]; null: 8 everywhere. */
  readonly zeroPoints: Uint8Array | null;
  readonly blocks: number;
  /** Sums of squares: of the weights, and of their error. */
  readonly signal: number;
  readonly noise: number;
}

function writeBlocks(graph: Graph, { tensor, columns }: MatrixProduct, { bytes, scales, zeroPoints, blocks }: PackedBlocks): StoredBlocks {
  const blob = bytes.length / (columns * blocks);
  const inputs = [
    graph.addInitializer(makeTensor(`${tensor.name}_q4`, DataType.UINT8, [columns, blocks, blob], bytes)),
    graph.addInitializer(floatTensor(`${tensor.name}_scale`, [columns, blocks], scales)),
  ];
  if (zeroPoints) inputs.push(graph.addInitializer(makeTensor(`${tensor.name}_zero`, DataType.UINT8, [columns, Math.ceil(blocks / 2)], zeroPoints)));
  return { inputs };
}

/** @param values [columns, rows] */
export function packBlocks(values: Float32Array, rows: number, columns: number, { blockSize, symmetric }: Pick<Int4BlocksOptions, 'blockSize' | 'symmetric'>): PackedBlocks {
  const blocks = Math.ceil(rows / blockSize);
  const zeroBytes = Math.ceil(blocks / 2);
  const bytes = new Uint8Array(columns * blocks * (blockSize / 2));
  const scales = new Float32Array(columns * blocks);
  const zeroPoints = symmetric ? null : new Uint8Array(columns * zeroBytes);
  const fit = new BlockFit();
  let signal = 0;
  let noise = 0;
  for (let column = 0; column < columns; column++) {
    for (let block = 0; block < blocks; block++) {
      const from = column * rows + block * blockSize;
      const part = values.subarray(from, column * rows + Math.min(rows, (block + 1) * blockSize));
      fit.find(part, symmetric);
      scales[column * blocks + block] = fit.scale;
      if (zeroPoints) setNibble(zeroPoints, (column * zeroBytes) * 2 + block, fit.zeroPoint);
      const at = (column * blocks + block) * blockSize;
      for (let i = 0; i < blockSize; i++) setNibble(bytes, at + i, i < part.length ? stepOf(part[i] as number, fit.scale, fit.zeroPoint) : fit.zeroPoint);
      signal += fit.signal;
      noise += fit.noise;
    }
  }
  return { bytes, scales, zeroPoints, blocks, signal, noise };
}

function setNibble(bytes: Uint8Array, index: number, value: number): void {
  const byte = index >> 1;
  bytes[byte] = (bytes[byte] as number) | (index % 2 === 0 ? value : value << 4);
}

function stepOf(value: number, scale: number, zeroPoint: number): number {
  return Math.min(LARGEST, Math.max(0, Math.round(value / scale) + zeroPoint));
}

/** The best scale and zero point of one block. */
class BlockFit {
  scale = 1;
  zeroPoint = MIDDLE;
  signal = 0;
  noise = 0;

  find(values: Float32Array, symmetric: boolean): void {
    let min = 0;
    let max = 0;
    this.signal = 0;
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number;
      if (value < min) min = value;
      if (value > max) max = value;
      this.signal += value * value;
    }
    this.scale = 1;
    this.zeroPoint = MIDDLE;
    this.noise = this.signal;
    if (this.signal === 0) return;
    for (const shrink of SHRINKS) {
      if (symmetric) {
        // -8 reaches further than 7: the sign of the scale says on which side. The last is the range that holds both ends.
        const extreme = max > -min ? max : min;
        this.#try(values, (-extreme / MIDDLE) * shrink, MIDDLE);
        this.#try(values, (Math.abs(extreme) / (MIDDLE - 1)) * shrink, MIDDLE);
      } else {
        const scale = ((max - min) / LARGEST) * shrink;
        // Kept inside, so that a block all of one sign has its zero at an end.
        const zero = Math.min(LARGEST, Math.max(0, Math.round((-min * shrink) / scale)));
        this.#try(values, scale, zero);
      }
    }
  }

  /** Keeps the pair where its error is the least so far. */
  #try(values: Float32Array, start: number, zeroPoint: number): void {
    let scale = Math.fround(start);
    if (scale === 0) return;
    for (let round = 0; round < 3; round++) {
      let cross = 0;
      let square = 0;
      let noise = 0;
      for (let i = 0; i < values.length; i++) {
        const value = values[i] as number;
        const step = stepOf(value, scale, zeroPoint) - zeroPoint;
        cross += value * step;
        square += step * step;
        const error = value - step * scale;
        noise += error * error;
      }
      if (noise < this.noise) [this.noise, this.scale, this.zeroPoint] = [noise, scale, zeroPoint];
      if (square === 0) return;
      scale = Math.fround(cross / square);
      if (scale === 0) return;
    }
  }
}
