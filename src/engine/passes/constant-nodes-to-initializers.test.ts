import { expect, it } from 'vitest';
import { makeModel, op, randomTensor, runAndCompare } from '../../../test/support/pass-testing.ts';
import { makeFloat, makeInt, makeInts, makeTensorAttribute } from '../onnx/attributes.ts';
import { DataType } from '../onnx/types.ts';

it('turns every numeric form into an initializer', async () => {
  const model = makeModel({
    inputs: { x: [2, 3] },
    outputs: ['y', 'z'],
    nodes: [
      op('Constant', [], ['t'], { value: makeTensorAttribute(randomTensor('other_name', [3])) }),
      op('Constant', [], ['f'], { value_float: makeFloat(0.25) }),
      op('Constant', [], ['fs'], { value_floats: { kind: 'floats', value: [1, 2, 3] } }),
      op('Constant', [], ['is'], { value_ints: makeInts([3, 2]) }),
      op('Constant', [], ['i'], { value_int: makeInt(1) }),
      op('Add', ['x', 't'], ['a']), op('Mul', ['a', 'f'], ['b']), op('Add', ['b', 'fs'], ['c']), op('Reshape', ['c', 'is'], ['y']), op('Gather', ['c', 'i'], ['z']),
    ],
  });
  const { ops, model: after } = await runAndCompare(model, ['constant-nodes-to-initializers']);
  expect(ops).toEqual(['Add', 'Mul', 'Add', 'Reshape', 'Gather']);
  expect([...after.graph.initializers.keys()]).toEqual(['t', 'f', 'fs', 'is', 'i']);
  expect(after.graph.initializers.get('t')?.name).toBe('t');
});

it('keeps a Constant that makes a graph output', async () => {
  const model = makeModel({ outputs: ['y'], types: { y: DataType.FLOAT }, nodes: [op('Constant', [], ['y'], { value_float: makeFloat(2) })] });
  expect((await runAndCompare(model, ['constant-nodes-to-initializers'])).ops).toEqual(['Constant']);
});
