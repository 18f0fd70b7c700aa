import { expect, it } from 'vitest';
import { plainModel, plainNode as node } from '../../../test/support/infer-node.ts';
import { modelFacts as factsSchema } from '../../contract/records/model.ts';
import { elementTypeName, modelFacts } from './facts.ts';
import { floatTensor } from './tensor.ts';
import { DataType } from './types.ts';

it('describes a model as its record asks', () => {
  const model = plainModel({
    inputs: { x: ['batch', 20], w: [20, 10] },
    constants: [floatTensor('w', [20, 10], new Float32Array(200))],
    nodes: [node('MatMul', ['x', 'w'], ['m']), node('ArgMax', ['m'], ['y'], { axis: 1 })],
    outputs: [{ name: 'y', elemType: 0, shape: null }],
  });
  model.producerName = 'pytorch';
  model.producerVersion = '2.1';
  const facts = factsSchema.parse(modelFacts(model, 1234, ['read with care']));
  expect(facts).toMatchObject({
    nodes: 2, parameters: 200, macs: 200, bytes: 1234, opset: 17, ir: 8, producer: 'pytorch 2.1', quantized: false,
    inputs: [{ name: 'x', type: 'float32', shape: ['batch', 20] }],
    outputs: [{ name: 'y', type: 'int64', shape: ['batch', 1] }],
    warnings: ['read with care', 'Counted for one sample: "batch" taken as 1.'],
  });
});

it.each(['QuantizeLinear', 'QLinearConv', 'ConvInteger', 'MatMulNBits', 'DynamicQuantizeLinear'])('sees that %s is quantized', (op) => {
  expect(modelFacts(plainModel({ nodes: [node(op, [], ['y'])] }), 0, []).quantized).toBe(true);
});

it('says what it does not know', () => {
  const facts = modelFacts(plainModel({ inputs: { x: [1] }, nodes: [node('Fancy', ['x'], ['y'], {}, 'com.example')], outputs: [{ name: 'y', elemType: 0, shape: null }] }), 0, []);
  expect(facts.outputs).toEqual([{ name: 'y', type: 'unknown', shape: null }]);
  expect(facts.warnings.join(' ')).toMatch(/com\.example:Fancy/);
});

it('names element types as the ports do', () => {
  expect([DataType.FLOAT, DataType.DOUBLE, DataType.INT8, DataType.BFLOAT16, DataType.UNDEFINED].map(elementTypeName)).toEqual(['float32', 'float64', 'int8', 'bfloat16', 'unknown']);
});
