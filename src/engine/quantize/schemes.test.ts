import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reread, buildModel } from '../../../test/support/build-model.ts';
import { calibrationContext, normals, optimizedOperators, signalToNoise, smallNetwork, temporaryWorkspace } from '../../../test/support/quantization-testing.ts';
import { DataType, type Model } from '../onnx/index.ts';
import { tensorBytes } from '../onnx/tensor.ts';
import { quantizeStaticInt8, staticInt8Options, type QuantizeResult } from './static-int8.ts';

let workspace: ReturnType<typeof temporaryWorkspace>;
beforeAll(() => {
  workspace = temporaryWorkspace();
});
afterAll(() => workspace.dispose());

const quantize = (model: Model, options: unknown = {}): Promise<QuantizeResult> => quantizeStaticInt8(model, staticInt8Options.parse(options), calibrationContext(workspace));
const zeroPoints = ({ graph }: Model, opType: string) => graph.nodes.filter((node) => node.opType === opType && node.inputs[2]).map((node) => graph.initializers.get(node.inputs[2] ?? ''));

describe('s8s8', () => {
  it('rounds everything to s8 with zero point 0, keeps biases in 32 bits, and stays close to the float model', async () => {
    const model = smallNetwork();
    const { model: result } = await quantize(model, { scheme: 's8s8' });
    const zeros = [...zeroPoints(result, 'QuantizeLinear'), ...zeroPoints(result, 'DequantizeLinear')];
    expect(zeros.length).toBeGreaterThan(20);
    for (const zero of zeros) {
      expect(zero?.dataType).toBe(DataType.INT8);
      expect(new Set(tensorBytes(zero as NonNullable<typeof zero>))).toEqual(new Set([0]));
    }
    expect([...result.graph.initializers.values()].some((tensor) => tensor.dataType === DataType.UINT8)).toBe(false);
    expect([...result.graph.initializers.values()].filter((tensor) => tensor.dataType === DataType.INT32)).toHaveLength(6);
    // A bit less of range than u8 after each Relu.
    expect(await signalToNoise(model, reread(result), workspace)).toBeGreaterThan(25);
  });

  it('keeps Relu between the convolution and its QuantizeLinear, since s8 does not saturate at 0', async () => {
    const { model: result } = await quantize(smallNetwork(), { scheme: 's8s8' });
    const relus = result.graph.nodes.filter((node) => node.opType === 'Relu');
    expect(relus).toHaveLength(4);
    for (const relu of relus) {
      expect(result.graph.nodes.find((node) => node.outputs.includes(relu.inputs[0] ?? ''))?.opType).toBe('Conv');
      expect(result.graph.nodes.filter((node) => node.inputs.includes(relu.outputs[0] ?? '')).map((node) => node.opType)).toEqual(['QuantizeLinear']);
    }
  });

  it('rounds constants of Mul, sums and outputs to s8 as well', async () => {
    const w = { dims: [4, 4, 1, 1], values: normals(1, 16) };
    const model = buildModel({
      inputs: { x: [1, 4, 8, 8] },
      outputs: ['y'],
      initializers: { w, k: { dims: [1, 4, 1, 1], values: normals(2, 4) } },
      nodes: [{ op: 'Conv', in: ['x', 'w'], out: ['a'] }, { op: 'Mul', in: ['a', 'k'], out: ['m'] }, { op: 'Conv', in: ['m', 'w'], out: ['b'] }, { op: 'Add', in: ['a', 'b'], out: ['s'] }, { op: 'Conv', in: ['s', 'w'], out: ['y'] }],
    });
    const { model: result } = await quantize(model, { scheme: 's8s8' });
    expect([...result.graph.initializers.values()].some((tensor) => tensor.dataType === DataType.UINT8)).toBe(false);
    expect(await signalToNoise(model, result, workspace)).toBeGreaterThan(28);
  });

  it('a layer left in float reads s8 too', async () => {
    const model = smallNetwork();
    const { model: result } = await quantize(model, { scheme: 's8s8', exclude: ['n_b'] });
    expect(await signalToNoise(model, reread(result), workspace)).toBeGreaterThan(25);
  });
});

describe('one scale for a tensor', () => {
  it.each(['u8s8', 's8s8'])('with %s: scalars in place of a scale a channel, near the float model', async (scheme) => {
    const model = smallNetwork();
    const { model: result } = await quantize(model, { scheme, weights: 'per-tensor' });
    for (const { inputs } of result.graph.nodes.filter((node) => node.opType === 'DequantizeLinear')) {
      const source = result.graph.initializers.get(inputs[0] ?? '');
      if (source?.dataType === DataType.INT8) expect(result.graph.initializers.get(inputs[1] ?? '')?.dims).toEqual([]);
    }
    expect(await signalToNoise(model, reread(result), workspace)).toBeGreaterThan(24);
    if (scheme === 'u8s8') expect(await optimizedOperators(result, workspace)).toMatchObject({ QLinearConv: 5, QGemm: 1 });
  });
});
