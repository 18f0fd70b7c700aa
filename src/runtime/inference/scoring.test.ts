/** Accuracy and fidelity against hand values and the plain formulas. */
import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { ValueDescription } from '../../base/ports.ts';
import { seededRandom } from '../../base/random.ts';
import { argMax, createAccuracyMeter, createFidelityMeter, scoresOf } from './scoring.ts';

const floats = (values: readonly number[], dims: readonly number[] = [1, values.length]): Tensor => new Tensor('float32', Float32Array.from(values), [...dims]);
const describeOutputs = (...names: string[]): ValueDescription[] => names.map((name) => ({ name, type: 'float32', shape: [1, null] }));

function fidelity(pairs: readonly (readonly [readonly number[], readonly number[]])[]): ReturnType<ReturnType<typeof createFidelityMeter>['result']> {
  const meter = createFidelityMeter(describeOutputs('y'), 0);
  for (const [reference, candidate] of pairs) meter.add({ y: floats(reference) }, { y: floats(candidate) });
  return meter.result();
}

describe('accuracy', () => {
  const measure = (samples: readonly (readonly [readonly number[], number])[]): ReturnType<ReturnType<typeof createAccuracyMeter>['result']> => {
    const meter = createAccuracyMeter();
    for (const [scores, label] of samples) meter.add(Float32Array.from(scores), label);
    return meter.result();
  };

  it('counts the best and the best five', () => {
    expect(measure([[[0, 3, 1, 2, 4, 5, 6], 6], [[0, 3, 1, 2, 4, 5, 6], 1], [[0, 3, 1, 2, 4, 5, 6], 2], [[9, 1], 1]])).toEqual({ samples: 4, top1: 0.25, top5: 0.75, correct: [1, 0, 0, 0] });
  });

  it('gives a tie to nobody: equal scores are no answer', () => {
    expect(measure([[[1, 1, 1, 1, 1, 1], 0]])).toMatchObject({ top1: 0, top5: 0 });
    expect(measure([[[1, 1, 1, 1, 1], 0]])).toMatchObject({ top1: 0, top5: 1 });
    expect(measure([[[2, 2, 1], 0]])).toMatchObject({ top1: 0 });
  });

  it('takes no answer from NaN, whether it is the label or another class', () => {
    expect(measure([[[Number.NaN, 0], 0]])).toMatchObject({ top1: 0 });
    expect(measure([[[1, Number.NaN], 0]])).toMatchObject({ top1: 0 });
  });

  it('is 0 of 0 without samples', () => {
    expect(measure([])).toEqual({ samples: 0, top1: 0, top5: 0, correct: [] });
  });

  it('names a label that the model does not know', () => {
    expect(() => measure([[[1, 2, 3], 3]])).toThrow(expect.objectContaining({ code: 'BAD_LABELS', message: expect.stringContaining('label 3') }));
  });
});

