/** A pass that is wrong on purpose, through the real runtime: it is found, undone, told, and the smallest model that shows it is kept. */
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { bytesSource, modelBytes, buildModel, noExternalFiles } from '../../../test/support/build-model.ts';
import { createInProcessRunner } from '../../../test/support/in-process-runner.ts';
import { mobileNetV2 } from '../../../test/support/networks.ts';
import { temporaryWorkspace } from '../../../test/support/quantization-testing.ts';
import { optimizeReport } from '../../contract/records/report.ts';
import type { Graph } from '../onnx/graph.ts';
import { floatTensor, int64Tensor, parseModel, type Model } from '../onnx/index.ts';
import type { Pass } from '../passes/define-pass.ts';
import { parseRecipe, reducers, runRecipe, type RunRecipeOptions } from './index.ts';
import type { RunRecipeResult } from './types.ts';

/** What the pass fold-batch-norm does after its own work. */
const wrong = vi.hoisted(() => ({ after: (_graph: unknown): boolean => false }));
vi.mock('../passes/fold-batch-norm.ts', async (original) => {
  const { foldBatchNorm } = await original<{ foldBatchNorm: Pass }>();
  const run: Pass['run'] = async (graph, context, options) => {
    const result = await foldBatchNorm.run(graph, context, options);
    return wrong.after(graph) ? { ...result, changed: Number(result.changed) + 1 } : result;
  };
  return { foldBatchNorm: { ...foldBatchNorm, run } satisfies Pass };
});

let workspace: ReturnType<typeof temporaryWorkspace>;
beforeAll(() => {
  workspace = temporaryWorkspace();
});
afterAll(() => workspace.dispose());
beforeEach(() => {
  wrong.after = () => false;
});

async function simplify(model: Model, change: Partial<RunRecipeOptions> = {}): Promise<RunRecipeResult> {
  const bytes = modelBytes(model);
  return runRecipe({
    recipe: parseRecipe({ version: 1, name: 'test', steps: [{ step: 'simplify' }] }), modelName: 'test', modelPath: await workspace.write('input.onnx', [bytes]), model,
    inputBytes: bytes.length, inputSha256: '00', data: null, runner: createInProcessRunner({ reducers }), workspace,
    machine: { cpu: 'c', cores: 1, memoryBytes: 1e9, os: 'o', node: '24', onnxruntime: '1', edgewise: '0' }, seed: 1, verify: true, threads: 1,
    clock: () => performance.now(), createdAt: '2026-01-01T00:00:00.000Z', hashFile: () => Promise.resolve('11'), log: () => {}, progress: () => {},
    signal: new AbortController().signal, ...change,
  });
}

const step = ({ report }: RunRecipeResult, pass = 'fold-batch-norm') => report.steps.find((each) => each.pass === pass);

