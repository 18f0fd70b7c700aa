import { Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildModel, type NodeSpec } from '../../../test/support/build-model.ts';
import { createInProcessRunner, type Sample } from '../../../test/support/in-process-runner.ts';
import { calibrationContext, normals, optimizedOperators, signalToNoise, smallNetwork, temporaryWorkspace } from '../../../test/support/quantization-testing.ts';
import type { SampleSource } from '../../base/ports.ts';
import type { ProgressUpdate } from '../../base/progress.ts';
import { seededRandom } from '../../base/random.ts';
import { reducers } from '../recipe/reducers.ts';
import { encodeModel } from '../onnx/index.ts';
import type { Model } from '../onnx/types.ts';
import { int8StepOptions, runInt8Step, type Int8StepResult } from './int8-step.ts';
import { meets } from './mixed-precision.ts';
import type { CalibrationContext } from './probe-model.ts';
import { sampleCount, someSamples, splitSamples } from './sample-split.ts';

let workspace: ReturnType<typeof temporaryWorkspace>;
beforeAll(() => {
  workspace = temporaryWorkspace();
});
afterAll(() => workspace.dispose());

const ACCURATE = { observer: { kind: 'best' }, rounding: 'adaptive', correctBias: 'full', sensitivity: true };
const PLAIN = { observer: { kind: 'min-max' }, equalize: false, correctBias: 'none' };
const step = (model: Model, options: unknown, context: Partial<CalibrationContext> = {}): Promise<Int8StepResult> =>
  runInt8Step(model, int8StepOptions.parse(options), { ...calibrationContext(workspace, createInProcessRunner({ reducers }), 16), ...context });

/** Four convolutions; channels between the first three differ in range by up to 2^8, and the factors take one another back. `bounded`: a Clip that nothing reaches, in place of Relu. */
function unequal(bounded: boolean): Model {
  const random = seededRandom(3);
  const factors = [16, 16].map((channels) => Float64Array.from({ length: channels }, () => 2 ** (8 * random() - 4)));
  const weights = (seed: number, dims: readonly [number, number, number, number], out: Float64Array | undefined, into: Float64Array | undefined) => {
    const fan = dims[1] * dims[2] * dims[3];
    const values = normals(seed, dims[0] * fan, Math.sqrt(2 / fan));
    return { dims, values: values.map((value, at) => (value * (out?.[Math.floor(at / fan)] ?? 1)) / (into?.[Math.floor((at % fan) / (dims[2] * dims[3]))] ?? 1)) };
  };
  const activation = (input: string, output: string): NodeSpec => (bounded ? { op: 'Clip', in: [input, 'low', 'high'], out: [output] } : { op: 'Relu', in: [input], out: [output] });
  return buildModel({
    inputs: { x: [1, 3, 12, 12] }, outputs: ['y'],
    initializers: {
      a: weights(1, [16, 3, 3, 3], factors[0], undefined), b: weights(2, [16, 16, 3, 3], factors[1], factors[0]), c: weights(3, [8, 16, 1, 1], undefined, factors[1]), d: weights(4, [8, 8, 1, 1], undefined, undefined),
      low: { dims: [], values: [0] }, high: { dims: [], values: [1e6] },
    },
    nodes: [
      { op: 'Conv', in: ['x', 'a'], out: ['p'], name: 'first' }, activation('p', 'q'), { op: 'Conv', in: ['q', 'b'], out: ['r'], name: 'second' }, activation('r', 's'),
      { op: 'Conv', in: ['s', 'c'], out: ['t'], name: 'third' }, { op: 'Conv', in: ['t', 'd'], out: ['y'], name: 'easy' },
    ],
  });
}

describe('a network made hard on purpose', () => {
  it('is spoilt by plain int8 and recovered by the accurate one, all in int8', async () => {
    const model = unequal(false);
    const [plain, accurate] = [await step(model, PLAIN), await step(model, ACCURATE)];
    const [before, after] = [await signalToNoise(model, plain.model, workspace), await signalToNoise(model, accurate.model, workspace)];
    expect(before).toBeLessThan(22);
    expect(after).toBeGreaterThan((before ?? 0) + 10);
    expect(accurate.kept).toEqual([]);
    expect(accurate.notes.join()).toMatch(/Best on 8 samples .* equalized up to/);
    expect(await optimizedOperators(accurate.model, workspace)).toMatchObject({ QLinearConv: 4 });
  });

  it('is recovered by layers in float where factors cannot be moved', async () => {
    const model = unequal(true);
    const goal = { sqnrDb: 22, mostFloat: 1 };
    const all = await step(model, ACCURATE);
    const found = await step(model, { ...ACCURATE, keepFloat: goal });
    expect(await signalToNoise(model, all.model, workspace)).toBeLessThan(22);
    expect(found.warnings.join()).not.toContain('goal was not met');
    expect(found.kept.length).toBeGreaterThan(0);
    expect(found.kept.length).toBeLessThan(4);
    expect(await signalToNoise(model, found.model, workspace)).toBeGreaterThan(20);
    expect((await optimizedOperators(found.model, workspace))['QLinearConv']).toBe(4 - found.kept.length);
  });
});

