import { expect, it, vi } from 'vitest';
import { expectSameOutputs, makeModel, op, outputsOf, randomTensor, runAndCompare } from '../../../test/support/pass-testing.ts';
import { makeInts } from '../onnx/attributes.ts';
import { modelByteLength } from '../onnx/index.ts';
import type { Model } from '../onnx/types.ts';
import { passes, simplifyOrder } from './index.ts';
import { runPasses, type VerifyResult } from './pipeline.ts';

const clock = (): number => 0;

function network(): Model {
  const bn = ['s', 'bb', 'mmm', 'vvvv'];
  return makeModel({
    inputs: { x: [1, 3, 8, 8] }, outputs: ['y'],
    initializers: [randomTensor('w', [4, 3, 3, 3]), randomTensor('w2', [4, 4, 3, 3]), ...bn.map((name) => randomTensor(name, [4], 2, 0.5, 1))],
    nodes: [
      op('Identity', ['x'], ['i']), op('Conv', ['i', 'w'], ['a'], { pads: makeInts([1, 1, 1, 1]) }), op('Identity', ['a'], ['a2']), op('BatchNormalization', ['a2', ...bn], ['b']),
      op('Relu', ['b'], ['c']), op('Dropout', ['c'], ['d']), op('Conv', ['d', 'w2'], ['e']), op('BatchNormalization', ['e', ...bn], ['f']), op('Relu', ['f'], ['y']), op('Neg', ['c'], ['dead']),
    ],
  });
}

it('simplify: identities, dead nodes and normalizations go; outputs stay', async () => {
  const { ops, steps, settled } = await runAndCompare(network(), simplifyOrder);
  expect(ops).toEqual(['Conv', 'Relu', 'Conv', 'Relu']);
  expect(settled).toBe(true);
  expect(steps.map((step) => step.pass)).toEqual(simplifyOrder);
  expect(steps.find((step) => step.pass === 'fold-batch-norm')?.stats).toEqual({ folded: 2 });
});

it('tells for each pass what it alone took away, however many rounds there were', async () => {
  const model = network();
  const { model: after, steps } = await runPasses(model, simplifyOrder, { clock, bytesOf: modelByteLength });
  const before = (index: number, key: 'nodesAfter' | 'bytesAfter'): number => steps[index - 1]?.[key] ?? (key === 'nodesAfter' ? model.graph.nodes.length : modelByteLength(model));
  const removed = Object.fromEntries(steps.map((step, index) => [step.pass, before(index, 'nodesAfter') - step.nodesAfter]).filter(([, count]) => count !== 0));
  // The dead Neg; two Identity and a Dropout; two normalizations.
  expect(removed).toEqual({ 'remove-dead-nodes': 1, 'remove-identity': 3, 'fold-batch-norm': 2 });
  steps.forEach((step, index) => expect(step.bytesAfter === before(index, 'bytesAfter'), step.pass).toBe(!step.changed));
  expect(steps.at(-1)).toMatchObject({ nodesAfter: after.graph.nodes.length, bytesAfter: modelByteLength(after) });
});

it('leaves the model it was given as it was', async () => {
  const model = network();
  const before = JSON.stringify(model.graph.nodes, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  await runPasses(model, simplifyOrder, { clock });
  expect(JSON.stringify(model.graph.nodes, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))).toBe(before);
  expect(model.graph.initializers.has('s')).toBe(true);
});

it('is idempotent: a second run finds nothing', async () => {
  const first = await runPasses(network(), simplifyOrder, { clock });
  const second = await runPasses(first.model, simplifyOrder, { clock });
  expect(second.steps.filter((step) => step.changed)).toEqual([]);
});

it('undoes the pass whose change is refused, keeps the others, and does not run it again', async () => {
  const model = network();
  const verify = vi.fn((_before: Model, _after: Model, pass: string): Promise<VerifyResult> => Promise.resolve({ ok: pass !== 'fold-batch-norm', maxAbsError: 0.5, detail: 'y differs by 0.5' }));
  const result = await runPasses(model, simplifyOrder, { clock, verify });
  expect(result.model.graph.nodes.map((node) => node.opType)).toEqual(['Conv', 'BatchNormalization', 'Relu', 'Conv', 'BatchNormalization', 'Relu']);
  const step = result.steps.find((each) => each.pass === 'fold-batch-norm');
  expect(step).toMatchObject({ changed: false, count: 0, undone: 'y differs by 0.5', verified: { ok: false } });
  expect(verify.mock.calls.filter(([, , pass]) => pass === 'fold-batch-norm')).toHaveLength(1);
  expectSameOutputs(await outputsOf(result.model), await outputsOf(model));
});

it('hands the verifier the models before and after each change', async () => {
  const seen: [string, number, number][] = [];
  await runPasses(network(), simplifyOrder, {
    clock,
    verify: async (before, after, pass) => {
      seen.push([pass, before.graph.nodes.length, after.graph.nodes.length]);
      expectSameOutputs(await outputsOf(after), await outputsOf(before));
      return { ok: true, maxAbsError: 0, detail: '' };
    },
  });
  expect(seen).toContainEqual(['remove-dead-nodes', 10, 9]);
  expect(seen).toContainEqual(['fold-batch-norm', 6, 4]);
});

it('stops when it is cancelled', async () => {
  await expect(runPasses(network(), simplifyOrder, { clock, signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CANCELLED' });
});

it('names an unknown pass', async () => {
  await expect(runPasses(network(), ['fold-everything'], { clock })).rejects.toMatchObject({ code: 'BAD_RECIPE' });
});

it('every pass is listed once under its own name', () => {
  expect(new Set(passes.map((pass) => pass.name)).size).toBe(passes.length);
});
