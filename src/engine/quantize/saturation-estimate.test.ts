import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildModel } from '../../../test/support/build-model.ts';
import { calibrationContext, normals, smallNetwork, temporaryWorkspace } from '../../../test/support/quantization-testing.ts';
import type { Model } from '../onnx/index.ts';
import { int8StepOptions, runInt8Step, type Int8StepResult } from './int8-step.ts';
import { saturatingModel } from './saturating-model.ts';

let workspace: ReturnType<typeof temporaryWorkspace>;
beforeAll(() => {
  workspace = temporaryWorkspace();
});
afterAll(() => workspace.dispose());

const run = (model: Model, options: object = {}): Promise<Int8StepResult> => runInt8Step(model, int8StepOptions.parse(options), calibrationContext(workspace));

/** Inputs above 0 and weights mostly of one sign and alike: most pairs pass 16 bits. */
const saturating = (): Model =>
  buildModel({
    inputs: { x: [1, 8, 6, 6] },
    outputs: ['y'],
    initializers: { w: { dims: [8, 8, 3, 3], values: normals(1, 576, 0.05).map((value) => value + 0.2) }, v: { dims: [8, 8, 1, 1], values: normals(2, 64) } },
    nodes: [{ op: 'Abs', in: ['x'], out: ['a'] }, { op: 'Conv', in: ['a', 'w'], out: ['c'], name: 'alike', attrs: { pads: [1, 1, 1, 1] } }, { op: 'Relu', in: ['c'], out: ['r'] }, { op: 'Conv', in: ['r', 'v'], out: ['y'], name: 'last' }],
  });

describe('the loss on processors without VNNI', () => {
  it('is foretold with its layers, and portable loses nothing there and little here', async () => {
    const plain = await run(saturating());
    expect(plain.stats['saturating']).toBeGreaterThan(0);
    expect(plain.notes.join(' ')).toMatch(/of 2 layers can saturate .* most of all alike \(\d/);
    expect(plain.warnings.join(' ')).toMatch(/Answers differ on x86 processors without VNNI: estimated [-\d.]+ dB signal to noise in place of [\d.]+ dB.*portable/);

    const portable = await run(saturating(), { reduceRange: 'where-needed' });
    expect(portable.stats['guarded']).toBe(plain.stats['saturating']);
    expect(portable.stats['saturating']).toBeUndefined();
    expect(portable.warnings).toEqual([]);
    expect(portable.notes.join(' ')).toContain('the answers are the same');
    expect(saturatingModel(portable.model).layers).toEqual([]);
  });

  it('believes no declared shape: the batch of a model may be another than its file says', async () => {
    const model = buildModel({
      inputs: { x: ['batch', 8] },
      // 128 is what the exporter saw.
      outputs: { y: { type: 'FLOAT', shape: [128, 4] } },
      initializers: { w: { dims: [8, 4], values: normals(1, 32, 0.05).map((value) => value + 0.2) }, one: { dims: [4, 4], values: normals(2, 16) } },
      nodes: [{ op: 'Abs', in: ['x'], out: ['a'] }, { op: 'MatMul', in: ['a', 'w'], out: ['h'], name: 'first' }, { op: 'MatMul', in: ['h', 'one'], out: ['y'] }],
    });
    const { stats, notes } = await run(model);
    expect(stats['saturating']).toBeGreaterThan(0);
    expect(notes.join(' ')).toMatch(/layers can saturate/);
  });

  it.each(['nearest', 'adaptive'])('portable never saturates with rounding %s, whatever the network', async (rounding) => {
    const { model } = await run(smallNetwork(), { reduceRange: 'where-needed', rounding });
    expect(saturatingModel(model)).toMatchObject({ layers: [], skipped: [] });
  });

  it('is not estimated for s8s8', async () => {
    const { warnings, stats } = await run(saturating(), { scheme: 's8s8' });
    expect(warnings).toHaveLength(1);
    expect(stats['saturating']).toBeUndefined();
  });
});
