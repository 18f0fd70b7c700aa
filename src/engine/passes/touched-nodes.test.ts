import { describe, expect, test } from 'vitest';
import { joinTouched, seeNodes, touchedNodes } from './touched-nodes.ts';

const node = (name: string, opType: string, inputs: string[], output: string) => ({ name, opType, inputs, outputs: [output] });

describe('nodes that a rewrite touched', () => {
  const before = seeNodes([node('conv', 'Conv', ['x', 'w'], 'a'), node('', 'BatchNormalization', ['a'], 'b'), node('relu', 'Relu', ['b'], 'c')]);

  test('a fold: the layer changed, what went into it is gone, the reader is untouched', () => {
    const after = seeNodes([node('conv', 'Conv', ['x', 'w', 'bias'], 'b'), node('relu', 'Relu', ['b'], 'c'), node('new', 'Cast', ['c'], 'd')]);
    expect(touchedNodes(before, after)).toEqual({ removed: ['b'], changed: ['conv'], added: ['new'] });
    expect(touchedNodes(before, before)).toEqual({ removed: [], changed: [], added: [] });
  });

  test('several rounds are told once, and no more names than a person reads', () => {
    const first = touchedNodes(before, seeNodes([]));
    expect(joinTouched(first, first).removed).toEqual(['conv', 'b', 'relu']);
    const many = touchedNodes(seeNodes(Array.from({ length: 1000 }, (_, index) => node(`n${index}`, 'Relu', [], `o${index}`))), seeNodes([]));
    expect(many.removed).toHaveLength(300);
  });
});
