import { describe, expect, it } from 'vitest';
import { rolloutPolicy } from '../../../../../src/contract/records/rollout.ts';
import { defaultForm, policyOf, problemsOf } from './policy-form.ts';

const facts = { devices: 500, withBaseline: 500, checkSamples: 50 };

describe('the form of a policy', () => {
  it.each([0, 1, 6, 15, 60, 500, 10_000])('has defaults that are a policy for %i devices', (devices) => {
    for (const withBaseline of [0, devices]) {
      for (const checkSamples of [null, 3, 50]) {
        const form = defaultForm({ devices, withBaseline, checkSamples });
        expect(problemsOf(form)).toEqual([]);
        expect(() => rolloutPolicy.parse(policyOf(form))).not.toThrow();
      }
    }
  });

  it('turns per cent and points into what the engine compares', () => {
    const form = defaultForm(facts);
    form.gates.powerW.on = true;
    expect(policyOf(form).gates.map(({ metric, compare, limit }) => [metric, compare, limit])).toEqual([
      ['latencyP95Ms', 'ratio', 1.1], ['accuracy', 'difference', -0.01], ['powerW', 'ratio', 1.1], ['temperatureC', 'difference', 5],
    ]);
  });

  it('asks no proof of devices that run nothing yet: a required gate would refuse them all', () => {
    for (const withBaseline of [0, 499]) expect(policyOf(defaultForm({ ...facts, withBaseline })).gates.filter(({ required }) => required)).toEqual([]);
    expect(policyOf(defaultForm(facts)).gates.filter(({ required }) => required).map(({ metric }) => metric)).toEqual(['latencyP95Ms']);
  });

  it('has no gate on accuracy where nothing comes along to measure it on', () => {
    expect(policyOf(defaultForm({ ...facts, checkSamples: null })).gates.map(({ metric }) => metric)).not.toContain('accuracy');
    expect(policyOf(defaultForm({ ...facts, checkSamples: 3 })).gates.find(({ metric }) => metric === 'accuracy')?.minSamples).toBe(3);
  });

  it('names what is missing', () => {
    const form = defaultForm(facts);
    form.start = 'at';
    form.sizes = [{ by: 'share', value: 120 }];
    form.update = { kind: 'weekly', spans: [{ days: [], from: '02:00', to: '05:00' }] };
    form.failures = [{ kinds: [], abovePercent: 5, minExecuted: 1, scope: 'wave' }];
    expect(problemsOf(form)).toEqual(['startAt', 'sizes', 'spans', 'kinds']);
  });
});
