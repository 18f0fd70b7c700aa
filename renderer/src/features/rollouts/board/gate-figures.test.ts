import { describe, expect, it } from 'vitest';
import type { FleetGate, FleetGateResult } from '../../../../../src/contract/records/rollout.ts';
import { gateFigures } from './gate-figures.ts';

const latency: FleetGate = { metric: 'latencyP95Ms', compare: 'ratio', limit: 1.1, minSamples: 20, required: true };
const result = (measured: number | null, verdict: FleetGateResult['verdict']): FleetGateResult => ({ gate: latency, verdict, measured });

describe('what devices measured at a gate', () => {
  it('counts what came from service instead of the benchmark, once it is there', () => {
    const devices = [
      { gates: [result(0.9, 'met')], serviceGates: [result(1.3, 'missed')] },
      { gates: [result(1, 'met')], serviceGates: null },
      { gates: [result(null, 'unproven')], serviceGates: null },
      // Has not been measured at all.
      { gates: [], serviceGates: null },
    ];
    expect(gateFigures([latency], devices)).toEqual([{ gate: latency, met: 1, missed: 1, unproven: 1, inService: 1, spread: { low: 1, median: 1.3, high: 1.3 } }]);
  });

  it('says nothing where nothing was measured', () => {
    expect(gateFigures([latency], [])).toEqual([{ gate: latency, met: 0, missed: 0, unproven: 0, inService: 0, spread: null }]);
  });

  it('leaves out the outermost devices of many', () => {
    const devices = Array.from({ length: 101 }, (_, index) => ({ gates: [result(index, 'met')], serviceGates: null }));
    expect(gateFigures([latency], devices)[0]?.spread).toEqual({ low: 5, median: 50, high: 95 });
  });
});
