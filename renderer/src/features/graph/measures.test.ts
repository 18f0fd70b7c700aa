import { describe, expect, it } from 'vitest';
import type { ModelGraph } from '../../../../src/contract/records/graph.ts';
import { costOf, layersByUnit, stepsTouching, touchedNodes } from './measures.ts';
import { counterparts, nameIndex } from './names.ts';
import { pictureOf } from './picture.ts';
import { findBoxes } from './search.ts';
import { costTone, errorTone, operatorTone, TONES, tonesOf } from './tones.ts';

const node = (name: string, op: string, unit: number, macs: number | null, output = `${name}_out`): ModelGraph['nodes'][number] => ({ name, op, outputs: [output], type: 'float32', shape: [1], macs, parameters: 1, weightBytes: 4, activationBytes: 4, constants: [], attributes: [], inner: 0, unit });
const graphOf = (nodes: ModelGraph['nodes'], units: ModelGraph['units']): ModelGraph => ({ nodes, units, inputs: [], outputs: [], edges: [], leftOut: { nodes: 0, edges: 0 } });

const before = graphOf(
  [node('conv', 'Conv', 0, 900), node('bn', 'BatchNormalization', 0, 0), node('relu', 'Relu', 0, 0), node('pass', 'Identity', 1, 0), node('fc', 'Gemm', 2, 100)],
  [{ kind: 'Conv+BatchNormalization+Relu', core: 0, nodes: [0, 1, 2], precision: 'float32' }, { kind: 'Identity', core: 3, nodes: [3], precision: 'float32' }, { kind: 'Gemm', core: 4, nodes: [4], precision: 'float32' }],
);
/** The normalization went into the convolution, which took its output; the identity is gone. */
const after = graphOf([node('conv', 'Conv', 0, 900, 'bn_out'), node('relu', 'Relu', 0, 0), node('fc', 'Gemm', 1, 100)], [{ kind: 'Conv+Relu', core: 0, nodes: [0, 1], precision: 'int8' }, { kind: 'Gemm', core: 2, nodes: [2], precision: 'float32' }]);

describe('what stands for what', () => {
  const other = nameIndex(after);
  it('finds units by the names of their nodes and values', () => {
    expect(counterparts(before, [0, 1, 2], other)).toEqual([0, 1]);
    expect(counterparts(before, [1], other)).toEqual([0]);
    expect(counterparts(before, [3], other)).toEqual([]);
    expect(counterparts(after, [0], nameIndex(before))).toEqual([0, 1]);
  });
});

describe('what is known of a unit', () => {
  it('adds up its nodes, and knows what it does not know', () => {
    expect(costOf(before, [0, 1, 2])).toEqual({ macs: 900, parameters: 3, weightBytes: 12, activationBytes: 12 });
    expect(costOf(graphOf([node('a', 'Conv', 0, null)], []), [0]).macs).toBeNull();
  });

  it('takes the error of its last value', () => {
    const error = { op: '', cosine: 1, float: false };
    const layers = [{ ...error, node: 'conv', sqnrDb: 40 }, { ...error, node: 'relu', sqnrDb: 30 }, { ...error, node: 'gone', sqnrDb: 3 }];
    expect([...layersByUnit(before, nameIndex(before), layers)]).toEqual([[0, 1]]);
    expect([...tonesOf(pictureOf(before, 'units'), before, 'error', layers, new Map([[0, 1]]))]).toEqual([errorTone(30), 0, 0]);
  });

  it('names the steps that touched it', () => {
    const step = { pass: 'fold-batch-norm', changed: true, stats: {}, notes: [], ms: 1, nodesAfter: 1, bytesAfter: 1, verified: null, nodes: { removed: ['bn'], changed: ['conv'], added: [] } };
    expect(stepsTouching(before, [0, 1, 2], [step])).toEqual([0]);
    expect(stepsTouching(before, [4], [step])).toEqual([]);
    expect(touchedNodes(step, nameIndex(before))).toEqual([1, 0]);
  });
});

describe('colours', () => {
  it.each([['Conv', 'layer'], ['com.microsoft.FusedMatMul', 'product'], ['Relu', 'activation'], ['MaxPool', 'pool'], ['Add', 'arithmetic'], ['Reshape', 'shape'], ['Frob', 'other']] as const)('%s is of the class %s', (op, name) => {
    expect(TONES.operator[operatorTone(op)]).toBe(name);
  });
  it('steps of the scales', () => {
    expect([0, 0.0005, 0.005, 0.02, 0.05, 0.5].map(costTone)).toEqual([0, 1, 2, 3, 4, 5]);
    expect([undefined, null, 50, 35, 25, 15, 5].map(errorTone)).toEqual([0, 1, 1, 2, 3, 4, 5]);
  });
});

describe('search', () => {
  it('finds by operator and by name, the best first', () => {
    const { boxes } = pictureOf(before, 'nodes');
    expect(findBoxes(boxes, 'conv', 9).shown).toEqual([0]);
    expect(findBoxes(boxes, ' BN ', 9).shown).toEqual([1]);
    expect(findBoxes(boxes, '', 9).count).toBe(0);
    expect(findBoxes(boxes, 'e', 1)).toEqual({ shown: [2], count: 3 });
  });
});