describe('what is chosen', () => {
  it('is not worse than any single observer on other samples, but for chance', async () => {
    const model = smallNetwork();
    const chosen = await signalToNoise(model, (await step(model, { observer: { kind: 'best' } })).model, workspace);
    for (const kind of ['min-max', 'moving-average', 'entropy']) {
      expect(chosen ?? 0).toBeGreaterThan(((await signalToNoise(model, (await step(model, { observer: { kind } })).model, workspace)) ?? 0) - 3);
    }
  });

  it('is the same for the same samples', async () => {
    const [first, second] = [await step(smallNetwork(), ACCURATE), await step(smallNetwork(), ACCURATE)];
    expect(first.notes).toEqual(second.notes);
    expect(await signalToNoise(first.model, second.model, workspace)).toBeNull();
  });

  it('measures the noise of every layer alone, and the error of every value, where it is asked to', async () => {
    const { sensitivity, errors } = await step(smallNetwork(), ACCURATE);
    expect(sensitivity.map(({ layer }) => layer)).toEqual(['n_a', 'n_b', 'n_c', 'n_d', 'n_e', 'n_y']);
    expect(errors.map(({ value }) => value)).toEqual(expect.arrayContaining(['ar', 'br', 'sum', 'cat', 'y']));
    for (const { sqnrDb, cosine } of errors) {
      expect(sqnrDb ?? 99).toBeGreaterThan(15);
      expect(cosine).toBeGreaterThan(0.95);
    }
  });

  it('shows its progress without a step back, and ends when it is cancelled', async () => {
    const seen: number[] = [];
    const controller = new AbortController();
    await step(smallNetwork(), ACCURATE, { progress: ({ fraction }: ProgressUpdate) => seen.push(fraction) });
    expect(seen.length).toBeGreaterThan(10);
    seen.forEach((fraction, at) => expect(fraction).toBeGreaterThanOrEqual((seen[at - 1] ?? 0) - 1e-9));
    const cancelled = step(smallNetwork(), ACCURATE, { signal: controller.signal, progress: ({ fraction }) => fraction > 0.4 && controller.abort() });
    await expect(cancelled).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('a drop in accuracy as the goal', () => {
  const verdict = { samples: 50, cosine: 0.99, cosineMin: 0.9, sqnrDb: 20, top1Agreement: 0.98, maxAbsError: 1, top1Drop: 0.01 };

  it('is asked of labelled samples, else of answers that stay the same, else of the cosine', () => {
    expect(meets(verdict, { top1Drop: 0.01, mostFloat: 1 })).toBe(true);
    expect(meets(verdict, { top1Drop: 0.005, mostFloat: 1 })).toBe(false);
    expect(meets({ ...verdict, top1Drop: null }, { top1Drop: 0.015, mostFloat: 1 })).toBe(false);
    expect(meets({ ...verdict, top1Drop: null, top1Agreement: null }, { top1Drop: 0.015, mostFloat: 1 })).toBe(true);
  });

  it('is met with the fewest layers in float, on samples that ranges were not learnt from', async () => {
    const model = unequal(true);
    const samples = async function* (source: SampleSource & { kind: 'dataset' }): AsyncIterable<Sample> {
      for (const index of source.indices) yield await Promise.resolve({ feeds: { x: new Tensor('float32', normals(1000 + index, 3 * 144), [1, 3, 12, 12]) }, label: labels[index] ?? 0 });
    };
    const labels: number[] = [];
    const runner = createInProcessRunner({ reducers, samples });
    const source: SampleSource = { kind: 'dataset', path: '', indices: Array.from({ length: 90 }, (_, i) => i) };
    const session = await runner.open(await workspace.write('labels.onnx', encodeModel(model).chunks));
    for (const index of source.indices) {
      const x = normals(1000 + index, 3 * 144);
      const { y } = await runner.run(session, { x: { type: 'float32', dims: [1, 3, 12, 12], bytes: new Uint8Array(x.buffer) } });
      const scores = new Float32Array((y?.bytes ?? new Uint8Array()).slice().buffer);
      labels.push(scores.indexOf(Math.max(...scores)));
    }
    const spoilt = await step(model, PLAIN, { runner, source, labelled: true });
    const found = await step(model, { ...PLAIN, keepFloat: { top1Drop: 0.05, mostFloat: 1 } }, { runner, source, labelled: true });
    const accuracyOf = async ({ model: made }: Int8StepResult): Promise<number> => {
      const opened = await runner.open(await workspace.write('made.onnx', encodeModel(made).chunks));
      return (await runner.evaluate(opened, splitSamples(source).judging)).top1;
    };
    expect(await accuracyOf(spoilt)).toBeLessThan(0.95);
    expect(await accuracyOf(found)).toBeGreaterThanOrEqual(0.95);
    expect(found.kept.length).toBeGreaterThan(0);
    await runner.dispose();
  });
});

describe('samples', () => {
  const source = (count: number): SampleSource => ({ kind: 'dataset', path: 'd', indices: Array.from({ length: count }, (_, i) => i * 2) });
  const indices = (part: SampleSource): readonly number[] => (part.kind === 'dataset' ? part.indices : []);

  it('to learn from and to judge on are never the same ones, and both are spread over all', () => {
    const { learning, judging, overlap } = splitSamples(source(100));
    expect(overlap).toBe(false);
    expect([sampleCount(learning), sampleCount(judging)]).toEqual([67, 33]);
    expect(new Set([...indices(learning), ...indices(judging)]).size).toBe(100);
    expect(Math.min(...indices(judging))).toBeLessThan(10);
    expect(Math.max(...indices(judging))).toBeGreaterThan(190);
  });

  it('are the same ones, and it is said, where there are too few', () => {
    expect(splitSamples(source(23)).overlap).toBe(true);
    const generated = splitSamples({ kind: 'generated', seed: 1, count: 16 });
    expect(generated.judging).not.toMatchObject({ seed: 1 });
  });

  it('of a part are spread over the whole', () => {
    expect(indices(someSamples(source(100), 4))).toEqual([0, 50, 100, 150]);
    expect(indices(someSamples(source(3), 4))).toEqual([0, 2, 4]);
  });
});
