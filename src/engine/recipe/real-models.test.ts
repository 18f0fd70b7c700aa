/** Real networks through `simplify` and `int8` without help. Generated samples and few of them: this is about getting through, not accuracy. */
import { readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesSource, noExternalFiles } from '../../../test/support/build-model.ts';
import { createInProcessRunner } from '../../../test/support/in-process-runner.ts';
import { optimizedOperators, temporaryWorkspace } from '../../../test/support/quantization-testing.ts';
import { sharedData, sharedModel } from '../../../test/support/shared-data.ts';
import type { Recipe } from '../../contract/records/recipe.ts';
import { parseModel } from '../onnx/index.ts';
import { builtInRecipes, reducers, runRecipe } from './index.ts';

const networks: readonly { name: string; file: string; smaller: number; cosine?: number; dims?: Record<string, number> }[] = [
  { name: 'SqueezeNet 1.1', file: 'squeezenet1.1-reassembled/squeezenet1.1.onnx', smaller: 3.67 },
  { name: 'grocery MobileNetV2', file: 'derived-retail/grocery81_mobilenetv2_bn_relu.onnx', smaller: 3.5 },
  // Its box outputs are exponentials: on generated noise four samples are not enough to hold them closer.
  { name: 'YOLOX-nano', file: 'yolox-nano/yolox_nano.onnx', smaller: 2.3, cosine: 0.93 },
  { name: 'UltraFace RFB-320', file: 'ultraface/version-RFB-320.onnx', smaller: 2.8 },
  { name: 'YuNet', file: 'yunet/yunet_n_dynamic.onnx', smaller: 2.2, dims: { height: 320, width: 320 } },
  { name: 'OCR classifier', file: 'paddleocr/ch_ppocr_mobile_v2.0_cls_infer.onnx', smaller: 2.5, dims: { 'p2o.DynamicDimension.1': 48, 'p2o.DynamicDimension.2': 192 } },
  { name: 'ResNet-20', file: 'onnc-resnet20/resnet20.onnx', smaller: 3.6 },
  { name: 'MNIST, opset 8', file: 'ort-inference-examples/mnist.onnx', smaller: 2.5 },
  { name: 'Fashion-MNIST CNN', file: 'fashion-mnist-edwin/fashion_mnist.onnx', smaller: 3.8 },
];

describe.skipIf(sharedData === undefined)('real models, where they are at hand', () => {
  let workspace: ReturnType<typeof temporaryWorkspace>;
  beforeAll(() => {
    workspace = temporaryWorkspace();
  });
  afterAll(() => workspace.dispose());

  it.each(networks)('$name becomes int8', async ({ file, smaller, cosine = 0.95, dims }) => {
    const modelPath = sharedModel(file);
    const model = parseModel(bytesSource(readFileSync(modelPath)), noExternalFiles);
    const runner = createInProcessRunner({ reducers, ...(dims ? { dims } : {}) });
    const { report, outputPath } = await runRecipe({
      recipe: builtInRecipes['int8'] as Recipe, modelName: file, modelPath, model, inputBytes: statSync(modelPath).size, inputSha256: '', runner, workspace,
      data: {
        kind: 'generated', path: null, calibration: { kind: 'generated', seed: 1, count: 4 }, calibrationSamples: 4, evaluation: { kind: 'generated', seed: 2, count: 2 }, evaluationSamples: 2,
        labelled: false, preprocess: null, preprocessGuessed: false, overlap: false,
      },
      machine: { cpu: '', cores: 1, memoryBytes: 0, os: '', node: '', onnxruntime: '', edgewise: '' }, seed: 1, verify: true, threads: 1, clock: () => performance.now(),
      createdAt: '', hashFile: () => Promise.resolve(''), log: () => {}, progress: () => {}, signal: new AbortController().signal,
    });
    await runner.dispose();
    expect(report.steps.filter((step) => step.undone !== undefined)).toEqual([]);
    expect(report.input.bytes / report.output.bytes).toBeGreaterThan(smaller);
    expect(report.fidelity?.cosine).toBeGreaterThan(cosine);
    const quantized = report.steps.find((step) => step.pass === 'quantize-static-int8');
    const counts = await optimizedOperators(new Uint8Array(readFileSync(outputPath)), workspace);
    expect(counts['QLinearConv']).toBe(quantized?.stats['convs']);
    expect(counts['QGemm'] ?? 0).toBe(quantized?.stats['gemms']);
    // What the search left in float, and nothing else, stays float in the runtime.
    expect((counts['Conv'] ?? 0) + (counts['FusedConv'] ?? 0)).toBe(quantized?.stats['keptFloat'] ?? 0);
  });

  it('a model that is quantized already is left alone, with a warning', async () => {
    const modelPath = sharedModel('conxxr/mnist_quantized_dynamic.onnx');
    const model = parseModel(bytesSource(readFileSync(modelPath)), noExternalFiles);
    const { report } = await runRecipe({
      recipe: builtInRecipes['int8'] as Recipe, modelName: '', modelPath, model, inputBytes: statSync(modelPath).size, inputSha256: '', runner: createInProcessRunner({ reducers }), workspace, data: null,
      machine: { cpu: '', cores: 1, memoryBytes: 0, os: '', node: '', onnxruntime: '', edgewise: '' }, seed: 1, verify: true, threads: 1, clock: () => performance.now(),
      createdAt: '', hashFile: () => Promise.resolve(''), log: () => {}, progress: () => {}, signal: new AbortController().signal,
    });
    expect(report.warnings.join()).toContain('quantized already');
    expect(report.fidelity?.cosine).toBeCloseTo(1, 6);
  });
});
