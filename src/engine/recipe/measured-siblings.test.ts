import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { buildModel, modelBytes } from '../../../test/support/build-model.ts';
import { createInProcessRunner } from '../../../test/support/in-process-runner.ts';
import { normals, temporaryWorkspace } from '../../../test/support/quantization-testing.ts';
import type { InferenceRunner, LatencyComparison } from '../../base/ports.ts';
import type { Model } from '../onnx/index.ts';
import { parseRecipe, reducers, runRecipe } from './index.ts';

let workspace: ReturnType<typeof temporaryWorkspace>;
beforeAll(() => {
  workspace = temporaryWorkspace();
});
afterAll(() => workspace.dispose());

/** Two groups of siblings, one behind the other. */
function model(): Model {
  const weight = (rows: number, columns: number, seed: number) => ({ dims: [rows, columns], values: normals(seed, rows * columns, 0.2) });
  return buildModel({
    inputs: { x: [1, 16] }, outputs: ['q', 'r', 's'], initializers: { a: weight(16, 16, 1), b: weight(16, 8, 2), c: weight(16, 4, 3), d: weight(16, 2, 4) },
    nodes: [
      { op: 'Gemm', in: ['x', 'a'], out: ['p'], name: 'first' }, { op: 'Gemm', in: ['x', 'b'], out: ['q'], name: 'second' },
      { op: 'Gemm', in: ['p', 'c'], out: ['r'], name: 'third' }, { op: 'Gemm', in: ['p', 'd'], out: ['s'], name: 'fourth' },
    ],
  });
}

async function run(runner: InferenceRunner) {
  const bytes = modelBytes(model());
  return runRecipe({
    recipe: parseRecipe({ version: 1, name: 'test', steps: [{ step: 'merge-sibling-layers' }] }), modelName: 'test', modelPath: await workspace.write('input.onnx', [bytes]), model: model(),
    inputBytes: bytes.length, inputSha256: '00', data: null, runner, workspace, machine: { cpu: 'c', cores: 1, memoryBytes: 1e9, os: 'o', node: '24', onnxruntime: '1', edgewise: '0' },
    seed: 1, verify: true, threads: 1, clock: () => performance.now(), createdAt: '2026-01-01T00:00:00.000Z', hashFile: () => Promise.resolve('11'), log: () => {}, progress: () => {},
    signal: new AbortController().signal,
  });
}

/** A real runner, but for what it says of time: that is the machine's affair. */
function runnerThatMeasures(intervals: readonly (readonly [number, number])[]): InferenceRunner {
  const runner = createInProcessRunner({ reducers });
  const latency = runner.latency.bind(runner);
  let call = 0;
  return Object.assign(runner, {
    latency: vi.fn(async (...given: Parameters<typeof latency>): Promise<LatencyComparison> => {
      const measured = await latency(...given);
      const ci95 = intervals[call++];
      return ci95 ? { ...measured, ratio: (ci95[0] + ci95[1]) / 2, ci95 } : measured;
    }),
  });
}

it('merges the groups that are faster for certain, and says of each what was measured', async () => {
  const { report, model: after } = await run(runnerThatMeasures([[0.98, 1.3], [1.05, 1.2]]));
  expect(after.graph.nodes.map((node) => node.opType)).toEqual(['Gemm', 'Gemm', 'Gemm', 'Split']);
  expect(report.steps).toMatchObject([{ pass: 'merge-sibling-layers', changed: true, stats: { merged: 1, layers: 2 }, verified: { ok: true } }]);
  expect(report.steps[0]?.notes).toEqual([
    expect.stringMatching(/^first, second: 1\.14x when merged \(95 % interval 0\.98 to 1\.30; .* ms for the model\), so they stay apart\.$/),
    expect.stringMatching(/^third, fourth: 1\.13x when merged \(95 % interval 1\.05 to 1\.20; .* ms for the model\), so they were merged\.$/),
  ]);
});

it('leaves the model as it was where none is', async () => {
  const { report, model: after } = await run(runnerThatMeasures([[0.9, 1], [0.5, 0.6]]));
  expect(after.graph.nodes).toHaveLength(4);
  expect(report.steps).toMatchObject([{ pass: 'merge-sibling-layers', changed: false, nodesAfter: 4 }]);
  expect(report.steps[0]?.notes.every((note) => note.endsWith('stay apart.'))).toBe(true);
});
