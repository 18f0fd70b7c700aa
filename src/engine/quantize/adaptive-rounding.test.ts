import { describe, expect, it } from 'vitest';
import { buildModel } from '../../../test/support/build-model.ts';
import { calibrationContext, normals, signalToNoise, temporaryWorkspace } from '../../../test/support/quantization-testing.ts';
import { Graph, type Node } from '../onnx/graph.ts';
import type { Model } from '../onnx/types.ts';
import { inputMoments, roundAdaptively, type RoundingRows } from './adaptive-rounding.ts';
import { chooseRounding } from './choose-rounding.ts';
import { measureInputSums, summable } from './input-sums.ts';
import { ProbeModel } from './probe-model.ts';
import { prepareStaticInt8, staticInt8Options } from './static-int8.ts';

/** e^T H e of one row, with e = q - w / scale. */
function objective(values: Float32Array, integers: Int8Array, { terms, rowStride, stride }: RoundingRows, row: number, scale: number, moments: Float32Array): number {
  const error = Array.from({ length: terms }, (_, k) => (integers[row * rowStride + k * stride] as number) - (values[row * rowStride + k * stride] as number) / scale);
  return error.reduce((sum, a, i) => sum + error.reduce((inner, b, j) => inner + a * b * (moments[i * terms + j] as number), 0), 0);
}

/** Moments of inputs that go together: all follow one number, and a little of their own. */
function together(terms: number, seed: number): Float32Array {
  const directions = normals(seed, terms);
  return Float32Array.from({ length: terms * terms }, (_, at) => {
    const [i, j] = [Math.floor(at / terms), at % terms];
    return (directions[i] as number) * (directions[j] as number) + (i === j ? 0.05 : 0);
  });
}

const nearestOf = (values: Float32Array): Int8Array => Int8Array.from(values, (value) => Math.round(value));

describe('adaptive rounding of one layer', () => {
  const terms = 12;
  const layout: RoundingRows = { rows: 8, terms, rowStride: terms, stride: 1 };
  const scales = new Float32Array(8).fill(1);
  const moments = together(terms, 5);

  it('never makes the output of a row worse than rounding to nearest, and halves its error where inputs go together', () => {
    const values = normals(1, 8 * terms, 20);
    const nearest = nearestOf(values);
    const rounded = roundAdaptively(values, nearest, { layout, scales, limit: 127, moments });
    const total = [0, 0] as [number, number];
    for (let row = 0; row < 8; row++) {
      const [before, after] = [nearest, rounded].map((integers) => objective(values, integers, layout, row, 1, moments)) as [number, number];
      expect(after).toBeLessThanOrEqual(before * 1.000001);
      total[0] += before;
      total[1] += after;
    }
    expect(total[1]).toBeLessThan(total[0] / 2);
  });

  it('takes one of the two neighbours of each weight, within the limit', () => {
    const values = normals(2, 8 * terms, 40).map((value) => Math.min(63, Math.max(-63, value)));
    const rounded = roundAdaptively(values, nearestOf(values), { layout, scales, limit: 63, moments });
    rounded.forEach((integer, index) => {
      expect(Math.abs(integer - (values[index] as number))).toBeLessThan(1);
      expect(Math.abs(integer)).toBeLessThanOrEqual(63);
    });
  });

  it('rounds to nearest where inputs have nothing to do with one another', () => {
    const identity = Float32Array.from({ length: terms * terms }, (_, at) => (Math.floor(at / terms) === at % terms ? 1 : 0));
    const values = normals(3, 8 * terms, 20);
    expect(roundAdaptively(values, nearestOf(values), { layout, scales, limit: 127, moments: identity })).toEqual(nearestOf(values));
  });

  it('finds the best of all roundings of a small row, or comes close', () => {
    const small: RoundingRows = { rows: 1, terms: 8, rowStride: 8, stride: 1 };
    const matrix = together(8, 9);
    const values = normals(4, 8, 10);
    const rounded = roundAdaptively(values, nearestOf(values), { layout: small, scales, limit: 127, moments: matrix });
    let least = Number.POSITIVE_INFINITY;
    for (let bits = 0; bits < 256; bits++) {
      least = Math.min(least, objective(values, Int8Array.from(values, (value, k) => Math.floor(value) + ((bits >> k) & 1)), small, 0, 1, matrix));
    }
    const found = objective(values, rounded, small, 0, 1, matrix);
    expect(found).toBeLessThan(objective(values, nearestOf(values), small, 0, 1, matrix));
    expect(found).toBeLessThan(least * 4 + 0.05);
  });

  it('goes by columns where the weights are stored so', () => {
    const values = normals(6, 8 * terms, 20);
    const turned = Float32Array.from({ length: values.length }, (_, at) => values[(at % 8) * terms + Math.floor(at / 8)] as number);
    const rows = roundAdaptively(values, nearestOf(values), { layout, scales, limit: 127, moments });
    const columns = roundAdaptively(turned, nearestOf(turned), { layout: { rows: 8, terms, rowStride: 1, stride: 8 }, scales, limit: 127, moments });
    columns.forEach((integer, at) => expect(integer).toBe(rows[(at % 8) * terms + Math.floor(at / 8)]));
  });

  it('uses a matrix for each group of rows', () => {
    const values = normals(7, 8 * terms, 20);
    const other = together(terms, 11);
    const both = roundAdaptively(values, nearestOf(values), { layout, scales, limit: 127, moments: Float32Array.from([...moments, ...other]) });
    expect(both.slice(0, 4 * terms)).toEqual(roundAdaptively(values, nearestOf(values), { layout, scales, limit: 127, moments }).slice(0, 4 * terms));
    expect(both.slice(4 * terms)).toEqual(roundAdaptively(values, nearestOf(values), { layout, scales, limit: 127, moments: other }).slice(4 * terms));
  });
});

