import { describe, expect, it } from 'vitest';
import { withGates } from './gates.ts';

describe('gates as goals of the search for layers to keep in float', () => {
  it('join the goals of the step, which count first', () => {
    const gates = [{ metric: 'top1Drop', op: '<=', value: 0.005 }, { metric: 'cosine', op: '>=', value: 0.9 }, { metric: 'bytes', op: '<=', value: 1000 }] as const;
    expect(withGates({ keepFloat: { sqnrDb: 30, mostFloat: 0.4 } }, [...gates])).toEqual({ keepFloat: { sqnrDb: 30, mostFloat: 0.4, top1Drop: 0.005, cosine: 0.9 } });
    expect(withGates({ keepFloat: { top1Drop: 0.01, mostFloat: 0.4 } }, [...gates]).keepFloat).toMatchObject({ top1Drop: 0.01 });
  });

  it('change nothing where no layer may stay in float, or nothing is asked', () => {
    expect(withGates({}, [{ metric: 'top1Drop', op: '<=', value: 0.005 }])).toEqual({});
    expect(withGates({ keepFloat: { mostFloat: 0.4 } })).toEqual({ keepFloat: { mostFloat: 0.4 } });
  });
});
