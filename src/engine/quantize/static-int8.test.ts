import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildModel, reread } from '../../../test/support/build-model.ts';
import { calibrationContext, normals, optimizedOperators, signalToNoise, smallNetwork, temporaryWorkspace } from '../../../test/support/quantization-testing.ts';
import { DataType, tensorIntegers, type Model } from '../onnx/index.ts';
import { quantizeStaticInt8, staticInt8Options, type QuantizeResult } from './static-int8.ts';

let workspace: ReturnType<typeof temporaryWorkspace>;
beforeAll(() => {
  workspace = temporaryWorkspace();
});
afterAll(() => workspace.dispose());

const quantize = (model: Model, options: unknown = {}): Promise<QuantizeResult> => quantizeStaticInt8(model, staticInt8Options.parse(options), calibrationContext(workspace));
const operators = (model: Model, opType: string): number => model.graph.nodes.filter((node) => node.opType === opType).length;

describe('static int8 of a small network', () => {
  it('keeps its outputs, and every Conv and Gemm becomes an integer kernel of the runtime', async () => {
    const model = smallNetwork();
    const { model: result, stats } = await quantize(model);
    expect(await signalToNoise(model, result, workspace)).toBeGreaterThan(28);
    expect(stats).toMatchObject({ convs: 5, gemms: 1, absorbed: 4 });
    const counts = await optimizedOperators(result, workspace);
    expect(counts).toMatchObject({ QLinearConv: 5, QGemm: 1, QLinearAdd: 1, QLinearConcat: 1, QLinearGlobalAveragePool: 1 });
    for (const float of ['Conv', 'FusedConv', 'Gemm', 'Add', 'Concat', 'Relu', 'DequantizeLinear']) expect(counts[float] ?? 0, float).toBe(0);
    expect(counts['QuantizeLinear']).toBe(1);
  });

  it('leaves the model it was given as it was, and gives the same file for the same input', async () => {
    const model = smallNetwork();
    const before = JSON.stringify(model.graph.nodes.map((node) => [node.opType, node.inputs, node.outputs]));
    const [first, second] = [await quantize(model), await quantize(model)];
    expect(JSON.stringify(model.graph.nodes.map((node) => [node.opType, node.inputs, node.outputs]))).toBe(before);
    expect(JSON.stringify(first.model.graph.nodes.map((node) => [node.opType, node.inputs, node.outputs]))).toBe(JSON.stringify(second.model.graph.nodes.map((node) => [node.opType, node.inputs, node.outputs])));
  });

  it('takes in and gives out float32 under the same names', async () => {
    const { model: result } = await quantize(smallNetwork());
    expect(result.graph.inputs.map(({ name, elemType }) => [name, elemType])).toEqual([['x', DataType.FLOAT]]);
    expect(result.graph.outputs.map(({ name, elemType }) => [name, elemType])).toEqual([['y', DataType.FLOAT]]);
  });

  it('stores no float weights any more', async () => {
    const { model: result } = await quantize(smallNetwork());
    const floats = [...result.graph.initializers.values()].filter((tensor) => tensor.dataType === DataType.FLOAT && tensor.dims.length > 1);
    expect(floats).toEqual([]);
  });

  it('is closer to the original with equalization and bias correction on unequal channels', async () => {
    const model = smallNetwork();
    const weights = model.graph.initializers.get('aw');
    if (weights?.payload.kind !== 'raw') throw new Error('no weights');
    // Every other channel of the first convolution 60 times as small: plain int8 leaves it with four steps.
    const values = new Float32Array(weights.payload.bytes.slice().buffer);
    values.forEach((value, index) => (values[index] = Math.floor(index / 27) % 2 === 0 ? value : value / 60));
    model.graph.initializers.set('aw', { ...weights, payload: { kind: 'raw', bytes: new Uint8Array(values.buffer) } });
    const plain = await quantize(model, { equalize: false, correctBias: 'none' });
    const better = await quantize(model);
    const [plainDb, betterDb] = [await signalToNoise(model, plain.model, workspace), await signalToNoise(model, better.model, workspace)];
    expect(betterDb ?? 0).toBeGreaterThan(plainDb ?? 0);
  });

  it.each(['min-max', 'moving-average', 'percentile', 'mse', 'entropy'])('works with the observer %s', async (kind) => {
    const model = smallNetwork();
    const { model: result } = await quantize(model, { observer: { kind } });
    expect(await signalToNoise(model, result, workspace)).toBeGreaterThan(kind === 'entropy' ? 15 : 24);
  });
});

