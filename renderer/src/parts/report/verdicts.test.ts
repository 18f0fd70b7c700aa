import { describe, expect, it } from 'vitest';
import { accuracyVerdict, speedVerdict, stepShares } from './verdicts.ts';

describe('speed', () => {
  it.each([
    [[1.8, 2.2], 'faster'],
    [[0.6, 0.9], 'slower'],
    [[0.98, 1.4], 'unproven'],
    [[1, 1.4], 'unproven'],
  ] as const)('calls an interval of %j %s', (ci95, verdict) => {
    expect(speedVerdict({ ci95: [...ci95] })).toBe(verdict);
  });
});

describe('accuracy', () => {
  it.each([
    [[0.004, 0.02], 'loss'],
    [[-0.02, -0.001], 'gain'],
    [[-0.004, 0.02], 'unproven'],
    [[0, 0], 'unproven'],
  ] as const)('calls a drop within %j %s', (ci95, verdict) => {
    expect(accuracyVerdict({ ci95: [...ci95] })).toBe(verdict);
  });
});

describe('shares of the steps', () => {
  const side = { macs: 0, parameters: 0, sha256: '' };
  const step = (pass: string, bytesAfter: number, nodesAfter: number) => ({ pass, changed: true, stats: {}, notes: [], ms: 1, nodesAfter, bytesAfter, verified: null });

  it('add up to one, and a step that adds bytes takes nothing from the others', () => {
    const shares = stepShares({ input: { ...side, bytes: 1000, nodes: 10 }, steps: [step('a', 900, 8), step('b', 950, 12), step('c', 650, 12)] });
    expect(shares.map(({ share }) => share)).toEqual([0.25, 0, 0.75]);
    expect(shares.map(({ bytesSaved }) => bytesSaved)).toEqual([100, -50, 300]);
    expect(shares.map(({ nodesRemoved }) => nodesRemoved)).toEqual([2, -4, 0]);
  });

  it('are zero where nothing was saved', () => {
    expect(stepShares({ input: { ...side, bytes: 10, nodes: 1 }, steps: [step('a', 10, 1)] })[0]?.share).toBe(0);
  });
});
