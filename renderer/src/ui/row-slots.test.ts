import { describe, expect, it } from 'vitest';
import { RowSlots } from './row-slots.ts';

describe('elements of the rows in sight', () => {
  it('stay with their rows, and those that are left go to the rows that come', () => {
    const slots = new RowSlots();
    expect(slots.assign(['a', 'b', 'c'], null)).toEqual([0, 1, 2]);
    expect(slots.assign(['b', 'c', 'd'], null)).toEqual([1, 2, 0]);
    expect(slots.assign(['x', 'y', 'z'], null)).toEqual([1, 2, 0]);
  });

  it('grow and shrink with what is in sight, each given once', () => {
    const slots = new RowSlots();
    slots.assign(['a', 'b', 'c', 'd'], null);
    expect(slots.assign(['c'], null)).toEqual([2]);
    const more = slots.assign(['p', 'c', 'q', 'r'], null);
    expect(more[1]).toBe(2);
    expect(new Set(more).size).toBe(4);
  });

  it('are not given away while the focus is in them', () => {
    const slots = new RowSlots();
    slots.assign(['a', 'b', 'c'], null);
    expect(slots.assign(['x', 'y', 'z'], 'b')).not.toContain(1);
    slots.assign(['a', 'b'], null);
    expect(slots.assign(['b', 'a'], 'b')).toHaveLength(2);
  });
});
