import { describe, expect, it } from 'vitest';
import { simplifiedNetwork } from '../../../bench/networks.ts';
import { hardwareProfiles } from '../../contract/hardware/profiles.ts';
import { modelGraph } from '../../engine/recipe/index.ts';
import { calibrate, EFFECTS, type Factor, type Observation, type Subject } from './calibrate.ts';
import { networkOf } from './network.ts';
import { publishedNetworks, publishedObservations } from './observe.ts';

const subject: Subject = { profileId: 'a', unit: 'cpu', kind: 'cpu', computes: 'int8', network: 'asked' };
const seen = (ratio: number, change: Partial<Observation> = {}): Observation => ({ ...subject, network: 'another', ratio, from: 'measured', ...change });
const factor = (...observations: Observation[]) => calibrate(observations).factorOf(subject);
const width = ({ interval }: Factor): number => interval.high / interval.low;

describe('the factor between roofline and reality', () => {
  it('is the prior, and wide, with no evidence', () => {
    const found = factor();
    expect(found.interval.value).toBeCloseTo(EFFECTS.prior, 9);
    expect(width(found)).toBeGreaterThan(9);
    expect([found.from, found.times]).toEqual(['prior', 0]);
  });

  it('comes close to what other networks measured on the unit, closer with each, and never narrower than networks differ', () => {
    const found = [1, 3, 30].map((count) => factor(...Array.from({ length: count }, (_, index) => seen(5, { network: `n${index}` }))));
    const misses = found.map(({ interval }) => Math.abs(Math.log(interval.value / 5)));
    expect(misses).toEqual(misses.toSorted((a, b) => b - a));
    expect(misses[2]).toBeLessThan(0.05);
    const widths = found.map(width);
    expect(widths).toEqual(widths.toSorted((a, b) => b - a));
    expect(widths[2]).toBeGreaterThan(Math.exp(2 * 1.645 * Math.hypot(EFFECTS.networkType, EFFECTS.together)));
    expect(found[1]).toMatchObject({ from: 'measured', times: 3 });
  });

  it('is what was measured where it was measured on this very network, whatever others say', () => {
    const found = factor(seen(6, { network: 'asked' }), ...Array.from({ length: 20 }, (_, index) => seen(1.5, { network: `n${index}` })));
    expect(found.from).toBe('itself');
    expect(found.interval.value).toBeGreaterThan(5.5);
    expect(width(found)).toBeLessThan(1.25);
  });

  it('of another type, of a unit like it, or of this network elsewhere moves it, but less', () => {
    const value = (change: Partial<Observation>): number => factor(seen(10, change)).interval.value;
    const none = factor().interval.value;
    const own = value({});
    for (const change of [{ computes: 'fp32' as const }, { profileId: 'b' }, { profileId: 'b', network: 'asked' }]) {
      expect(value(change)).toBeLessThan(own);
      expect(value(change)).toBeGreaterThan(none * 1.2);
    }
    expect(value({ profileId: 'b', network: 'asked' })).toBeGreaterThan(value({ profileId: 'b' }));
    expect(value({ profileId: 'b', kind: 'npu' })).toBeCloseTo(none, 9);
    expect(factor(seen(10, { profileId: 'b' })).from).toBe('related');
  });

  it('is the conditional of a joint normal distribution: two times, by hand', () => {
    const variance = EFFECTS.kindType ** 2 + EFFECTS.unit ** 2 + EFFECTS.unitType ** 2;
    const total = variance + EFFECTS.networkType ** 2 + EFFECTS.together ** 2;
    const noisy = total + EFFECTS.measuring ** 2;
    // Two times that share `variance` with each other and with what is asked: weight of each is variance / (noisy + variance).
    const weight = variance / (noisy + variance);
    const expected = Math.log(2) + weight * (Math.log(4 / 2) + Math.log(6 / 2));
    const { interval } = factor(seen(4, { network: 'x' }), seen(6, { network: 'y' }));
    expect(Math.log(interval.value)).toBeCloseTo(expected, 9);
    expect(Math.log(interval.high / interval.value) / 1.645).toBeCloseTo(Math.sqrt(total - 2 * weight * variance), 9);
  });

  it('is not moved by a time that makes no sense', () => {
    expect(factor(seen(0), seen(Number.NaN), seen(Number.POSITIVE_INFINITY)).times).toBe(0);
  });

  it('holds with hundreds of times, many of them the same', () => {
    const found = factor(...Array.from({ length: 500 }, (_, index) => seen(3, { network: `n${index % 7}` })));
    expect(found.interval.value).toBeGreaterThan(2.5);
    expect(found.interval.value).toBeLessThan(3.2);
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
