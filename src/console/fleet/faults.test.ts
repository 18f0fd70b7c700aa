/** Rollouts over the real line, with two simulated devices each, while something goes wrong; `node bench/fleet-faults.ts` does more of the same. */
import { describe, expect, it } from 'vitest';
import { FAULT_ROWS, runFaultRow } from '../testing/fleet-faults.ts';

describe('a rollout comes to its right end, and nothing is installed that should not be, with', () => {
  it.each(FAULT_ROWS.map((row) => [row.name, row] as const))('%s', { timeout: 180_000 }, async (_, row) => {
    const { wrong, injected, installs } = await runFaultRow(row, 2, 7);
    expect(wrong).toEqual([]);
    // What comes by chance may not come in so short a time.
    if (row.faults === undefined) expect(injected).toBeGreaterThan(0);
    expect(installs).toBe(row.ends === 'new' ? 2 : 0);
  });
});
