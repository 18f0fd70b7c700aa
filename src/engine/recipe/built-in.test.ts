/** Every recipe that is shipped, through the runtime and through the limits it sets. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildModel, modelBytes, type NodeSpec } from '../../../test/support/build-model.ts';
import { createInProcessRunner } from '../../../test/support/in-process-runner.ts';
import { normals, smallNetwork, temporaryWorkspace } from '../../../test/support/quantization-testing.ts';
import type { Recipe } from '../../contract/records/recipe.ts';
import { opsetOf, type Model } from '../onnx/types.ts';
import { builtInRecipes, parseRecipe, reducers, runRecipe } from './index.ts';
import type { RunRecipeResult } from './types.ts';

let workspace: ReturnType<typeof temporaryWorkspace>;
beforeAll(() => {
  workspace = temporaryWorkspace();
});
afterAll(() => workspace.dispose());

async function run(recipe: Recipe, model: Model): Promise<RunRecipeResult> {
  const bytes = modelBytes(model);
  return runRecipe({
    recipe, modelName: 'm', modelPath: await workspace.write('input.onnx', [bytes]), model, inputBytes: bytes.length, inputSha256: '00', data: null,
    runner: createInProcessRunner({ reducers }), workspace, machine: { cpu: 'c', cores: 1, memoryBytes: 1e9, os: 'o', node: '24', onnxruntime: '1', edgewise: '0' },
    seed: 1, verify: true, threads: 1, clock: () => performance.now(), createdAt: '2026-01-01T00:00:00.000Z', hashFile: () => Promise.resolve('11'),
    log: () => {}, progress: () => {}, signal: new AbortController().signal,
  });
}

const named = (name: string): Recipe => builtInRecipes[name] as Recipe;

/** One block of a transformer as exporters write it: attention, layer normalization, two products with GELU between. */
function transformer(opset = 17): Model {
  const width = 64;
  const matrix = (seed: number, rows: number, columns: number) => ({ dims: [rows, columns], values: normals(seed, rows * columns, 1 / Math.sqrt(rows)) });
  const bias = (seed: number, length: number) => ({ dims: [length], values: normals(seed, length, 0.1) });
  const node = (op: string, inputs: string[], output: string, attrs: NodeSpec['attrs'] = {}): NodeSpec => ({ op, in: inputs, out: [output], name: `n_${output}`, attrs });
  const linear = (input: string, name: string, output: string): NodeSpec[] => [node('MatMul', [input, `${name}w`], `${output}_mm`), node('Add', [`${output}_mm`, `${name}b`], output)];
  return buildModel({
    opset,
    inputs: { x: [1, 12, width] },
    outputs: { y: [1, 12, width] },
    initializers: {
      qw: matrix(1, width, width), qb: bias(2, width), kw: matrix(3, width, width), kb: bias(4, width), vw: matrix(5, width, width), vb: bias(6, width), ow: matrix(7, width, width), ob: bias(8, width),
      fw: matrix(9, width, 4 * width), fb: bias(10, 4 * width), gw: matrix(11, 4 * width, width), gb: bias(12, width), ...(opset >= 17 ? { ns: { dims: [width], values: new Float32Array(width).fill(1) }, nb: bias(13, width) } : {}),
    },
    nodes: [
      ...linear('x', 'q', 'q'), ...linear('x', 'k', 'k'), ...linear('x', 'v', 'v'),
      node('Transpose', ['k'], 'kt', { perm: [0, 2, 1] }),
      node('MatMul', ['q', 'kt'], 'scores'),
      node('Softmax', ['scores'], 'p', { axis: -1 }),
      node('MatMul', ['p', 'v'], 'a'),
      ...linear('a', 'o', 'o'),
      node('Add', ['o', 'x'], 'r'),
      ...(opset >= 17 ? [node('LayerNormalization', ['r', 'ns', 'nb'], 'n', { axis: -1 })] : [node('Tanh', ['r'], 'n')]),
      ...linear('n', 'f', 'f'),
      node('Sigmoid', ['f'], 'fs'),
      node('Mul', ['f', 'fs'], 'fa'),
      ...linear('fa', 'g', 'g'),
      node('Add', ['g', 'r'], 'y'),
    ],
  });
}

describe('recipes that are shipped', () => {
  it('are the files in resources, each under its own name', () => {
    const files = readdirSync(join(import.meta.dirname, '../../../resources/recipes'));
    expect(Object.keys(builtInRecipes).map((name) => `${name}.json`).toSorted()).toEqual(files.toSorted());
    for (const [name, recipe] of Object.entries(builtInRecipes)) expect(recipe.name).toBe(name);
  });

  it.each([['fp16', 1.5, 0.9999], ['portable', 1.7, 0.99], ['int8', 1.7, 0.99]] as const)('%s makes a small vision network at least %f times smaller', async (name, smaller, cosine) => {
    const { report, gatesMet } = await run(named(name), smallNetwork());
    expect(report.input.bytes / report.output.bytes).toBeGreaterThan(smaller);
    expect(report.fidelity?.cosine).toBeGreaterThan(cosine);
    expect(gatesMet).toBe(true);
  });

  it.each([['matmul-int8', 3, 0.999], ['matmul-int4', 4.5, 0.98]] as const)('%s makes a block of a transformer at least %f times smaller', async (name, smaller, cosine) => {
    const { report, gatesMet } = await run(named(name), transformer());
    expect(report.input.bytes / report.output.bytes).toBeGreaterThan(smaller);
    expect(report.fidelity?.cosine).toBeGreaterThan(cosine);
    expect(report.steps.at(-1)).toMatchObject({ changed: true, stats: { products: 6, left: 0 } });
    expect(report.gates).toHaveLength(1);
    expect(gatesMet).toBe(true);
  });

  it('matmul-int8 raises the operator set where it is too old', async () => {
    const { report, model } = await run(named('matmul-int8'), transformer(10));
    expect(opsetOf(model)).toBeGreaterThanOrEqual(11);
    expect(report.fidelity?.cosine).toBeGreaterThan(0.999);
  });

  it.each(['matmul-int8', 'matmul-int4'])('%s leaves a model alone that is quantized already, and says so', async (name) => {
    const { model } = await run(named('matmul-int8'), transformer());
    const { report } = await run(named(name), model);
    expect(report.warnings.join()).toContain('quantized already');
    expect(report.fidelity?.cosine).toBeCloseTo(1, 5);
  });

  it.each(['fp16', 'portable', 'matmul-int8', 'matmul-int4'])('%s with a gate that it does not meet says so', async (name) => {
    const { report, gatesMet } = await run(parseRecipe({ ...named(name), gates: [{ metric: 'bytes', op: '<=', value: 10 }] }), name.startsWith('matmul') ? transformer() : smallNetwork());
    expect(gatesMet).toBe(false);
    expect(report.gates.map(({ met }) => met)).toEqual([false]);
  });
});
