/** What the runtime makes of what `apply.ts` writes: each operator that is planned for 8 bits is an integer kernel, and nothing float stands between two. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildModel, bytesSource, float, modelBytes, noExternalFiles, type NodeSpec } from '../../../test/support/build-model.ts';
import { calibrationContext, normals, signalToNoise, temporaryWorkspace } from '../../../test/support/quantization-testing.ts';
import { parseModel, type Model } from '../onnx/index.ts';
import { quantizeStaticInt8, staticInt8Options } from './static-int8.ts';

let workspace: ReturnType<typeof temporaryWorkspace>;
beforeAll(() => {
  workspace = temporaryWorkspace();
});
afterAll(() => workspace.dispose());

const scalar = (value: number) => ({ dims: [], values: [value] });
const node = (op: string, inputs: readonly string[], output: string, attrs: NodeSpec['attrs'] = {}): NodeSpec => ({ op, in: inputs, out: [output], attrs });

/** conv -> `between` -> conv, so that what stands between reads and feeds 8 bits. */
const between = (nodes: readonly NodeSpec[], channels = 4): Model =>
  buildModel({
    inputs: { x: [1, 4, 8, 8] },
    outputs: ['y'],
    initializers: {
      w: { dims: [4, 4, 1, 1], values: normals(1, 16) }, v: { dims: [4, channels, 1, 1], values: normals(2, 4 * channels) }, k: { dims: [1, 4, 1, 1], values: normals(3, 4) },
      six: scalar(6), zero: scalar(0), scales: { dims: [4], values: [1, 1, 2, 2] },
    },
    nodes: [node('Conv', ['x', 'w'], 'a'), ...(nodes.some((one) => one.in.includes('b')) ? [node('Conv', ['x', 'w'], 'b')] : []), ...nodes, node('Conv', ['c', 'v'], 'y')],
  });

/** Whole ranges: a pool gives few numbers a sample, and averages of their ends would cut most of them off. */
const OPTIONS = staticInt8Options.parse({ equalize: false, observer: { kind: 'min-max' } });

/** The runtime's graph as operator names, in order. */
async function kernels(model: Model): Promise<string[]> {
  const path = join(workspace.folder, 'placed.onnx');
  const session = await InferenceSession.create(modelBytes(model), { intraOpNumThreads: 1, optimizedModelFilePath: path, logSeverityLevel: 4 });
  await session.release();
  return parseModel(bytesSource(readFileSync(path)), noExternalFiles).graph.nodes.map(({ opType }) => opType);
}

/** What moves numbers about between layouts is no stray. */
const INTEGER = /^(QLinear\w+|QGemm|Transpose|Reshape|MaxPool|NhwcMaxPool|Resize|Concat|Slice|Split|Squeeze|Unsqueeze|Flatten|DepthToSpace|SpaceToDepth|Pad)$/;

