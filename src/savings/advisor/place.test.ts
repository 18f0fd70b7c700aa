/** Roofline, cuts and the dynamic programming over layers. */
import { array, assert, integer, property, record } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ComputeUnit, HardwareRuntime } from '../../contract/records/hardware.ts';
import { hardwareProfileOf } from '../../contract/hardware/profiles.ts';
import type { Network, NetworkLayer } from './network.ts';
import { placement, type Station } from './place.ts';
import { FLOAT, fitOf } from './recipe-form.ts';

const runtime = hardwareProfileOf('x86-n100')?.runtimes[0] as HardwareRuntime;
const fit = fitOf(FLOAT, runtime).fit;
const unit = (change: Partial<ComputeUnit> = {}): ComputeUnit => ({
  id: 'cpu', kind: 'cpu', name: 'cpu', cores: 4, coresPerInference: 4, peak: { fp32: 1e9, fp16: null, int8: 4e9, int4: null }, bandwidthBytesPerS: 1e9, memoryBytes: null, onChipBytes: null,
  layerOverheadS: 0, inferenceOverheadS: 0, linkBytesPerS: null, activeW: 1, ...change,
});
const station = (change: Partial<ComputeUnit> = {}, more: Partial<Station> = {}): Station => ({ unit: unit(change), runtime: null, fit, factor: 1, ...more });
const layer = (change: Partial<NetworkLayer> = {}): NetworkLayer => ({ name: 'l', op: 'Conv', ops: ['Conv'], macs: 0, weights: 0, inputs: 0, outputs: 0, precision: 'fp32', ...change });
const network = (layers: readonly NetworkLayer[], cut?: readonly number[]): Network => ({
  layers, cut: cut ?? layers.map(() => 0).concat(0), weights: layers.reduce((sum, { weights }) => sum + weights, 0), macs: 0, quantized: false, dynamic: false, unknown: 0,
});
const seconds = (one: NetworkLayer, on: Station): number => placement(network([one]), [on]).evaluate([0]).latencyS;

