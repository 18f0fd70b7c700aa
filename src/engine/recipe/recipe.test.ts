import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createInProcessRunner } from '../../../test/support/in-process-runner.ts';
import { modelBytes } from '../../../test/support/build-model.ts';
import { smallNetwork, temporaryWorkspace } from '../../../test/support/quantization-testing.ts';
import type { ProgressUpdate } from '../../base/progress.ts';
import { optimizeReport } from '../../contract/records/report.ts';
import type { Recipe } from '../../contract/records/recipe.ts';
import { evaluateGates } from './gates.ts';
import { builtInRecipes, needsData, parseRecipe, reducers, renderReportHtml, runRecipe, type RunRecipeOptions } from './index.ts';
import { pairedDrop } from './statistics.ts';
import { compareOutputs } from './verify.ts';

let workspace: ReturnType<typeof temporaryWorkspace>;
beforeAll(() => {
  workspace = temporaryWorkspace();
});
afterAll(() => workspace.dispose());

async function optionsFor(recipe: Recipe, change: Partial<RunRecipeOptions> = {}): Promise<RunRecipeOptions> {
  const model = smallNetwork();
  const bytes = modelBytes(model);
  return {
    recipe, modelName: 'small <b>', modelPath: await workspace.write('input.onnx', [bytes]), model, inputBytes: bytes.length, inputSha256: '00', data: null,
    runner: createInProcessRunner({ reducers }), workspace, machine: { cpu: 'c', cores: 1, memoryBytes: 1e9, os: 'o', node: '24', onnxruntime: '1', edgewise: '0' },
    seed: 1, verify: true, threads: 1, clock: () => performance.now(), createdAt: '2026-01-01T00:00:00.000Z', hashFile: () => Promise.resolve('11'),
    log: () => {}, progress: () => {}, signal: new AbortController().signal, ...change,
  };
}

describe('a recipe as JSON', () => {
  it('is taken as it is written', () => {
    const json = { version: 1, name: 'mine', steps: [{ step: 'simplify' }, { step: 'quantize-static-int8', options: { observer: { kind: 'mse' } } }] };
    expect(parseRecipe(json)).toEqual(json);
  });

  it.each([
    [{ version: 1, name: 'x', steps: [{ step: 'simplfy' }] }, 'steps.0.step', 'simplfy'],
    [{ version: 1, name: 'x', steps: [{ step: 'simplify' }, { step: 'quantize-static-int8', options: { observer: { kind: 'mode' } } }] }, 'steps.1.options.observer', ''],
    [{ version: 1, name: 'x', steps: [] }, 'steps', ''],
    [{ version: 2, name: 'x', steps: [{ step: 'simplify' }] }, 'version', ''],
    [{ version: 1, name: 'x', steps: [{ step: 'simplify' }], gates: [{ metric: 'beauty', op: '<=', value: 1 }] }, 'gates.0.metric', ''],
  ])('is refused with the path of what is wrong: %j', (json, path, word) => {
    expect(() => parseRecipe(json)).toThrow(expect.objectContaining({ code: 'BAD_RECIPE', message: expect.stringContaining(path) }));
    expect(() => parseRecipe(json)).toThrow(word);
  });

  it('knows whether it learns from data', () => {
    expect(Object.entries(builtInRecipes).map(([name, recipe]) => [name, needsData(recipe)])).toEqual(expect.arrayContaining([['simplify', false], ['int8', true]]));
  });
});

