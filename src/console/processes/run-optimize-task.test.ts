/** A job whose rewriting goes wrong, with the runtime's own child: what is kept of it lies where the task says. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { modelBytes } from '../../../test/support/build-model.ts';
import { mobileNetV2 } from '../../../test/support/networks.ts';
import { floatTensor } from '../../engine/onnx/index.ts';
import type { Pass } from '../../engine/passes/define-pass.ts';
import { parseRecipe } from '../../engine/recipe/index.ts';
import { withModelFile } from '../models/model-file.ts';
import { findEntries } from './entries.ts';
import { inferenceForks } from './fork-inference.ts';
import { runOptimizeTask } from './run-optimize-task.ts';

vi.mock('../../engine/passes/fold-batch-norm.ts', async (original) => {
  const { foldBatchNorm } = await original<{ foldBatchNorm: Pass }>();
  const run: Pass['run'] = async (graph, context, options) => {
    const result = await foldBatchNorm.run(graph, context, options);
    const bias = graph.initializers.get('weight_10_bias');
    if (bias && Number(result.changed) > 0) graph.setInitializer(floatTensor(bias.name, bias.dims, new Float32Array(bias.dims[0] ?? 0).fill(0.5)));
    return result;
  };
  return { foldBatchNorm: { ...foldBatchNorm, run } satisfies Pass };
});

const root = mkdtempSync(join(tmpdir(), 'edgewise-test-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

it('keeps the smallest model on which a rewrite went wrong beside the report', async () => {
  const workspace = join(root, 'work');
  mkdirSync(workspace);
  const modelPath = join(root, 'in.onnx');
  writeFileSync(modelPath, modelBytes(mobileNetV2(1 / 8, 32)));
  const logged: string[] = [];
  const { report } = await runOptimizeTask(
    {
      modelPath, modelName: 'in', recipe: parseRecipe({ version: 1, name: 'test', steps: [{ step: 'simplify' }] }), data: null, samples: 1, evaluationSamples: 1, seed: 1,
      verify: true, threads: 1, workspace, failures: join(root, 'kept', 'report'), inferenceChild: findEntries().inferenceChild, version: '0', createdAt: '2026-01-01T00:00:00.000Z',
    },
    { send: (message) => void (message.type === 'log' && logged.push(message.message)), forkInference: inferenceForks(() => findEntries().inferenceChild), signal: new AbortController().signal },
  );
  const path = join(root, 'kept', 'report.failure-fold-batch-norm.onnx');
  expect(readdirSync(join(root, 'kept'))).toEqual(['report.failure-fold-batch-norm.onnx']);
  expect(report.steps.find((step) => step.pass === 'fold-batch-norm')?.failure?.path).toBe(path);
  expect(report.warnings.join()).toContain(path);
  expect(logged.join('\n')).toContain(path);
  await withModelFile(path, ({ model }) => expect(model.graph.nodes.map((node) => node.opType)).toEqual(['Conv', 'BatchNormalization']));
});