describe('placement', () => {
  const conv = (input: string, output: string, weights = 'w', extra: string[] = []) => ({ op: 'Conv', in: [input, weights, ...extra], out: [output], name: `n_${output}` });
  const w = { dims: [4, 4, 1, 1], values: normals(1, 16) };

  it('keeps the tail of a detector in float: boxes and scores in one Concat after the last convolution', async () => {
    const model = buildModel({
      inputs: { x: [1, 4, 8, 8] },
      outputs: ['y'],
      initializers: { w, v: { dims: [4, 4, 1, 1], values: normals(2, 16, 100) } },
      nodes: [conv('x', 'scores'), conv('x', 'boxes', 'v'), { op: 'Sigmoid', in: ['scores'], out: ['s'] }, { op: 'Concat', in: ['s', 'boxes'], out: ['y'], attrs: { axis: 1 } }],
    });
    const { model: result } = await quantize(model);
    const counts = await optimizedOperators(result, workspace);
    expect(counts).toMatchObject({ QLinearConv: 2, Sigmoid: 1, Concat: 1 });
    expect(await signalToNoise(model, result, workspace)).toBeGreaterThan(25);
  });

  it('gives a value that is read inside and is an output of the model to both', async () => {
    const model = buildModel({
      inputs: { x: [1, 4, 8, 8] },
      outputs: ['r', 'y'],
      initializers: { w },
      nodes: [conv('x', 'c'), { op: 'Relu', in: ['c'], out: ['r'] }, conv('r', 'y')],
    });
    const { model: result } = await quantize(model);
    expect(await signalToNoise(model, result, workspace)).toBeGreaterThan(27);
    expect(await optimizedOperators(result, workspace)).toMatchObject({ QLinearConv: 2 });
  });

  it('quantizes tied weights once', async () => {
    const model = buildModel({ inputs: { x: [1, 4, 8, 8] }, outputs: ['y'], initializers: { w }, nodes: [conv('x', 'a'), conv('a', 'b'), conv('b', 'y')] });
    const { model: result } = await quantize(model);
    expect([...result.graph.initializers.values()].filter((tensor) => tensor.dataType === DataType.INT8 && tensor.dims.length === 4)).toHaveLength(1);
    expect(await signalToNoise(model, result, workspace)).toBeGreaterThan(28);
  });

  it('does not shift numbers through MaxPool, Reshape and Transpose: input and output share one scale', async () => {
    const model = buildModel({
      inputs: { x: [1, 4, 8, 8] },
      outputs: ['y'],
      initializers: { w },
      nodes: [conv('x', 'a'), { op: 'MaxPool', in: ['a'], out: ['p'], attrs: { kernel_shape: [2, 2] } }, { op: 'Transpose', in: ['p'], out: ['t'], attrs: { perm: [0, 1, 3, 2] } }, conv('t', 'y')],
    });
    const { model: result } = await quantize(model, { equalize: false });
    const scaleOf = (value: string) => result.graph.nodes.find((node) => node.opType === 'QuantizeLinear' && node.inputs[0] === value)?.inputs[1];
    expect(scaleOf('p')).toBe(scaleOf('a'));
    expect(scaleOf('t')).toBe(scaleOf('a'));
    const counts = await optimizedOperators(result, workspace);
    expect(counts['DequantizeLinear']).toBe(1);
  });

  it('absorbs Relu and Clip from 0, and no Clip that cuts off elsewhere', async () => {
    const scalar = (value: number) => ({ dims: [], values: [value] });
    const clipped = (min: number) =>
      buildModel({
        inputs: { x: [1, 4, 8, 8] },
        outputs: ['y'],
        initializers: { w, lo: scalar(min), hi: scalar(0.5) },
        nodes: [conv('x', 'a'), { op: 'Clip', in: ['a', 'lo', 'hi'], out: ['c'] }, conv('c', 'y')],
      });
    for (const [min, left] of [[0, 0], [-0.3, 1]] as const) {
      const model = clipped(min);
      const { model: result } = await quantize(model);
      expect(operators(result, 'Clip')).toBe(left);
      expect(await signalToNoise(model, result, workspace)).toBeGreaterThan(28);
    }
  });

  it('folds alpha and beta of Gemm into weights and bias', async () => {
    const model = buildModel({
      inputs: { x: [3, 8] },
      outputs: ['y'],
      initializers: { w: { dims: [8, 5], values: normals(3, 40) }, b: { dims: [1, 5], values: normals(4, 5) } },
      nodes: [{ op: 'Gemm', in: ['x', 'w', 'b'], out: ['y'], attrs: { alpha: 0.5, beta: 2.5 } }],
    });
    const { model: result } = await quantize(model);
    expect(await signalToNoise(model, result, workspace)).toBeGreaterThan(35);
    expect(await optimizedOperators(result, workspace)).toMatchObject({ QGemm: 1 });
  });

  it('keeps in float what it was told to keep, in the runtime too', async () => {
    const { model: result, notes } = await quantize(smallNetwork(), { exclude: ['n_b'], excludeOps: ['Gemm'] });
    expect(operators(reread(result), 'Gemm')).toBe(1);
    const counts = await optimizedOperators(result, workspace);
    expect(counts['QLinearConv']).toBe(4);
    expect(counts['QGemm'] ?? 0).toBe(0);
    expect(notes.join()).toContain('n_b');
  });

  it('puts the bias at the scale of the products', async () => {
    const model = buildModel({
      inputs: { x: [1, 4, 8, 8] },
      outputs: ['y'],
      initializers: { w, b: { dims: [4], values: [1, -2, 3, 0.25] } },
      nodes: [conv('x', 'y', 'w', ['b'])],
    });
    const { model: result } = await quantize(model, { correctBias: 'none' });
    const floats = (name: string): Float32Array => {
      const payload = result.graph.initializers.get(name)?.payload;
      if (payload?.kind !== 'raw') throw new Error(name);
      return new Float32Array(payload.bytes.slice().buffer);
    };
    const node = result.graph.nodes.find(({ opType }) => opType === 'Conv');
    const [weights, bias] = [1, 2].map((index) => result.graph.nodes.find(({ outputs }) => outputs[0] === node?.inputs[index]));
    const input = result.graph.nodes.find(({ outputs }) => outputs[0] === node?.inputs[0]);
    const inputScale = floats(input?.inputs[1] ?? '')[0] as number;
    floats(bias?.inputs[1] ?? '').forEach((scale, channel) => expect(scale).toBeCloseTo(inputScale * (floats(weights?.inputs[1] ?? '')[channel] as number), 9));
    const integers = result.graph.initializers.get(bias?.inputs[0] ?? '');
    if (!integers) throw new Error('no bias');
    tensorIntegers(integers).forEach((value, channel) => expect(Number(value) * (floats(bias?.inputs[1] ?? '')[channel] as number)).toBeCloseTo([1, -2, 3, 0.25][channel] as number, 3));
  });
});

