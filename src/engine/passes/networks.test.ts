/** What `simplify` leaves of whole networks: the counts that the best simplifiers reach, and equal outputs. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bytesSource, noExternalFiles } from '../../../test/support/build-model.ts';
import { mobileNetV2, resNet50 } from '../../../test/support/networks.ts';
import { runAndCompare } from '../../../test/support/pass-testing.ts';
import { sharedData, sharedModel } from '../../../test/support/shared-data.ts';
import { parseModel } from '../onnx/index.ts';
import { simplifyOrder } from './index.ts';

it('ResNet-50: 122 nodes, Relu kept apart', async () => {
  const { model, ops } = await runAndCompare(resNet50(1 / 16, 64), simplifyOrder, { tolerance: 1e-5 });
  expect(model.graph.nodes).toHaveLength(122);
  expect(new Set(ops)).toEqual(new Set(['Conv', 'Relu', 'MaxPool', 'Add', 'GlobalAveragePool', 'Reshape', 'Gemm']));
});

it('MobileNetV2: 100 nodes, Clip kept apart', async () => {
  const { model, steps } = await runAndCompare(mobileNetV2(1 / 8, 64), simplifyOrder, { tolerance: 1e-5 });
  expect(model.graph.nodes).toHaveLength(100);
  expect(steps.find((step) => step.pass === 'recognize-units')?.stats).toMatchObject({ 'Conv+Clip': 35, Conv: 17, Gemm: 1 });
});

it.each([
  ['ResNet-50', resNet50(1 / 16, 64, 'shared'), 269, 122],
  ['MobileNetV2', mobileNetV2(1 / 4, 64, 'shared'), 300, 100],
])('%s with equal weights behind Identity nodes', async (_name, model, from, to) => {
  expect(model.graph.nodes).toHaveLength(from);
  const { model: after } = await runAndCompare(model, simplifyOrder, { tolerance: 1e-5 });
  expect(after.graph.nodes).toHaveLength(to);
});

describe.skipIf(sharedData === undefined)('real networks (need the shared models)', () => {
  it.each([
    ['derived-retail/grocery81_mobilenetv2_bn_relu.onnx', 155, 102],
    ['ultraface/version-RFB-320.onnx', 242, 125],
    ['paddleocr/ch_ppocr_mobile_v2.0_cls_infer.onnx', 385, 125],
    ['yolox-nano/yolox_nano.onnx', 369, 367],
    ['yunet/yunet_n_dynamic.onnx', 163, 115],
    ['squeezenet1.1-reassembled/squeezenet1.1.onnx', 66, 65],
    ['onnc-resnet20/resnet20.onnx', 78, 52],
    ['ort-inference-examples/mnist.onnx', 12, 8],
  ])('%s: from %i to at most %i nodes', async (name, from, to) => {
    const model = parseModel(bytesSource(new Uint8Array(readFileSync(sharedModel(name)))), noExternalFiles);
    expect(model.graph.nodes).toHaveLength(from);
    const { model: after } = await runAndCompare(model, simplifyOrder, { tolerance: 1e-5, dim: 64 });
    expect(after.graph.nodes.length).toBeLessThanOrEqual(to);
  });
});
