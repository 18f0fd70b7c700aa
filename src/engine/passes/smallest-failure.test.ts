import { expect, it } from 'vitest';
import { expectSameOutputs, outputsOf } from '../../../test/support/pass-testing.ts';
import { mobileNetV2 } from '../../../test/support/networks.ts';
import { floatTensor, tensorFloats } from '../onnx/tensor.ts';
import type { Model, Tensor } from '../onnx/types.ts';
import { smallestFailure } from './smallest-failure.ts';

const clock = (): number => 0;

/** A fault in the pass itself, as if it forgot the shift of one normalization: found by what the runtime computes. */
async function differsAtThirdNorm(before: Model, after: Model): Promise<boolean> {
  const bias = [...after.graph.initializers.keys()].find((name) => name === 'weight_10_bias');
  const faulty: Model = { ...after, graph: { ...after.graph, initializers: new Map(after.graph.initializers) } };
  if (bias !== undefined) {
    const tensor = after.graph.initializers.get(bias) as Tensor;
    faulty.graph.initializers.set(bias, floatTensor(bias, tensor.dims, new Float32Array(tensorFloats(tensor).length)));
  }
  const reference = await outputsOf(before);
  const outputs = await outputsOf(faulty);
  try {
    expectSameOutputs(outputs, reference, 1e-5);
    return false;
  } catch {
    return true;
  }
}

it('finds the two nodes of a network on which a pass goes wrong', async () => {
  const model = mobileNetV2(1 / 8, 32);
  const weights = model.graph.nodes.filter((node) => node.opType === 'Conv').map((node) => node.inputs[1]);
  expect(weights).toContain('weight_10');
  const found = await smallestFailure(model, 'fold-batch-norm', differsAtThirdNorm, { clock });
  expect(found?.before.graph.nodes.map((node) => node.opType)).toEqual(['Conv', 'BatchNormalization']);
  expect(found?.before.graph.nodes[0]?.inputs[1]).toBe('weight_10');
  expect(found?.after.graph.nodes).toHaveLength(1);
});

it('answers null where no piece fails, and stops at the bound', async () => {
  const model = mobileNetV2(1 / 8, 32);
  let runs = 0;
  const never = (): Promise<boolean> => {
    runs++;
    return Promise.resolve(false);
  };
  expect(await smallestFailure(model, 'fold-batch-norm', never, { clock, maxRuns: 20 })).toBeNull();
  expect(runs).toBe(20);
  expect(await smallestFailure(model, 'fold-batch-norm', never, { clock, signal: AbortSignal.abort() }).catch((error: { code: string }) => error.code)).toBe('CANCELLED');
});