describe('what cannot be quantized', () => {
  it('says so where there is nothing to quantize', async () => {
    const model = buildModel({ inputs: { x: [1, 4] }, outputs: ['y'], nodes: [{ op: 'Relu', in: ['x'], out: ['y'] }] });
    await expect(quantize(model)).rejects.toMatchObject({ code: 'NOT_QUANTIZABLE', message: expect.stringContaining('no Conv') });
  });

  it('names the operator whose weights are not constant', async () => {
    const model = buildModel({ inputs: { x: [1, 4, 8, 8], w: [4, 4, 1, 1] }, outputs: ['y'], nodes: [{ op: 'Conv', in: ['x', 'w'], out: ['y'], name: 'first' }] });
    await expect(quantize(model)).rejects.toMatchObject({ code: 'NOT_QUANTIZABLE', message: 'No operator can run in int8: Conv "first" stays float, since its weights are not constant.', hint: expect.stringContaining('input of the model') });
  });

  it('counts the others in words that fit', async () => {
    const nodes = (count: number) => Array.from({ length: count }, (_, index) => ({ op: 'Conv', in: [index === 0 ? 'x' : `c${index - 1}`, 'w'], out: [index === count - 1 ? 'y' : `c${index}`], name: `n${index}` }));
    const message = async (count: number): Promise<string> =>
      quantize(buildModel({ inputs: { x: [1, 4, 8, 8], w: [4, 4, 1, 1] }, outputs: ['y'], nodes: nodes(count) })).then(() => '', (error: Error) => error.message);
    expect(await message(2)).toContain('Conv "n0" and one other stay float');
    expect(await message(3)).toContain('Conv "n0" and 2 others stay float');
  });

  it('where everything was excluded, says that, and not that it should be simplified', async () => {
    await expect(quantize(smallNetwork(), { excludeOps: ['Conv', 'Gemm'] })).rejects.toMatchObject({ message: expect.stringContaining('since it was excluded'), hint: expect.stringContaining('excludeOps') });
  });

  it('names the value whose range is not finite', async () => {
    const model = buildModel({
      inputs: { x: [1, 4, 8, 8] },
      outputs: ['y'],
      initializers: { w: { dims: [4, 4, 1, 1], values: normals(1, 16) }, zero: { dims: [], values: [0] } },
      nodes: [{ op: 'Div', in: ['x', 'zero'], out: ['d'], name: 'by_zero' }, { op: 'Conv', in: ['d', 'w'], out: ['y'] }],
    });
    await expect(quantize(model)).rejects.toMatchObject({ code: 'NOT_QUANTIZABLE', message: expect.stringContaining('"d" of Div "by_zero"'), details: { tensor: 'd' } });
  });

  it('asks for a newer opset', async () => {
    const model = { ...smallNetwork(), opsets: [{ domain: '', version: 11 }] };
    await expect(quantize(model)).rejects.toMatchObject({ code: 'NOT_QUANTIZABLE', hint: expect.stringContaining('upgrade-opset') });
  });

  it('leaves a quantized model as it is', async () => {
    const { model } = await quantize(smallNetwork());
    const again = await quantize(model);
    expect(again.changed).toBe(false);
    expect(again.model).toBe(model);
    expect(again.notes[0]).toContain('quantized already');
  });
});
