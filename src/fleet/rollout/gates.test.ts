/** Gates against cases worked out by hand. */
import { describe, expect, it } from 'vitest';
import type { FleetGate, FleetGateResult, FleetMeasurements, RolloutPolicy } from '../../contract/records/rollout.ts';
import { backoffMs, rampPerMinute } from './backoff.ts';
import { brokenRule, judgeGate, judgeWave, overall, type Tally } from './gates.ts';

const gate = (metric: FleetGate['metric'], compare: FleetGate['compare'], limit: number, more: Partial<FleetGate> = {}): FleetGate => ({ metric, compare, limit, minSamples: 100, required: true, ...more });
const told = (metric: FleetGate['metric'], value: number, samples = 200): FleetMeasurements => ({ [metric]: { value, samples } });

describe('a gate on one device', () => {
  it.each([
    // name, gate, baseline, candidate, verdict, measured
    ['twice as fast', gate('latencyP95Ms', 'ratio', 1.1), told('latencyP95Ms', 40), told('latencyP95Ms', 20), 'met', 0.5],
    ['exactly at the limit', gate('latencyP95Ms', 'ratio', 1.25), told('latencyP95Ms', 40), told('latencyP95Ms', 50), 'met', 1.25],
    ['slower than allowed', gate('latencyP95Ms', 'ratio', 1.25), told('latencyP95Ms', 40), told('latencyP95Ms', 50.5), 'missed', 1.2625],
    ['accuracy fell within the limit', gate('accuracy', 'difference', -0.25), told('accuracy', 0.75), told('accuracy', 0.5), 'met', -0.25],
    ['accuracy fell too far', gate('accuracy', 'difference', -0.0625), told('accuracy', 0.75), told('accuracy', 0.625), 'missed', -0.125],
    ['accuracy rose', gate('accuracy', 'difference', -0.01), told('accuracy', 0.5), told('accuracy', 0.75), 'met', 0.25],
    ['accuracy as a share of what it was', gate('accuracy', 'ratio', 0.99), told('accuracy', 0.5), told('accuracy', 0.25), 'missed', 0.5],
    ['more power', gate('powerW', 'ratio', 1.05), told('powerW', 8), told('powerW', 10), 'missed', 1.25],
    ['four degrees warmer of five allowed', gate('temperatureC', 'difference', 5), told('temperatureC', 60), told('temperatureC', 64), 'met', 4],
    ['six degrees warmer of five allowed', gate('temperatureC', 'difference', 5), told('temperatureC', 60), told('temperatureC', 66), 'missed', 6],
    ['too few samples of the new', gate('latencyP95Ms', 'ratio', 1.1), told('latencyP95Ms', 40), told('latencyP95Ms', 20, 99), 'unproven', 0.5],
    ['too few samples of the old', gate('latencyP95Ms', 'ratio', 1.1), told('latencyP95Ms', 40, 99), told('latencyP95Ms', 20), 'unproven', 0.5],
    ['as many samples as needed', gate('latencyP95Ms', 'ratio', 1.1), told('latencyP95Ms', 40, 100), told('latencyP95Ms', 20, 100), 'met', 0.5],
    ['no figure before', gate('powerW', 'ratio', 1.1), {}, told('powerW', 20), 'unproven', null],
    ['no figure after', gate('powerW', 'ratio', 1.1), told('powerW', 20), {}, 'unproven', null],
    ['a baseline of nothing', gate('powerW', 'ratio', 1.1), told('powerW', 0), told('powerW', 20), 'unproven', null],
  ] as const)('%s', (_name, gate, baseline, candidate, verdict, measured) => {
    expect(judgeGate(gate, baseline, candidate)).toEqual({ gate, verdict, measured });
  });
});

const result = (verdict: FleetGateResult['verdict'], required = true): FleetGateResult => ({ gate: gate('powerW', 'ratio', 1, { required }), verdict, measured: null });

const many = (count: number, verdict: FleetGateResult['verdict']): FleetGateResult[][] => Array.from({ length: count }, () => [result(verdict)]);

describe('all gates of one device', () => {
  it.each([
    ['none', [], 'met'],
    ['all met', [result('met'), result('met')], 'met'],
    ['one missed among unproven', [result('unproven'), result('missed'), result('met')], 'missed'],
    ['a required one unproven', [result('met'), result('unproven')], 'unproven'],
    ['one unproven that need not be measured', [result('met'), result('unproven', false)], 'met'],
    ['one missed that need not be measured', [result('met'), result('missed', false)], 'missed'],
  ] as const)('%s', (_name, results, verdict) => {
    expect(overall(results)).toBe(verdict);
  });
});

