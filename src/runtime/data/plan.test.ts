/** Which samples calibrate and which measure. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SampleSource } from '../../base/ports.ts';
import { matchDataset, planData, type DataRequest, type PlannedData } from './plan.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-plan-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A table whose sample i is the number i, with the labels given. */
function table(labels: readonly number[]): DataRequest {
  const path = join(root, `table-${labels.length}.csv`);
  writeFileSync(path, ['label,x', ...labels.map((label, i) => `${label},${i}`)].join('\n'));
  return { path, inputs: [{ name: 'x', type: 'float32', shape: [1, 1] }], modelName: 'mlp.onnx' };
}

const indices = (source: SampleSource): readonly number[] => (source.kind === 'dataset' ? source.indices : []);
const asked = { calibration: 20, evaluation: 1000, seed: 1 };
const split = async (request: DataRequest, options: Partial<typeof asked> = {}): Promise<PlannedData & { calibrates: readonly number[]; measures: readonly number[] }> => {
  const plan = await planData(request, { ...asked, ...options });
  return { ...plan, calibrates: indices(plan.calibration), measures: indices(plan.evaluation) };
};

describe('a plan', () => {
  const labels = Array.from({ length: 200 }, (_, i) => (i < 100 ? 0 : i < 190 ? 1 : 2));

  it('never calibrates on what it measures', async () => {
    const { calibrates, measures, overlap, labelled, calibrationSamples, evaluationSamples } = await split(table(labels));
    expect([overlap, labelled, calibrationSamples, evaluationSamples]).toEqual([false, true, 20, 180]);
    expect(new Set([...calibrates, ...measures]).size).toBe(200);
    expect(measures).toEqual(measures.toSorted((a, b) => a - b));
  });

  it('takes each class alike while it lasts', async () => {
    const { calibrates } = await split(table(labels), { calibration: 21 });
    const counts = [0, 1, 2].map((label) => calibrates.filter((index) => labels[index] === label).length);
    expect(counts).toEqual([7, 7, 7]);
    const { measures } = await split(table(labels), { calibration: 3, evaluation: 9 });
    expect([0, 1, 2].map((label) => measures.filter((index) => labels[index] === label).length)).toEqual([3, 3, 3]);
  });

  it('is the same for the same seed, another for another', async () => {
    const request = table(labels);
    const first = await split(request);
    expect((await split(request)).calibrates).toEqual(first.calibrates);
    expect((await split(request, { seed: 2 })).calibrates).not.toEqual(first.calibrates);
  });

  it.each([
    [500, 1, 1, 499],
    [40, 20, 20, 20],
    [39, 20, 19, 20],
    [4, 20, 2, 2],
  ])('of %i samples, with %i asked for: %i calibrate, %i measure', async (samples, calibration, calibrates, measures) => {
    const plan = await split(table(Array.from({ length: samples }, (_, i) => i % 2)), { calibration });
    expect([plan.calibrationSamples, plan.evaluationSamples, plan.overlap]).toEqual([calibrates, measures, false]);
  });

  it('of three samples uses all for both, and says so', async () => {
    const { calibrates, measures, overlap } = await split(table([0, 1, 1]));
    expect([calibrates, measures, overlap]).toEqual([[0, 1, 2], [0, 1, 2], true]);
  });

  it('feeds by what is given, else by a guess, and says which', async () => {
    const request = table([0, 1, 0, 1]);
    expect(await split(request)).toMatchObject({ preprocess: null, preprocessGuessed: true, reasons: [expect.any(String)] });
    const given = { ...request, preprocess: { scale: 0.5 } };
    const plan = await split(given);
    expect(plan).toMatchObject({ preprocess: { scale: 0.5 }, preprocessGuessed: false, reasons: ['given'], evaluation: { preprocess: { scale: 0.5 } } });
    expect(await matchDataset(given)).toEqual({ facts: plan.facts, preprocess: { scale: 0.5 }, reasons: ['given'] });
  });
});