describe('running a recipe', () => {
  it('int8 without data gives a report that says what was done and that the data were noise', async () => {
    const seen: ProgressUpdate[] = [];
    const { report, gatesMet, outputPath } = await runRecipe(await optionsFor(builtInRecipes['int8'] as Recipe, { progress: (update) => seen.push(update) }));
    expect(optimizeReport.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
    expect(report.output.bytes).toBeLessThan(report.input.bytes);
    expect(report.steps.at(-1)).toMatchObject({ pass: 'quantize-static-int8', changed: true });
    expect(report.warnings.join()).toContain('generated noise');
    expect(report.fidelity?.cosine).toBeGreaterThan(0.99);
    expect(report.latency?.threads).toBe(1);
    expect(gatesMet).toBe(true);
    expect(outputPath.startsWith(workspace.folder)).toBe(true);
    const fractions = seen.map((update) => update.fraction);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(fractions.at(-1)).toBe(1);
    expect(new Set(seen.map((update) => update.stage))).toEqual(new Set(['read', 'simplify', 'calibrate', 'quantize', 'write', 'fidelity', 'latency']));
  });

  it('tells its log what it began with, each step, each measurement and how it ended, in that order', async () => {
    const lines: string[] = [];
    const { report } = await runRecipe(await optionsFor(parseRecipe({ ...builtInRecipes['int8'], gates: [{ metric: 'bytes', op: '<=', value: 10 }] }), { log: (_level, line) => lines.push(line) }));
    const at = (start: string): number => lines.findIndex((line) => line.startsWith(start));
    const places = ['Recipe int8 (simplify, quantize-static-int8) on small <b>: ', 'No data: 16 generated inputs to calibrate on', ...report.steps.map(({ pass }) => `${pass}: `), 'Fidelity on ', 'Latency: ', 'Gate bytes <= 10: not met', 'Done in '].map(at);
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places.at(-1)).toBe(lines.length - 1);
  });

  it('gives the same model for the same seed', async () => {
    const recipe = builtInRecipes['int8'] as Recipe;
    const [first, second] = [await runRecipe(await optionsFor(recipe)), await runRecipe(await optionsFor(recipe))];
    expect(Buffer.from(modelBytes(first.model)).equals(Buffer.from(modelBytes(second.model)))).toBe(true);
  });

  it('says which gate was not met', async () => {
    const recipe = parseRecipe({ version: 1, name: 'tight', steps: [{ step: 'simplify' }], gates: [{ metric: 'bytes', op: '<=', value: 10 }, { metric: 'cosine', op: '>=', value: 0.9 }, { metric: 'top1Drop', op: '<=', value: 0.5 }] });
    const { report, gatesMet } = await runRecipe(await optionsFor(recipe));
    expect(gatesMet).toBe(false);
    expect(report.gates.map((gate) => gate.met)).toEqual([false, true, false]);
    expect(report.gates[2]?.measured).toBeNull();
    expect(report.warnings.join()).toContain('labelled');
  });

  it('stops when it is cancelled', async () => {
    const controller = new AbortController();
    controller.abort();
    await expect(runRecipe(await optionsFor(builtInRecipes['int8'] as Recipe, { signal: controller.signal }))).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('gates and statistics', () => {
  it('a limit itself is met', () => {
    const recipe = parseRecipe({ version: 1, name: 'x', steps: [{ step: 'simplify' }], gates: [{ metric: 'bytes', op: '<=', value: 100 }] });
    const output = { bytes: 100, nodes: 1, macs: 1, parameters: 1, sha256: '' };
    expect(evaluateGates(recipe, { accuracy: null, fidelity: null, latency: null, output })[0]).toMatchObject({ measured: 100, met: true });
  });

  it('the interval of a paired drop holds the mean, is the same for a seed, and is a point where nothing differs', () => {
    const before = Array.from({ length: 200 }, (_, i) => (i % 4 === 0 ? 0 : 1));
    const after = before.map((value, i) => (i % 20 === 1 ? 0 : value));
    const drop = pairedDrop(before, after, 3);
    expect(drop.mean).toBeCloseTo(0.05, 10);
    expect(drop.ci95[0]).toBeLessThan(drop.mean);
    expect(drop.ci95[1]).toBeGreaterThan(drop.mean);
    // Normal approximation: 0.05 +- 1.96 * sqrt(0.05 * 0.95 / 200)
    expect(drop.ci95[1]).toBeCloseTo(0.08, 1);
    expect(pairedDrop(before, after, 3)).toEqual(drop);
    expect(pairedDrop(before, before, 3)).toEqual({ mean: 0, ci95: [0, 0] });
  });
});

describe('comparing outputs', () => {
  const sample = (values: number[], dims = [values.length]) => ({ y: [{ dims, type: 'float32', magnitude: Math.max(...values.map(Math.abs)), exact: null, values: Float32Array.from(values) }] });

  it('allows what rounding does and nothing more', () => {
    expect(compareOutputs(sample([1, 100]), sample([1.0001, 100.001])).ok).toBe(true);
    expect(compareOutputs(sample([1, 100]), sample([1, 101]))).toMatchObject({ ok: false, detail: expect.stringContaining('100 became 101') });
    expect(compareOutputs(sample([0.5, 0.25]), sample([0.5, 0.26])).ok).toBe(false);
    // Weights rounded to float16 on purpose may cost what that costs, and no more.
    expect([0.255, 0.28].map((value) => compareOutputs(sample([0.5, 0.25]), sample([0.5, value]), true).ok)).toEqual([true, false]);
  });

  it('does not take NaN, a missing output or another shape for equal', () => {
    expect(compareOutputs(sample([1]), sample([Number.NaN])).ok).toBe(false);
    expect(compareOutputs(sample([Number.NaN]), sample([Number.NaN])).ok).toBe(true);
    expect(compareOutputs(sample([1, 2]), {}).ok).toBe(false);
    expect(compareOutputs(sample([1, 2]), sample([1, 2], [1, 2])).ok).toBe(false);
  });
});

describe('the report page', () => {
  it('stands alone, and lets no name become markup', async () => {
    const { report } = await runRecipe(await optionsFor(builtInRecipes['int8'] as Recipe));
    const hostile = '"><script>alert(1)</script>';
    const step = report.steps[0];
    if (!step) throw new Error('no step');
    const page = renderReportHtml({ ...report, model: hostile, warnings: [hostile], steps: [{ ...step, changed: true, notes: [hostile], undone: hostile }], machine: { ...report.machine, cpu: hostile } });
    expect(page).not.toContain('<script');
    expect(page).toContain('&lt;script&gt;');
    expect(page).not.toMatch(/(src|href)=|url\(|@import/);
    expect(page).toContain('prefers-color-scheme: dark');
    expect(page).toContain('size: A4');
    expect(page).toContain('smaller');
  });
});