describe('a pass that goes wrong on one layer of a network', () => {
  it('is undone and told with its nodes, and the smallest model that shows it is where the report says', async () => {
    // It forgets the shift of one normalization of 52.
    wrong.after = (graph) => zero(graph as Graph, 'weight_10_bias');
    const model = mobileNetV2(1 / 8, 32);
    const { report, model: after } = await simplify(model);
    expect(optimizeReport.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
    const failed = report.steps.find((each) => each.pass === 'fold-batch-norm');
    expect(failed).toMatchObject({ changed: false, verified: { ok: false }, failure: { nodes: [expect.stringMatching(/^Conv "/), expect.stringMatching(/^BatchNormalization "/)] } });
    const path = failed?.failure?.path ?? '';
    expect(report.warnings.join()).toContain('The step "fold-batch-norm" was undone, since the outputs changed: the output');
    expect(report.warnings.join()).toContain(`The smallest model that shows it has 2 nodes (Conv "`);
    expect(report.warnings.join()).toContain(path);
    const small = parseModel(bytesSource(new Uint8Array(readFileSync(path))), noExternalFiles);
    expect(small.graph.nodes.map((node) => node.opType)).toEqual(['Conv', 'BatchNormalization']);
    expect(small.graph.nodes[0]?.inputs[1]).toBe('weight_10');
    // The other passes did their work, and the result is what went in.
    expect(after.graph.nodes.filter((node) => node.opType === 'BatchNormalization').length).toBeGreaterThan(45);
    expect(after.graph.nodes.length).toBeLessThan(model.graph.nodes.length - 70);
    expect(report.fidelity?.cosine).toBeGreaterThan(0.999999);
    // The same fault is there when the kept model is simplified.
    expect(step(await simplify(small))).toMatchObject({ verified: { ok: false } });
  });

  it('goes where the caller keeps such files', async () => {
    wrong.after = (graph) => zero(graph as Graph, 'weight_10_bias');
    const kept: [string, number][] = [];
    const { report } = await simplify(mobileNetV2(1 / 8, 32), { keepFailure: (name, model) => Promise.resolve(`beside/${kept.push([name, model.graph.nodes.length])}`) });
    expect(kept).toEqual([['failure-fold-batch-norm.onnx', 2]]);
    expect(step({ report } as RunRecipeResult)?.failure?.path).toBe('beside/1');
  });

  it('costs one comparison where nothing is wrong, and no file', async () => {
    const runner = createInProcessRunner({ reducers });
    const open = vi.spyOn(runner, 'open');
    const { report } = await simplify(mobileNetV2(1 / 8, 32), { runner });
    expect(open.mock.calls.filter(([, options]) => options?.optimization === 'disabled')).toHaveLength(2);
    expect(report.steps.filter((each) => each.changed).every((each) => each.verified?.ok)).toBe(true);
    expect(report.steps.some((each) => each.failure)).toBe(false);
    expect(existsSync(`${workspace.folder}/none`)).toBe(false);
  });
});

describe('what is compared', () => {
  it('two sizes where a dimension is open: a rewrite for one size only is found', async () => {
    const model = buildModel({
      inputs: { x: ['batch', 4] }, outputs: { y: [null, 2] }, initializers: { shape: int64Tensor('shape', [2], [-1, 2]) },
      nodes: [{ op: 'Relu', in: ['x'], out: ['a'], name: 'relu' }, { op: 'Reshape', in: ['a', 'shape'], out: ['b'], name: 'reshape' }, { op: 'Neg', in: ['b'], out: ['y'] }],
    });
    wrong.after = (graph) => bake(graph as Graph);
    expect(step(await simplify(model))).toMatchObject({ undone: expect.stringMatching(/shape|run/) });
  });

  it('integer and boolean outputs, exactly', async () => {
    const model = buildModel({
      inputs: { x: [1, 8] }, outputs: { top: { type: 'INT64', shape: null }, any: { type: 'BOOL', shape: null } }, initializers: { w: floatTensor('w', [1, 8], new Float32Array(8)) },
      nodes: [{ op: 'Add', in: ['x', 'w'], out: ['a'], name: 'add' }, { op: 'ArgMax', in: ['a'], out: ['top'], attrs: { axis: 1 } }, { op: 'Greater', in: ['a', 'w'], out: ['any'] }],
    });
    wrong.after = (graph) => replace(graph as Graph, 'w', Float32Array.of(9, 0, 0, 0, 0, 0, 0, 0));
    expect(step(await simplify(model))?.undone).toMatch(/"(top|any)" changed: \w+ became \w+/);
  });

  it('integer and string inputs, string outputs', async () => {
    const model = buildModel({
      inputs: { ids: { type: 'INT64', shape: [1, 4] }, text: { type: 'STRING', shape: [1, 4] } }, outputs: { y: { type: 'FLOAT', shape: null }, same: { type: 'STRING', shape: null } },
      initializers: { table: floatTensor('table', [2, 1], Float32Array.of(1, 2)) },
      nodes: [{ op: 'Identity', in: ['text'], out: ['t'] }, { op: 'Gather', in: ['table', 'ids'], out: ['y'] }, { op: 'Reshape', in: ['t', 'shape'], out: ['same'] }, { op: 'Constant', in: [], out: ['shape'], attrs: { value: int64Tensor('', [2], [2, 2]) } }],
    });
    const { report } = await simplify(model, { recipe: parseRecipe({ version: 1, name: 'test', steps: [{ step: 'simplify' }] }) }).catch((error: Error) => ({ report: { steps: [], warnings: [error.message] } }) as unknown as RunRecipeResult);
    expect(report.warnings).toEqual([]);
    expect(report.steps.filter((each) => each.changed).length).toBeGreaterThan(0);
    expect(report.steps.filter((each) => each.changed).every((each) => each.verified?.ok)).toBe(true);
    wrong.after = (graph) => replace(graph as Graph, 'table', Float32Array.of(1, 3));
    expect(step(await simplify(model))?.undone).toContain('"y" changed');
  });

  it('NaN is equal to NaN and to nothing else', async () => {
    const model = buildModel({
      inputs: { x: [1, 4] }, outputs: ['y'], initializers: { w: floatTensor('w', [1, 4], Float32Array.of(-1, -1, -1, -1)) },
      nodes: [{ op: 'Identity', in: ['x'], out: ['i'] }, { op: 'Sub', in: ['i', 'i'], out: ['z'] }, { op: 'Add', in: ['z', 'w'], out: ['a'] }, { op: 'Sqrt', in: ['a'], out: ['y'] }],
    });
    const { report } = await simplify(model);
    expect(report.steps.find((each) => each.pass === 'remove-identity')).toMatchObject({ changed: true, verified: { ok: true } });
    wrong.after = (graph) => replace(graph as Graph, 'w', Float32Array.of(-1, -1, 1, -1));
    expect(step(await simplify(model))?.undone).toContain('NaN became 1');
  });

  it('a model with random numbers in it cannot be compared, and that is said', async () => {
    const model = buildModel({
      inputs: { x: [1, 4] }, outputs: ['y'],
      nodes: [{ op: 'Identity', in: ['x'], out: ['i'] }, { op: 'RandomNormalLike', in: ['i'], out: ['r'] }, { op: 'Add', in: ['i', 'r'], out: ['y'] }],
    });
    const { report } = await simplify(model);
    expect(report.warnings.join()).toContain('it draws random numbers');
    expect(report.steps.find((each) => each.pass === 'remove-identity')).toMatchObject({ changed: true, verified: null });
  });
});

/** Each gives true where it changed something, once. */
function zero(graph: Graph, name: string): boolean {
  const tensor = graph.initializers.get(name);
  return tensor !== undefined && replace(graph, name, new Float32Array(tensor.dims.reduce((a, b) => a * b, 1)));
}

function replace(graph: Graph, name: string, values: Float32Array): boolean {
  const tensor = graph.initializers.get(name);
  const stored = tensor?.payload.kind === 'raw' ? new Float32Array(new Uint8Array(tensor.payload.bytes).buffer) : undefined;
  if (!tensor || stored?.every((value, i) => Object.is(value, values[i]))) return false;
  graph.setInitializer(floatTensor(name, tensor.dims, values));
  return true;
}

function bake(graph: Graph): boolean {
  const tensor = graph.initializers.get('shape');
  if (!tensor || tensor.dims[0] !== 2 || (tensor.payload.kind === 'raw' && tensor.payload.bytes[0] === 2)) return false;
  graph.setInitializer(int64Tensor('shape', [2], [2, 2]));
  return true;
}