describe('moments of a layer\'s inputs', () => {
  const layerOf = (model: Model): Node => new Graph(model.graph).nodes.values().next().value as Node;

  it('are those of its patches, with padding, strides and groups as the layer has them', async () => {
    const workspace = temporaryWorkspace();
    const dims = [4, 2, 3, 3];
    const model = buildModel({
      inputs: { x: [1, 4, 5, 5] }, outputs: ['y'], initializers: { w: { dims, values: normals(1, 72) } },
      nodes: [{ op: 'Conv', in: ['x', 'w'], out: ['y'], name: 'c', attrs: { group: 2, pads: [1, 1, 1, 1], strides: [2, 2] } }],
    });
    const place = summable(layerOf(model), dims);
    if (!place) throw new Error('a convolution is summable');
    const context = calibrationContext(workspace);
    const sums = (await measureInputSums(model, [place], context)).get('c');
    // 8 samples of 3 x 3 places.
    expect(sums).toMatchObject({ count: 72, terms: 18 });
    expect(sums?.products).toHaveLength(2 * 18 * 18);
    if (!sums) throw new Error('no sums');
    // The mean square of the layer's own outputs is w^T H w.
    const w = normals(1, 72);
    const prediction = Array.from({ length: 4 }, (_, o) => {
      const matrix = sums.products.subarray(Math.floor(o / 2) * 324, Math.floor(o / 2) * 324 + 324);
      let total = 0;
      for (let i = 0; i < 18; i++) for (let j = 0; j < 18; j++) total += (w[o * 18 + i] as number) * (w[o * 18 + j] as number) * (matrix[i * 18 + j] as number);
      return total;
    });
    const squares = buildModel({
      inputs: { x: [1, 4, 5, 5] }, outputs: ['s'], initializers: { w: { dims, values: normals(1, 72) } },
      nodes: [{ op: 'Conv', in: ['x', 'w'], out: ['y'], attrs: { group: 2, pads: [1, 1, 1, 1], strides: [2, 2] } }, { op: 'ReduceSumSquare', in: ['y'], out: ['s'], attrs: { axes: [0, 2, 3], keepdims: 0 } }],
    });
    const probes = new ProbeModel(squares);
    probes.addWhole('s');
    const seen = (await probes.sums(context))['s'];
    prediction.forEach((value, o) => expect(value / (seen?.[o] as number)).toBeCloseTo(1, 4));
    workspace.dispose();
  });

  it('are covariances where the means are taken out', () => {
    const moments = inputMoments({ products: Float32Array.of(10, 4, 4, 8), values: Float32Array.of(4, 2), count: 2, terms: 2 }, true);
    // 5 - 4, 2 - 2, 4 - 1, and a hundredth of the mean diagonal.
    expect([...moments].map((value) => Math.round(value * 1000) / 1000)).toEqual([1.02, 0, 0, 3.02]);
  });
});

describe('adaptive rounding of a network', () => {
  it('brings the outputs of the file closer, on samples it was not learnt from', async () => {
    const workspace = temporaryWorkspace();
    // Inputs of the second layer go together: sixteen mixtures of three channels.
    const model = buildModel({
      inputs: { x: [1, 3, 12, 12] }, outputs: ['y'],
      initializers: { a: { dims: [16, 3, 1, 1], values: normals(1, 48) }, b: { dims: [8, 16, 3, 3], values: normals(2, 1152) } },
      nodes: [{ op: 'Conv', in: ['x', 'a'], out: ['m'], name: 'first' }, { op: 'Conv', in: ['m', 'b'], out: ['y'], name: 'second' }],
    });
    const context = calibrationContext(workspace);
    const prepared = await prepareStaticInt8(model, staticInt8Options.parse({ equalize: false }), context);
    const { round, layers, turned } = await chooseRounding(prepared, true, context);
    expect(layers).toBe(2);
    expect(turned).toBeGreaterThan(50);
    const [nearest, adaptive] = [await signalToNoise(model, prepared.build().model, workspace), await signalToNoise(model, prepared.build({ round }).model, workspace)];
    expect(adaptive ?? 0).toBeGreaterThan(nearest ?? 0);
    workspace.dispose();
  });
});
