import { expect, it } from 'vitest';
import { makeModel, op, randomTensor, runAndCompare } from '../../../test/support/pass-testing.ts';

const spec = { inputs: { x: [1, 2, 4, 4], w: [3, 2, 1, 1] }, outputs: ['y'], initializers: [randomTensor('w', [3, 2, 1, 1])], nodes: [op('Conv', ['x', 'w'], ['y'])] };

it('drops weights at IR 3, where they cannot be fed, and raises the IR', async () => {
  const { model } = await runAndCompare(makeModel({ ...spec, ir: 3, opset: 8 }), ['drop-initializer-inputs']);
  expect(model.graph.inputs.map((input) => input.name)).toEqual(['x']);
  expect(model.irVersion).toBe(4);
});

it('drops weights at IR 4 and later and says so', async () => {
  const { model, steps } = await runAndCompare(makeModel(spec), ['drop-initializer-inputs']);
  expect(model.graph.inputs.map((input) => input.name)).toEqual(['x']);
  expect(steps[0]?.notes[0]).toContain('1 weights were inputs');
});

it('keeps the default of an input that a caller may mean to replace', async () => {
  const model = makeModel({ inputs: { x: [4], threshold: [1] }, outputs: ['y'], initializers: [randomTensor('threshold', [1])], nodes: [op('Add', ['x', 'threshold'], ['y'])] });
  const kept = await runAndCompare(model, ['drop-initializer-inputs']);
  expect(kept.model.graph.inputs).toHaveLength(2);
  expect(kept.steps[0]?.notes[0]).toContain('stay inputs');
  const dropped = await runAndCompare(model, ['drop-initializer-inputs'], { options: { 'drop-initializer-inputs': { overridable: 'drop' } } });
  expect(dropped.model.graph.inputs).toHaveLength(1);
});

it('refuses options it does not know', async () => {
  await expect(runAndCompare(makeModel(spec), ['drop-initializer-inputs'], { options: { 'drop-initializer-inputs': { overridable: 'perhaps' } } })).rejects.toMatchObject({ code: 'BAD_RECIPE' });
});