describe('one layer', () => {
  it('takes its operations at peak rate where these take longer than its bytes', () => {
    // 2 * 5e8 operations at 1e9 a second; 4 * 1e6 bytes at 1e9 a second.
    expect(seconds(layer({ macs: 5e8, weights: 1e6 }), station())).toBeCloseTo(1, 9);
    expect(seconds(layer({ macs: 1e3, weights: 5e8, inputs: 2e8, outputs: 0 }), station())).toBeCloseTo(2.8, 9);
  });

  it('costs its start too, all times the factor', () => {
    expect(seconds(layer({ macs: 5e8 }), station({ layerOverheadS: 0.5 }, { factor: 2 }))).toBeCloseTo(3, 9);
  });

  it('takes longer on fewer threads, and another inference can have the other cores', () => {
    const one = placement(network([layer({ macs: 5e8 })]), [station({}, { threads: 1 })]).evaluate([0]);
    expect(one.latencyS).toBeCloseTo(4, 9);
    expect(one.busyS[0]).toBeCloseTo(1, 9);
  });

  it('whose weights stay on the chip moves none; those without room come over the link, without the factor', () => {
    const small = layer({ weights: 1000 });
    expect(seconds(small, station({ onChipBytes: 4000 }))).toBe(0);
    expect(seconds(small, station({ onChipBytes: 1000, bandwidthBytesPerS: 1000 }, { factor: 7 }))).toBeCloseTo(3, 9);
  });

  it('of a processor in int8 is no faster than in float where each sum is short', () => {
    const int8Fit = fitOf({ ...FLOAT, kind: 'static' }, runtime).fit;
    const deep = layer({ macs: 1e9, outputs: 1e6 });
    const shallow = layer({ macs: 9e6, outputs: 1e6 });
    const on = (chosen: typeof fit) => station({ bandwidthBytesPerS: 1e15 }, { fit: chosen });
    expect(seconds(deep, on(fit)) / seconds(deep, on(int8Fit))).toBeCloseTo(4, 1);
    expect(seconds(shallow, on(fit)) / seconds(shallow, on(int8Fit))).toBeCloseTo(1, 6);
    const npu = (chosen: typeof fit) => station({ kind: 'npu', bandwidthBytesPerS: 1e15 }, { fit: chosen });
    expect(seconds(shallow, npu(fit)) / seconds(shallow, npu(int8Fit))).toBeGreaterThan(3);
  });

  it('takes longer with a sigmoid behind it than with a Relu', () => {
    const [relu, sigmoid] = [['Conv', 'Relu'], ['Conv', 'Sigmoid', 'Mul']].map((ops) => seconds(layer({ macs: 1e6, outputs: 1e6, ops }), station({ bandwidthBytesPerS: 1e15 })));
    expect((sigmoid ?? 0) / (relu ?? 1)).toBeGreaterThan(5);
  });

  it('draws the share of the bandwidth that its cores are, on a processor', () => {
    const moving = layer({ weights: 25e7 });
    expect(seconds(moving, station({}, { threads: 1 }))).toBeCloseTo(4, 9);
    expect(seconds(moving, station({ kind: 'npu', coresPerInference: 1 }))).toBeCloseTo(1, 9);
  });

  it('cannot be computed with a type that the unit has not', () => {
    expect(seconds(layer({ macs: 1 }), station({ peak: { fp32: null, fp16: null, int8: 1e9, int4: null } }))).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('two units', () => {
  const limited: HardwareRuntime = { ...runtime, operators: { only: ['Conv'], without: [] } };
  const npu = (change: Partial<ComputeUnit> = {}): Station => station({ id: 'npu', kind: 'npu', peak: { fp32: 1e11, fp16: null, int8: 1e12, int4: null }, linkBytesPerS: 1e6, inferenceOverheadS: 0.001, ...change }, { runtime: limited });

  it('hand over what is still needed, and each way in costs a start', () => {
    const layers = [layer({ macs: 5e9 }), layer({ op: 'Loop', ops: ['Loop'], macs: 5e5 }), layer({ macs: 5e9 })];
    const plan = placement(network(layers, [250, 500, 750, 1000]), [npu(), station()]);
    const chosen = plan.preferred();
    expect(chosen).toEqual([0, 1, 0]);
    const { latencyS, busyS } = plan.evaluate(chosen);
    // In 1 ms + 1 ms start, 100 ms, out 2 ms; 1 ms on the processor; in 3 + 1 ms, 100 ms, out 4 ms.
    expect(latencyS).toBeCloseTo(0.001 + 0.001 + 0.1 + 0.002 + 0.001 + 0.003 + 0.001 + 0.1 + 0.004, 6);
    // Frames behind each other: the start hides behind the frame before.
    expect(busyS[0]).toBeCloseTo(0.21, 6);
    expect(busyS[1]).toBeCloseTo(0.001, 6);
  });

  const shape = record({ macs: integer({ min: 0, max: 1e9 }), weights: integer({ min: 0, max: 1e6 }), inputs: integer({ min: 0, max: 1e6 }), outputs: integer({ min: 0, max: 1e6 }), cut: integer({ min: 0, max: 1e5 }), loop: integer({ min: 0, max: 3 }) });

  it('the cheapest placement is the cheapest of all there are', () => {
    assert(
      property(array(shape, { minLength: 1, maxLength: 7 }), integer({ min: 1, max: 15 }), integer({ min: 1, max: 5000 }), (shapes, weight, link) => {
        const layers = shapes.map(({ loop, macs, weights: held, inputs, outputs }) => layer({ macs, weights: held, inputs, outputs, ...(loop === 0 ? { op: 'Loop', ops: ['Loop'] } : {}) }));
        const plan = placement(network(layers, [...shapes.map(({ cut }) => cut), 100]), [npu({ linkBytesPerS: link * 1000 }), station()]);
        const weights = [weight / 8, 2 - weight / 8];
        const cost = (chosen: readonly number[]): number => plan.evaluate(chosen).workS.reduce((sum, work, who) => sum + work * (weights[who] ?? 0), 0);
        let best = Number.POSITIVE_INFINITY;
        for (let bits = 0; bits < 2 ** layers.length; bits++) best = Math.min(best, cost(layers.map((_, index) => (bits >> index) & 1)));
        const found = cost(plan.cheapest(weights));
        expect(found).toBeLessThanOrEqual(best * (1 + 1e-9) + 1e-12);
      }),
      { numRuns: 200 },
    );
  });

  it('a faster unit never makes it slower', () => {
    assert(
      property(array(shape, { minLength: 1, maxLength: 6 }), integer({ min: 2, max: 50 }), (shapes, times) => {
        const layers = shapes.map(({ macs, weights, inputs, outputs }) => layer({ macs, weights, inputs, outputs }));
        const cut = [...shapes.map((one) => one.cut), 100];
        const latency = (fp32: number): number => placement(network(layers, cut), [npu({ peak: { fp32, fp16: null, int8: null, int4: null } }), station()]).evaluate(layers.map(() => 0)).latencyS;
        expect(latency(1e9 * times)).toBeLessThanOrEqual(latency(1e9) + 1e-12);
      }),
    );
  });
});