describe('fidelity', () => {
  it('is perfect for equal outputs', () => {
    const result = fidelity([[[1, 2, 3], [1, 2, 3]], [[0, 0, 0], [0, 0, 0]]]);
    expect(result).toMatchObject({ samples: 2, sqnrDb: null, top1Agreement: 1, maxAbsError: 0 });
    expect(result.cosine).toBe(1);
    expect(result.cosineMin).toBe(1);
  });

  it('has known values: 45 degrees, and a tenth of noise', () => {
    expect(fidelity([[[1, 0], [1, 1]]]).cosine).toBeCloseTo(Math.SQRT1_2, 12);
    // Signal 200, noise 2: 20 dB.
    expect(fidelity([[[10, 10], [11, 9]]]).sqnrDb).toBeCloseTo(20, 10);
    expect(fidelity([[[1, 2], [-1, -2]]])).toMatchObject({ cosineMin: -1, top1Agreement: 0, maxAbsError: 4 });
  });

  it('agrees with the formulas on random outputs of several samples', () => {
    const random = seededRandom(11);
    const pairs = Array.from({ length: 7 }, () => {
      const reference = Array.from({ length: 50 }, () => Math.fround(random() * 4 - 2));
      return [reference, reference.map((value) => Math.fround(value + (random() - 0.5) * 0.5))] as const;
    });
    const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
    const cosines = pairs.map(([a, b]) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)));
    const errors = pairs.map(([a, b]) => a.map((value, i) => value - (b[i] as number)));
    const result = fidelity(pairs);
    expect(result.cosine).toBeCloseTo(cosines.reduce((x, y) => x + y, 0) / 7, 12);
    expect(result.cosineMin).toBeCloseTo(Math.min(...cosines), 12);
    expect(result.sqnrDb).toBeCloseTo(10 * Math.log10(pairs.reduce((sum, [a]) => sum + dot(a, a), 0) / errors.reduce((sum, e) => sum + dot(e, e), 0)), 10);
    expect(result.maxAbsError).toBeCloseTo(Math.max(...errors.flat().map(Math.abs)), 12);
    expect(result.top1Agreement).toBe(pairs.filter(([a, b]) => a.indexOf(Math.max(...a)) === b.indexOf(Math.max(...b))).length / 7);
  });

  it('takes all outputs of a sample as one vector', () => {
    const meter = createFidelityMeter(describeOutputs('a', 'b'), 0);
    meter.add({ a: floats([3, 0]), b: floats([0, 4]) }, { a: floats([3, 0]), b: floats([0, -4]) });
    expect(meter.result().cosine).toBeCloseTo((9 - 16) / 25, 12);
  });

  it('is at its worst, and finite, where the candidate answers NaN or infinity', () => {
    for (const broken of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const result = fidelity([[[1, 2], [1, 2]], [[1, 2], [broken, 2]]]);
      expect(result.cosineMin).toBe(0);
      expect(result.sqnrDb).toBeLessThan(-100);
      expect(result.maxAbsError).toBe(Number.MAX_VALUE);
      expect(JSON.parse(JSON.stringify(result))).toEqual(result);
    }
  });

  it('lets equal infinities and equal NaN pass', () => {
    expect(fidelity([[[1, Number.NEGATIVE_INFINITY, Number.NaN], [1, Number.NEGATIVE_INFINITY, Number.NaN]]])).toMatchObject({ sqnrDb: null, maxAbsError: 0 });
  });

  it('has no agreement to tell where outputs are no class scores', () => {
    const meter = createFidelityMeter(describeOutputs('map'), 0);
    meter.add({ map: floats([1, 2, 3, 4], [1, 1, 2, 2]) }, { map: floats([1, 2, 3, 4], [1, 1, 2, 2]) });
    expect(meter.result().top1Agreement).toBeNull();
  });

  it('refuses models with different outputs', () => {
    const meter = createFidelityMeter(describeOutputs('y'), 0);
    expect(() => meter.add({ y: floats([1, 2]) }, { z: floats([1, 2]) })).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
    expect(() => meter.add({ y: floats([1, 2]) }, { y: floats([1, 2, 3]) })).toThrow(expect.objectContaining({ code: 'BAD_REQUEST', message: expect.stringContaining('2 elements') }));
  });
});

describe('the output with the scores', () => {
  it('is the one with as many elements as classes, else the first that looks like scores', () => {
    const results = { a: floats([1, 2, 3]), b: floats([1, 2]), map: floats([1, 2, 3, 4], [1, 1, 2, 2]) };
    const outputs = describeOutputs('a', 'b', 'map');
    expect(scoresOf(results, outputs, 3)).toHaveLength(3);
    expect(scoresOf(results, outputs, 2)).toHaveLength(2);
    expect(scoresOf(results, outputs, 0)).toHaveLength(3);
    expect(scoresOf(results, outputs, 7)).toHaveLength(3);
    expect(scoresOf({ map: results.map }, describeOutputs('map'), 4)).toBeUndefined();
    expect(scoresOf({ y: floats([1, 2, 3], [1, 3, 1, 1]) }, describeOutputs('y'), 0)).toHaveLength(3);
    expect(scoresOf({ y: new Tensor('int64', BigInt64Array.of(1n, 2n), [1, 2]) }, describeOutputs('y'), 2)).toBeUndefined();
  });

  it('is read by its largest value, the first on ties, NaN aside', () => {
    expect(argMax(Float32Array.of(1, 3, 3))).toBe(1);
    expect(argMax(Float32Array.of(-2, -1))).toBe(1);
    expect(argMax(Float32Array.of(Number.NaN, 5, 1))).toBe(1);
    expect(argMax(Float32Array.of(Number.NaN, Number.NaN))).toBe(-1);
  });
});
