import { assert, boolean, constantFrom, integer, property, record } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rolloutPolicy, type RolloutPolicy } from '../../../../../src/contract/records/rollout.ts';
import { formOf, lostInForm } from './form-of-policy.ts';
import { defaultForm, METRICS, policyOf, problemsOf, type PolicyForm } from './policy-form.ts';

const facts = { devices: 500, withBaseline: 500, checkSamples: 50 };

describe('a draft in the form', () => {
  it('is the same draft when nothing is changed', () => {
    const waves = constantFrom('rest', 'sizes', 'growing') as ReturnType<typeof constantFrom<PolicyForm['waves']>>;
    assert(
      property(record({ waves, percent: integer({ min: 1, max: 100 }), minutes: integer({ min: 0, max: 600 }), ramp: boolean(), weekly: boolean(), at: boolean(), gates: integer({ min: 0, max: 15 }) }), (drawn) => {
        const form: PolicyForm = {
          ...defaultForm(facts), waves: drawn.waves, sizes: [{ by: 'share', value: drawn.percent }, { by: 'count', value: 7 }], soakMinutes: drawn.minutes, successPercent: drawn.percent, missedAtMostPercent: drawn.percent,
          ramp: { ...defaultForm(facts).ramp, on: drawn.ramp }, update: { kind: drawn.weekly ? 'weekly' : 'closed_hours', spans: [{ days: [1, 7], from: '22:00', to: '04:30' }] }, start: drawn.at ? 'at' : 'now', startAt: drawn.at ? '2026-12-24T03:15' : '',
        };
        for (const [at, metric] of METRICS.entries()) form.gates[metric] = { on: ((drawn.gates >> at) & 1) === 1, limit: drawn.percent / 10, minSamples: 5, required: drawn.at };
        const policy = policyOf(form);
        const back = formOf(policy, facts);
        expect(problemsOf(back)).toEqual([]);
        expect(policyOf(back)).toEqual(policy);
        expect(lostInForm(policy, back)).toEqual([]);
        expect(() => rolloutPolicy.parse(policyOf(back))).not.toThrow();
      }),
    );
  });

  it('shows what it has in per cent, points and minutes', () => {
    const policy = policyOf({ ...defaultForm(facts), soakMinutes: 7, successPercent: 93 });
    expect(formOf(policy, { devices: 1, withBaseline: 0, checkSamples: null })).toMatchObject({ soakMinutes: 7, successPercent: 93, gates: { latencyP95Ms: { on: true, limit: 10, required: true }, accuracy: { on: true, limit: 1 }, powerW: { on: false } } });
  });

  it('says what the form has no field for', () => {
    const policy: RolloutPolicy = policyOf(defaultForm(facts));
    const written: RolloutPolicy = { ...policy, startAtMs: Date.UTC(2026, 11, 24, 3, 15, 30), gates: [{ metric: 'latencyP95Ms', compare: 'difference', limit: 5, minSamples: 1, required: true }] };
    expect(lostInForm(written, formOf(written, facts))).toEqual(['startAtMs', 'gates']);
  });
});
