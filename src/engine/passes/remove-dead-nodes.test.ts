import { expect, it } from 'vitest';
import { makeModel, op, randomTensor, runAndCompare } from '../../../test/support/pass-testing.ts';
import { DataType, type GraphData } from '../onnx/types.ts';

it('removes what no output depends on, and keeps graph inputs', async () => {
  const model = makeModel({
    inputs: { x: [1, 4], unused: [1, 4] },
    outputs: ['y'],
    initializers: [randomTensor('w', [4]), randomTensor('dead', [4])],
    nodes: [op('Relu', ['x'], ['y']), op('Sigmoid', ['unused'], ['a']), op('Add', ['a', 'w'], ['b'])],
  });
  const { ops, model: after, steps } = await runAndCompare(model, ['remove-dead-nodes']);
  expect(ops).toEqual(['Relu']);
  expect(after.graph.inputs.map((input) => input.name)).toEqual(['x', 'unused']);
  expect([...after.graph.initializers.keys()]).toEqual([]);
  expect(steps[0]?.stats).toEqual({ nodes: 2, initializers: 2 });
});

it('keeps what only a subgraph reads', async () => {
  const branch = (name: string, input: string): GraphData => ({
    name, docString: '', nodes: [op('Neg', [input], [`${name}_out`])], inputs: [], valueInfo: new Map(), rest: [], initializers: new Map(),
    outputs: [{ name: `${name}_out`, elemType: DataType.FLOAT, shape: null }],
  });
  const model = makeModel({
    inputs: { x: [4] },
    outputs: ['y'],
    initializers: [randomTensor('w', [4]), { name: 'yes', dataType: DataType.BOOL, dims: [], payload: { kind: 'raw', bytes: Uint8Array.of(1) } }],
    nodes: [
      op('Relu', ['x'], ['r']),
      op('If', ['yes'], ['y'], { then_branch: { kind: 'graph', value: branch('then', 'r') }, else_branch: { kind: 'graph', value: branch('else', 'w') } }),
    ],
  });
  const { ops, steps } = await runAndCompare(model, ['remove-dead-nodes']);
  expect(ops).toEqual(['Relu', 'If']);
  expect(steps[0]?.changed).toBe(false);
});
