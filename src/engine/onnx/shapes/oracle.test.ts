/** What is inferred against what the runtime computes, on real models and the ONNX operator suites. `docs/model-facts.md` has the counts. */
import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { agreementOf, nothing, readModelFile, suiteAgreement, type Agreement } from '../../../../test/support/shape-oracle.ts';
import { sharedData, sharedModel } from '../../../../test/support/shared-data.ts';
import { seededRandom } from '../../../base/random.ts';
import { modelFacts } from '../facts.ts';
import type { NodeData } from '../types.ts';

/** file, symbols, number of values */
const MODELS: readonly [string, Record<string, number>, number][] = [
  ['squeezenet1.1-reassembled/squeezenet1.1.onnx', {}, 66],
  ['derived-retail/grocery81_mobilenetv2_bn_relu.onnx', { N: 2 }, 155],
  ['yolox-nano/yolox_nano.onnx', {}, 369],
  ['ultraface/version-RFB-320.onnx', {}, 242],
  ['yunet/yunet_n_dynamic.onnx', { batch: 2, height: 160, width: 224 }, 163],
  ['paddleocr/ch_ppocr_mobile_v2.0_cls_infer.onnx', { 'p2o.DynamicDimension.0': 3, 'p2o.DynamicDimension.1': 48, 'p2o.DynamicDimension.2': 192 }, 385],
  ['onnc-resnet20/resnet20.onnx', {}, 78],
  ['fashion-mnist-edwin/fashion_mnist.onnx', { batch_size: 3 }, 13],
  ['fashion-mnist-edgeai/fashion_mnist.onnx', {}, 4],
  ['ort-inference-examples/mnist.onnx', {}, 12],
  ['conxxr/mnist_quantized_dynamic.onnx', {}, 25],
  ['vnncomp2021/Convnet_avgpool.onnx', {}, 6],
  ['onnx-backend-light/light_bvlc_alexnet.onnx', {}, 42],
  ['onnx-backend-light/light_densenet121.onnx', {}, 1746],
  ['onnx-backend-light/light_inception_v1.onnx', {}, 238],
  ['onnx-backend-light/light_inception_v2.onnx', {}, 916],
  ['onnx-backend-light/light_resnet50.onnx', {}, 415],
  ['onnx-backend-light/light_shufflenet.onnx', {}, 446],
  ['onnx-backend-light/light_squeezenet.onnx', {}, 106],
  ['onnx-backend-light/light_vgg19.onnx', {}, 84],
  ['onnx-backend-light/light_zfnet512.onnx', {}, 38],
];

/** folder, frozen inputs, least number of values known in full and right */
const SUITES: readonly [string, boolean, number][] = [
  ['onnx-backend-pytorch-converted', false, 88],
  ['onnx-backend-pytorch-operator', false, 43],
  ['onnx-backend-simple', true, 9],
  ['onnx-backend-node', false, 2900],
  ['onnx-backend-node', true, 3100],
];

describe.skipIf(!sharedData)('against the runtime (real models at hand)', () => {
  it.each(MODELS)('%s: every value, with the declared ones ignored', async (file, symbols, values) => {
    const { compared, agree, wrong } = await agreementOf(sharedModel(file), symbols);
    expect(wrong).toEqual([]);
    expect([compared, agree]).toEqual([values, values]);
  });

  it.each(SUITES)('%s (inputs as constants: %s): nothing wrong', { timeout: 300_000 }, async (suite, frozen, least) => {
    const total: Agreement = nothing();
    for (const name of readdirSync(sharedModel(suite))) {
      const folder = sharedModel(`${suite}/${name}`);
      if (!existsSync(`${folder}/model.onnx`)) continue;
      const one = await suiteAgreement(folder, frozen);
      total.compared += one.compared;
      total.agree += one.agree;
      total.partial += one.partial;
      total.unknown += one.unknown;
      total.elements += one.elements;
      total.wrong.push(...one.wrong.map((line) => `${name}: ${line}`));
    }
    if (process.env['EDGEWISE_COUNTS']) process.stdout.write(`${suite} frozen=${frozen} ${JSON.stringify(total)}\n`);
    expect(total.wrong).toEqual([]);
    expect(total.agree).toBeGreaterThanOrEqual(least);
  });

  // Published: SqueezeNet 1.1 0.35 G, ResNet-20 40.8 M, YOLOX-nano 1.08 GFLOPs at two per multiply-add, everything counted. The MobileNetV2
  // here swaps the strides of its third and fourth stage (64 channels at 28 x 28), so that it needs 428 M where the usual one needs 300 M.
  it.each([
    ['squeezenet1.1-reassembled/squeezenet1.1.onnx', 0.35e9, 0.01, 1_235_498],
    ['onnc-resnet20/resnet20.onnx', 40.8e6, 0.001, 274_043],
    ['yolox-nano/yolox_nano.onnx', 0.54e9, 0.04, 904_481],
    ['derived-retail/grocery81_mobilenetv2_bn_relu.onnx', 428e6, 0.001, 2_362_897],
    // Weights made by ConstantOfShape, so hardly any parameters in the file.
    ['onnx-backend-light/light_resnet50.onnx', 4.09e9, 0.001, 2194],
    ['onnx-backend-light/light_vgg19.onnx', 19.63e9, 0.001, 217],
    ['onnx-backend-light/light_densenet121.onnx', 2.83e9, 0.002, 1967],
  ])('%s costs what is known of it', (file, macs, tolerance, parameters) => {
    const facts = modelFacts(readModelFile(sharedModel(file)), 0, []);
    expect(Math.abs(facts.macs / macs - 1)).toBeLessThan(tolerance);
    expect(facts.parameters).toBe(parameters);
    // light_resnet50 has one initializer of one element that no node reads: in the total, in no layer, and said.
    const unread = facts.warnings.some((warning) => warning.startsWith('1 initializer')) ? 1 : 0;
    expect(facts.layers.reduce((sum, layer) => sum + layer.parameters, 0)).toBe(parameters - unread);
  });

  it.each(['yolox-nano/yolox_nano.onnx', 'paddleocr/ch_ppocr_mobile_v2.0_cls_infer.onnx', 'conxxr/mnist_quantized_dynamic.onnx'])(
    '%s mutilated 200 times (seeded): facts are given, nothing thrown',
    (file) => {
      const random = seededRandom(7);
      const model = readModelFile(sharedModel(file));
      for (let round = 0; round < 200; round++) {
        const nodes = model.graph.nodes.map((node) => (random() < 0.05 ? mutilated(node, random, model.graph.nodes) : node));
        const inputs = model.graph.inputs.map((input) => (random() < 0.5 ? { ...input, shape: input.shape?.map(() => Math.floor(random() * 5) - 1) ?? null } : input));
        expect(() => modelFacts({ ...model, graph: { ...model.graph, nodes, inputs } }, 0, [])).not.toThrow();
      }
    },
  );
});

function mutilated(node: NodeData, random: () => number, others: readonly NodeData[]): NodeData {
  const other = others[Math.floor(random() * others.length)] ?? node;
  const pick = Math.floor(random() * 5);
  if (pick === 0) return { ...node, inputs: node.inputs.slice(1) };
  if (pick === 1) return { ...node, inputs: other.inputs };
  if (pick === 2) return { ...node, attributes: new Map() };
  if (pick === 3) return { ...node, attributes: new Map([...node.attributes.keys()].map((name) => [name, { kind: 'ints', value: [-5n, 2n ** 62n] }])) };
  return { ...node, opType: other.opType };
}
