import { describe, expect, test } from 'vitest';
import { createTimeLeft } from './time-left.ts';

describe('time left', () => {
  test('is unknown at first, then right for steady work', () => {
    let now = 0;
    const timeLeft = createTimeLeft(() => now);
    expect(timeLeft.update(0.01)).toBeNull();
    let left: number | null = null;
    for (let second = 1; second <= 50; second++) {
      now = second * 1000;
      left = timeLeft.update(second / 100);
    }
    expect(left).toBe(50);
  });

  test('follows a change of speed within a few updates and never goes below zero', () => {
    let now = 0;
    const timeLeft = createTimeLeft(() => now);
    for (let second = 1; second <= 10; second++) {
      now += 1000;
      timeLeft.update(second * 0.05);
    }
    let left: number | null = null;
    for (let second = 1; second <= 30; second++) {
      now += 1000;
      left = timeLeft.update(0.5 + second * 0.005);
    }
    // 0.35 is left; at the new speed that is 70 s, at the old one 7 s.
    expect(left).toBeGreaterThan(25);
    now += 600_000;
    expect(timeLeft.update(1)).toBe(0);
  });
});
