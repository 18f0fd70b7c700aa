/** Real models on real data sets, fed as guessed: the whole way from files to accuracy, fidelity and latency. */
import { afterEach, describe, expect, it } from 'vitest';
import { sharedData, sharedDataset, sharedModel } from '../../../test/support/shared-data.ts';
import type { InferenceSession } from '../../base/ports.ts';
import { forkInferenceChild } from '../testing/fork-child.ts';
import { planData, type PlannedData } from '../data/plan.ts';
import { createInferenceRunner, type BenchRunner } from './runner.ts';

let runner: BenchRunner | undefined;
afterEach(async () => {
  await runner?.dispose();
});

async function prepare(model: string, data: string, samples: number): Promise<{ runner: BenchRunner; session: InferenceSession; plan: PlannedData }> {
  runner = createInferenceRunner({ fork: forkInferenceChild });
  const session = await runner.open(sharedModel(model));
  const plan = await planData({ path: sharedDataset(data), inputs: session.inputs, modelName: model }, { calibration: 10, evaluation: samples, seed: 1 });
  return { runner, session, plan };
}

// Skipped where the shared models and data sets are not at hand.
describe.skipIf(sharedData === undefined)('with guessed preprocessing', () => {
  // On the whole sets, with one sample left out: 60.3 %, 75.3 %, 92.0 %, 79.0 %, 98.1 % (docs/measuring.md). Wrong channels or sizes cost far more than the margin here.
  it.each([
    ['SqueezeNet 1.1 on ImageNet', 'squeezenet1.1-reassembled/squeezenet1.1.onnx', 'imagenet-sample', 150, 0.5],
    ['MobileNetV2 on groceries', 'derived-retail/grocery81_mobilenetv2_bn_relu.onnx', 'grocery-store/val', 100, 0.65],
    ['a small network on Fashion-MNIST', 'fashion-mnist-edwin/fashion_mnist.onnx', 'fashion-mnist/train10k-images-idx3-ubyte.gz', 500, 0.88],
    ['ResNet-20 on CIFAR-10', 'onnc-resnet20/resnet20.onnx', 'cifar10-images/test', 300, 0.7],
    ['MNIST', 'ort-inference-examples/mnist.onnx', 'mnist/t10k-images-idx3-ubyte.gz', 500, 0.95],
  ])('%s', async (_, model, data, samples, least) => {
    const { runner, session, plan } = await prepare(model, data, samples);
    expect(plan).toMatchObject({ labelled: true, preprocessGuessed: true });
    const { samples: measured, top1, top5, correct } = await runner.evaluate(session, plan.evaluation);
    expect(measured).toBe(samples);
    expect(top1).toBeGreaterThan(least);
    expect(top5).toBeGreaterThanOrEqual(top1);
    expect(correct?.filter(Boolean)).toHaveLength(Math.round(top1 * samples));
  });

  it('a model compared with itself is equal, and is timed', async () => {
    const { runner, session, plan } = await prepare('fashion-mnist-edwin/fashion_mnist.onnx', 'fashion-mnist/train10k-images-idx3-ubyte.gz', 20);
    const same = await runner.open(session.modelPath);
    expect(await runner.compare(session, same, plan.evaluation)).toEqual({ samples: 20, cosine: 1, cosineMin: 1, sqnrDb: null, top1Agreement: 1, maxAbsError: 0 });
    const { pairs, ratio, ci95, beforeMs } = await runner.latency(session, same, plan.evaluation, { minPairs: 20, maxSeconds: 0.2 });
    expect(pairs).toBeGreaterThanOrEqual(20);
    expect(beforeMs.p95).toBeGreaterThanOrEqual(beforeMs.median);
    expect(ci95[0]).toBeLessThanOrEqual(ratio);
    expect(ci95[1]).toBeGreaterThanOrEqual(ratio);
  });

  it('data of another model are refused by name: classes, inputs, sizes', async () => {
    const { runner, session, plan } = await prepare('fashion-mnist-edwin/fashion_mnist.onnx', 'grocery-store/val', 100);
    await expect(runner.evaluate(session, plan.evaluation)).rejects.toMatchObject({ code: 'BAD_LABELS', message: expect.stringContaining('10 classes') });
    const wrong = plan.evaluation.kind === 'dataset' ? { ...plan.evaluation, preprocess: { channels: 'RGB', resize: { mode: 'stretch', size: 28 } } as const } : plan.evaluation;
    await expect(runner.evaluate(session, wrong)).rejects.toMatchObject({ code: 'BAD_PREPROCESS', message: expect.stringMatching(/28 x 28/u) });
  });
});
