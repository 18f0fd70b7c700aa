import { describe, expect, it } from 'vitest';
import type { TelemetryRow } from '../../../../../src/contract/records/telemetry.ts';
import { curveOf, marksOf, powerW, weakestTier } from './curves.ts';

const digest = (letter: string): string => letter.repeat(64);
const row = (fromMs: number, more: Partial<TelemetryRow> = {}): TelemetryRow => ({
  fromMs, durationMs: 10_000, digest: digest('a'), inferences: 10, errors: 0, latencyP50Ms: 5, latencyP95Ms: 8, throughputPerS: 1, busyShare: 0.1, cpuShare: null, temperatureC: null, energy: null, accuracy: null, ...more,
});

describe('curves', () => {
  it('are broken where the device was silent, and nowhere else', () => {
    const { points } = curveOf('latency', [row(50_000), row(0), row(10_000), row(20_000), row(200_000)]);
    expect(points.map(({ values }) => values[0])).toEqual([5, 5, 5, 5, null, 5]);
  });

  it('are not broken because rows were thinned out', () => {
    const { points } = curveOf('throughput', Array.from({ length: 50 }, (_, at) => row(at * 60_000)));
    expect(points.every(({ values }) => values[0] === 1)).toBe(true);
  });

  it('go on over an interval in which nothing was inferred', () => {
    const none = { latencyP50Ms: null, latencyP95Ms: null };
    const { points } = curveOf('latency', [row(0), row(10_000, none), row(20_000), row(30_000, none), row(40_000)]);
    expect(points.map(({ values }) => values[0])).toEqual([5, 5, 5]);
  });

  it('tell power as the mean of the interval, and unknown as unknown', () => {
    expect(powerW(row(0, { energy: { totalJ: 55, aboveIdleJ: null, tier: 'counter', source: 'rapl' } }))).toBe(5.5);
    expect(powerW(row(0))).toBeNull();
  });

  it('are as good as the weakest evidence among them', () => {
    const energy = { totalJ: 1, aboveIdleJ: null, source: 'x' };
    expect(weakestTier([row(0, { energy: { ...energy, tier: 'metered' } }), row(1, { energy: { ...energy, tier: 'modelled' } })])).toBe('modelled');
    expect(weakestTier([row(0)])).toBeNull();
  });
});

describe('marks', () => {
  const rows = [row(0), row(10_000), row(20_000, { digest: digest('b') }), row(30_000, { digest: digest('b') })];

  it('come from the rollout that changed the model, once', () => {
    const events = [
      { atMs: 19_000, kind: 'report', text: 'running', rolloutId: 'r1' },
      { atMs: 18_000, kind: 'report', text: 'confirming', rolloutId: 'r1' },
      { atMs: 999_000, kind: 'report', text: 'running', rolloutId: 'r9' },
    ];
    expect(marksOf(rows, events, 0, 100_000)).toEqual([{ atMs: 19_000, what: 'running', rolloutId: 'r1' }]);
  });

  it('are found in the measurements where nobody told', () => {
    expect(marksOf(rows, [], 0, 100_000)).toEqual([{ atMs: 20_000, what: 'swapped', rolloutId: null }]);
  });
});
