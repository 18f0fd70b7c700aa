import { describe, expect, it } from 'vitest';
import { DimAlgebra } from './dims.ts';

describe('DimAlgebra', () => {
  const dims = new DimAlgebra();

  it('writes equal sizes as equal strings, whatever the way to them', () => {
    expect(dims.add('h', 1)).toBe('h + 1');
    expect(dims.add(1, 'h')).toBe('h + 1');
    expect(dims.sub(dims.add('h', 'w'), 'w')).toBe('h');
    expect(dims.mul(dims.add('h', 1), 2)).toBe('2*h + 2');
    expect(dims.mul('h', 'w')).toBe(dims.mul('w', 'h'));
    expect(dims.sub('h', 'h')).toBe(0);
  });

  it('takes whole parts out of a floor and joins nested floors', () => {
    // Two convolutions of stride 2, kernel 3, pad 1: floor((h - 1)/2) + 1 twice.
    const once = dims.add(dims.floorDivide(dims.add('h', -1), 2), 1);
    const twice = dims.add(dims.floorDivide(dims.add(once, -1), 2), 1);
    expect(once).toBe('floor((h + 1)/2)');
    expect(twice).toBe('floor((h + 3)/4)');
    expect(dims.floorDivide(dims.mul('h', 4), 2)).toBe('2*h');
    expect(dims.ceilDivide('h', 2)).toBe(once);
    for (let h = 1; h < 40; h++) {
      const step = (size: number): number => Math.floor((size - 1) / 2) + 1;
      expect(dims.substitute(twice, new Map([['h', h]]))).toBe(step(step(h)));
    }
  });

  it('divides only where it is exact', () => {
    expect(dims.divideExactly(dims.mul('batch', 25088), 25088)).toBe('batch');
    expect(dims.divideExactly(dims.product(['b', 'h', 64]), dims.product(['b', 8]))).toBe('8*h');
    expect(dims.divideExactly(dims.mul(dims.add('h', 1), 'w'), dims.add('h', 1))).toBe('w');
    expect(dims.divideExactly(dims.mul('batch', 3), 2)).toBeNull();
    expect(dims.divideExactly(7, 2)).toBeNull();
    expect(dims.divideExactly('h', 0)).toBeNull();
  });

  it('knows halves from scales and gives up on other fractions', () => {
    expect(dims.floor(dims.mul('h', 0.5))).toBe('floor(h/2)');
    expect(dims.floor(dims.mul('h', 2))).toBe('2*h');
    expect(dims.floor(dims.mul('h', 0.3))).toBeNull();
    expect(dims.ceil(dims.mul('h', 0.5))).toBe('floor((h + 1)/2)');
  });

  it('keeps a maximum of two symbols and resolves it when they are bound', () => {
    const larger = dims.max('a', 'b');
    expect(larger).toBe(dims.max('b', 'a'));
    expect(dims.substitute(larger, new Map([['a', 3], ['b', 1]]))).toBe(3);
    expect(dims.substitute(larger, new Map([['a', 1]]))).toBe('max(1, b)');
    expect(dims.max(dims.add('a', 2), 'a')).toBe('a + 2');
  });

  it('unknown stays unknown, but nothing times zero is zero', () => {
    expect(dims.add(null, 1)).toBeNull();
    expect(dims.mul('h', null)).toBeNull();
    expect(dims.product([null, 0, 'h'])).toBe(0);
  });

  it('stays bounded: an expression that grows becomes unknown', () => {
    let dim: number | string | null = 'a';
    for (const name of ['b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']) dim = dims.mul(dims.add(dim, name), dims.add(name, 1));
    expect(dim).toBeNull();
  });

  it('hides symbols that it made itself', () => {
    const hidden = dims.hiddenSymbol();
    expect(dims.visible(dims.add(hidden, 1))).toBeNull();
    expect(dims.visible('h')).toBe('h');
    expect(dims.sub(hidden, hidden)).toBe(0);
  });
});
