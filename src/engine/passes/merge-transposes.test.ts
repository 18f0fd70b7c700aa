import { expect, it } from 'vitest';
import { makeModel, op, runAndCompare } from '../../../test/support/pass-testing.ts';
import { makeInts } from '../onnx/attributes.ts';

const transpose = (from: string, to: string, perm: readonly number[]) => op('Transpose', [from], [to], { perm: makeInts(perm) });

it('makes one of a chain', async () => {
  const model = makeModel({ inputs: { x: [2, 3, 4, 5] }, outputs: ['y'], nodes: [transpose('x', 'a', [1, 2, 3, 0]), transpose('a', 'b', [3, 0, 2, 1]), transpose('b', 'y', [0, 2, 1, 3])] });
  expect((await runAndCompare(model, ['merge-transposes'])).ops).toEqual(['Transpose']);
});

it('a pair that cancels goes, also where the value in between is read elsewhere', async () => {
  const model = makeModel({
    inputs: { x: [2, 3, 4, 5] }, outputs: ['y', 'z'],
    nodes: [op('Relu', ['x'], ['r']), transpose('r', 'a', [0, 2, 3, 1]), transpose('a', 'b', [0, 3, 1, 2]), op('Neg', ['b'], ['y']), op('Neg', ['a'], ['z'])],
  });
  expect((await runAndCompare(model, ['merge-transposes', 'remove-no-ops'])).ops).toEqual(['Relu', 'Transpose', 'Neg', 'Neg']);
});

it('keeps two where the value in between is read elsewhere and they do not cancel', async () => {
  const model = makeModel({ inputs: { x: [2, 3, 4, 5] }, outputs: ['y', 'a'], nodes: [transpose('x', 'a', [1, 2, 3, 0]), transpose('a', 'y', [1, 2, 3, 0])] });
  const { ops, steps } = await runAndCompare(model, ['merge-transposes']);
  expect(ops).toEqual(['Transpose', 'Transpose']);
  expect(steps[0]?.changed).toBe(false);
});
