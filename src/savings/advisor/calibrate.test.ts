import { describe, expect, it } from 'vitest';
import { simplifiedNetwork } from '../../../bench/networks.ts';
import { hardwareProfiles } from '../../contract/hardware/profiles.ts';
import { modelGraph } from '../../engine/recipe/index.ts';
import { CALIBRATION, factorOf, type Observation } from './calibrate.ts';
import { networkOf } from './network.ts';
import { publishedNetworks, publishedObservations } from './observe.ts';

const seen = (ratio: number, change: Partial<Observation> = {}): Observation => ({ profileId: 'a', unit: 'cpu', kind: 'cpu', computes: 'int8', ratio, from: 'measured', ...change });
const target = seen(1);
const width = ({ low, high }: { low: number; high: number }): number => high / low;

describe('the factor between roofline and reality', () => {
  it('is the prior, and wide, with no evidence', () => {
    const { interval, from, times } = factorOf(target, []);
    expect(interval.value).toBeCloseTo(CALIBRATION.prior.middle, 9);
    expect(width(interval)).toBeGreaterThan(10);
    expect([from, times]).toEqual(['prior', 0]);
  });

  it('comes close to what was measured on the unit, closer with each time, and never narrower than networks differ', () => {
    const widths = [1, 3, 30].map((count) => factorOf(target, Array.from({ length: count }, () => seen(5))));
    expect(widths.map(({ interval }) => Math.abs(Math.log(interval.value / 5))).every((miss, index, all) => index === 0 || miss < (all[index - 1] ?? 0))).toBe(true);
    expect(widths[2]?.interval.value).toBeCloseTo(5, 0);
    expect(width(widths[0]?.interval as never)).toBeGreaterThan(width(widths[2]?.interval as never));
    expect(width(widths[2]?.interval as never)).toBeGreaterThan(Math.exp(2 * 1.645 * CALIBRATION.spread) - 0.01);
    expect(widths[1]).toMatchObject({ from: 'measured', times: 3 });
  });

  it('of another type or of a unit like it moves it, but less', () => {
    const own = factorOf(target, [seen(10)]).interval.value;
    const otherType = factorOf(target, [seen(10, { computes: 'fp32' })]).interval.value;
    const otherUnit = factorOf(target, [seen(10, { profileId: 'b' })]).interval.value;
    const none = factorOf(target, []).interval.value;
    expect([own, otherType, otherUnit, none].toSorted((a, b) => b - a)).toEqual([own, otherType, otherUnit, none]);
    expect(factorOf(target, [seen(10, { profileId: 'b', kind: 'npu' })]).interval.value).toBeCloseTo(none, 9);
  });

  it('is not moved by a time that makes no sense', () => {
    expect(factorOf(target, [seen(0), seen(Number.NaN), seen(Number.POSITIVE_INFINITY)]).times).toBe(0);
  });
});

describe('published times', () => {
  it.each([['resnet-50', 'resnet50-size', 4089], ['mobilenet-v2', 'mobilenetv2-size', 301]] as const)('the layers of %s are those of the network', async (id, name, millions) => {
    const network = networkOf(modelGraph(await simplifiedNetwork(name)));
    expect({ id, ...network }).toEqual(publishedNetworks.get(id));
    expect(Math.round(network.macs / 1e6)).toBe(millions);
    expect(network.cut).toHaveLength(network.layers.length + 1);
    expect([network.cut[0], network.cut.at(-1)]).toEqual([3 * 224 * 224, 1000]);
  });

  it('each gives a factor, none absurd: above the roofline, within a factor of ten of it', () => {
    const observations = publishedObservations(hardwareProfiles);
    expect(observations).toHaveLength(hardwareProfiles.flatMap(({ published }) => published).length);
    for (const { profileId, ratio } of observations) {
      expect(ratio, profileId).toBeGreaterThan(0.9);
      expect(ratio, profileId).toBeLessThan(10);
    }
  });
});