describe('gates over a wave', () => {
  const policy = (missedAtMostShare: number, minDevices: number, required = true): Pick<RolloutPolicy, 'gates' | 'waveGates'> => ({ gates: [gate('powerW', 'ratio', 1, { required })], waveGates: { missedAtMostShare, minDevices } });
  const devices = (met: number, missed: number, unproven: number): FleetGateResult[][] => [...many(met, 'met'), ...many(missed, 'missed'), ...many(unproven, 'unproven')];

  it.each([
    ['1 of 10 may miss, 1 does', policy(0.1, 5), devices(9, 1, 0), 'met', 10, 1],
    ['1 of 10 may miss, 2 do', policy(0.1, 5), devices(8, 2, 0), 'missed', 10, 2],
    ['what is unproven is not counted as measured', policy(0.1, 5), devices(8, 1, 90), 'missed', 9, 1],
    ['too few measured', policy(0.1, 5), devices(3, 1, 90), 'unproven', 4, 1],
    ['too few measured of what need not be', policy(0.1, 5, false), devices(0, 0, 90), 'met', 0, 0],
  ] as const)('%s', (_name, rule, results, verdict, measured, missed) => {
    expect(judgeWave(rule, results)).toEqual([{ gate: rule.gates[0], verdict, measured, missed }]);
  });
});

describe('failure rules', () => {
  const counts = (failed: number, timedOut: number, rejected: number, succeeded: number): Tally => ({ counted: 100, succeeded, failures: { failed, timed_out: timedOut, rejected }, executed: failed + timedOut + rejected + succeeded, tail: 0, active: 0 });
  const rule = (kinds: ('failed' | 'timed_out' | 'rejected')[], aboveShare: number, minExecuted: number, scope: 'wave' | 'rollout' = 'wave'): Pick<RolloutPolicy, 'failures'> => ({ failures: [{ kinds, aboveShare, minExecuted, scope }] });

  it.each([
    ['a fifth failed, a fifth allowed', rule(['failed'], 0.2, 5), counts(1, 0, 0, 4), null],
    ['two fifths failed', rule(['failed'], 0.2, 5), counts(2, 0, 0, 3), '2 of 5 failed, limit 20 %'],
    ['too few have ended to judge', rule(['failed'], 0.2, 5), counts(4, 0, 0, 0), null],
    ['all ended at once, all badly', rule(['failed'], 0.2, 5), counts(5, 0, 0, 0), '5 of 5 failed, limit 20 %'],
    ['other kinds do not count', rule(['timed_out'], 0, 1), counts(5, 0, 3, 0), null],
    ['kinds are added up', rule(['failed', 'timed_out', 'rejected'], 0.5, 4), counts(1, 1, 1, 1), '3 of 4 failed or timed_out or rejected, limit 50 %'],
    ['a kind named twice counts once', rule(['failed', 'failed'], 0.5, 4), counts(2, 0, 0, 2), null],
    ['the other scope', rule(['failed'], 0, 1, 'rollout'), counts(5, 0, 0, 0), null],
  ] as const)('%s', (_name, policy, tallied, broken) => {
    expect(brokenRule(policy, 'wave', tallied)).toBe(broken);
  });
});

describe('waiting and ramping', () => {
  it('doubles, is capped, and varies between half and all', () => {
    const retries = { max: 10, baseMs: 1000, factor: 2, maxMs: 6000 };
    expect([1, 2, 3, 4, 5].map((retry) => backoffMs(retries, retry, () => 1))).toEqual([1000, 2000, 4000, 6000, 6000]);
    expect([1, 2, 3, 4, 5].map((retry) => backoffMs(retries, retry, () => 0))).toEqual([500, 1000, 2000, 3000, 3000]);
  });

  it('starts faster the more have succeeded', () => {
    const ramp = { basePerMinute: 10, factor: 2, every: 50, maxPerMinute: 70 };
    expect([0, 49, 50, 100, 149, 150].map((succeeded) => rampPerMinute(ramp, succeeded))).toEqual([10, 10, 20, 40, 40, 70]);
    expect(rampPerMinute(null, 0)).toBe(Infinity);
  });
});