const cases: readonly { readonly name: string; readonly kernel: string; readonly nodes: readonly NodeSpec[]; readonly channels?: number }[] = [
  { name: 'Add', kernel: 'QLinearAdd', nodes: [node('Add', ['a', 'b'], 'c')] },
  { name: 'Add of a constant', kernel: 'QLinearAdd', nodes: [node('Add', ['a', 'k'], 'c')] },
  { name: 'Mul', kernel: 'QLinearMul', nodes: [node('Mul', ['a', 'b'], 'c')] },
  { name: 'Concat', kernel: 'QLinearConcat', nodes: [node('Concat', ['a', 'b'], 'c', { axis: 1 })], channels: 8 },
  { name: 'Relu', kernel: 'QLinearConv', nodes: [node('Relu', ['a'], 'c')] },
  { name: 'Clip from 0 to 6', kernel: 'QLinearConv', nodes: [node('Clip', ['a', 'zero', 'six'], 'c')] },
  { name: 'Add and Relu', kernel: 'QLinearAdd', nodes: [node('Add', ['a', 'b'], 's'), node('Relu', ['s'], 'c')] },
  { name: 'LeakyRelu', kernel: 'QLinearLeakyRelu', nodes: [node('LeakyRelu', ['a'], 'c', { alpha: float(0.1) })] },
  { name: 'Sigmoid', kernel: 'QLinearSigmoid', nodes: [node('Sigmoid', ['a'], 'c')] },
  { name: 'Sigmoid and Mul (SiLU)', kernel: 'QLinearMul', nodes: [node('Sigmoid', ['a'], 's'), node('Mul', ['a', 's'], 'c')] },
  { name: 'AveragePool', kernel: 'QLinearAveragePool', nodes: [node('AveragePool', ['a'], 'c', { kernel_shape: [2, 2], strides: [2, 2] })] },
  { name: 'GlobalAveragePool', kernel: 'QLinearGlobalAveragePool', nodes: [node('GlobalAveragePool', ['a'], 'c')] },
  { name: 'MaxPool', kernel: 'NhwcMaxPool', nodes: [node('MaxPool', ['a'], 'c', { kernel_shape: [2, 2], strides: [2, 2] })] },
  { name: 'Resize', kernel: 'Resize', nodes: [node('Resize', ['a', '', 'scales'], 'c', { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' })] },
];

describe('placement of QuantizeLinear and DequantizeLinear', () => {
  it.each(cases)('$name is $kernel, and nothing float stands between the convolutions', async ({ kernel, nodes, channels }) => {
    const model = between(nodes, channels);
    const { model: result } = await quantizeStaticInt8(model, OPTIONS, calibrationContext(workspace, undefined, 64));
    const found = await kernels(result);
    expect(found).toContain(kernel);
    // One into 8 bits at the input and one out of them at the output.
    expect(found.filter((op) => !INTEGER.test(op)).toSorted()).toEqual(['DequantizeLinear', 'QuantizeLinear']);
    expect(await signalToNoise(model, result, workspace)).toBeGreaterThan(24);
  });

  // The runtime takes HardSwish apart.
  it.each([['HardSwish', ['HardSigmoid', 'Mul']], ['HardSigmoid', ['HardSigmoid']], ['Tanh', ['Tanh']]] as const)('%s has no integer kernel: it alone runs in float, between one pair', async (op, alone) => {
    const model = between([node(op, ['a'], 'c')]);
    const { model: result } = await quantizeStaticInt8(model, OPTIONS, calibrationContext(workspace, undefined, 64));
    const found = (await kernels(result)).filter((name) => !INTEGER.test(name)).toSorted();
    expect(found).toEqual(['DequantizeLinear', 'DequantizeLinear', ...alone, 'QuantizeLinear', 'QuantizeLinear'].toSorted());
    expect(await signalToNoise(model, result, workspace)).toBeGreaterThan(24);
  });

  it('Gemm and MatMul behind each other are integer kernels', async () => {
    const model = buildModel({
      inputs: { x: [3, 16] },
      outputs: ['y'],
      initializers: { g: { dims: [16, 16], values: normals(1, 256, 0.3) }, b: { dims: [16], values: normals(2, 16) }, m: { dims: [16, 8], values: normals(3, 128, 0.3) }, n: { dims: [8, 8], values: normals(4, 64, 0.3) } },
      nodes: [node('Gemm', ['x', 'g', 'b'], 'h'), node('Relu', ['h'], 'r'), node('MatMul', ['r', 'm'], 'k'), node('MatMul', ['k', 'n'], 'y')],
    });
    const { model: result } = await quantizeStaticInt8(model, OPTIONS, calibrationContext(workspace, undefined, 64));
    const found = await kernels(result);
    expect(found).toContain('QGemm');
    expect(found.filter((op) => /^(QGemm|QLinearMatMul|MatMulIntegerToFloat)$/.test(op))).toHaveLength(3);
    expect(found.some((op) => /^(Gemm|MatMul|Relu)$/.test(op))).toBe(false);
    expect(await signalToNoise(model, result, workspace)).toBeGreaterThan(28);
  });
});
