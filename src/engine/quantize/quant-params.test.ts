import { describe, expect, it } from 'vitest';
import { asymmetricU8, channelLayout, channelMagnitudes, gridOf, quantizeBias, quantizeS8, quantizeU8, roundHalfEven, symmetricScales, weightScaleFloor } from './quant-params.ts';

describe('u8 parameters of a range', () => {
  it('gives the whole of 0..255 to a range from 0 on', () => {
    expect(asymmetricU8({ min: 0, max: 6 })).toEqual({ scale: Math.fround(6 / 255), zeroPoint: 0 });
  });

  it('widens a range that does not include 0, so that padding stays exact', () => {
    expect(asymmetricU8({ min: 2, max: 4 })).toEqual({ scale: Math.fround(4 / 255), zeroPoint: 0 });
    expect(asymmetricU8({ min: -4, max: -2 })).toEqual({ scale: Math.fround(4 / 255), zeroPoint: 255 });
  });

  it('puts the zero point where 0 is', () => {
    const params = asymmetricU8({ min: -1, max: 3 });
    // -(-1) / (4 / 255) = 63.75
    expect(params.zeroPoint).toBe(64);
    expect([...quantizeU8([0, -1, 3, 99, -99], params)]).toEqual([64, 0, 255, 255, 0]);
    expect(gridOf(params).min).toBeCloseTo(-1.004, 3);
  });

  it('does not divide by zero where nothing but zeros was seen', () => {
    expect(asymmetricU8({ min: 0, max: 0 })).toEqual({ scale: 1, zeroPoint: 0 });
    expect(asymmetricU8({ min: -1e-40, max: 1e-40 })).toEqual({ scale: 1, zeroPoint: 0 });
  });

  it('rounds ties to even', () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, 2.4999, 1e9 + 0.5].map((value) => roundHalfEven(value) + 0)).toEqual([0, 2, 2, 0, -2, 2, 1e9]);
  });
});

describe('s8 weights with one scale a channel', () => {
  // Two output channels of a Conv: [2, 1, 1, 3].
  const values = Float32Array.of(1, -2, 0.5, 10, 5, -20);

  it('scales each output channel by its own magnitude', () => {
    const layout = channelLayout([2, 1, 1, 3], 0);
    const scales = symmetricScales(channelMagnitudes(values, layout), 127);
    expect([...scales]).toEqual([Math.fround(2 / 127), Math.fround(20 / 127)]);
    expect([...quantizeS8(values, layout, scales, 127)]).toEqual([64, -127, 32, 64, 32, -127]);
  });

  it('finds the channels of a matrix on its last axis', () => {
    // [3, 2]: channels are columns.
    const layout = channelLayout([3, 2], 1);
    expect([...channelMagnitudes(values, layout)]).toEqual([5, 20]);
    expect([...quantizeS8(values, layout, Float32Array.of(1, 1), 127)]).toEqual([1, -2, 0, 10, 5, -20]);
  });

  it('stays within 7 bits where asked', () => {
    const layout = channelLayout([2, 1, 1, 3], 0);
    const quantized = quantizeS8(values, layout, symmetricScales(channelMagnitudes(values, layout), 63), 63);
    expect(Math.max(...quantized.map(Math.abs))).toBe(63);
  });

  it('gives a channel of zeros a scale all the same', () => {
    expect([...symmetricScales(Float32Array.of(0), 127)]).toEqual([1]);
  });

  it('raises the scale of a channel whose bias would not fit in 32 bits', () => {
    const bias = Float32Array.of(100, 1);
    const inputScale = 1e-4;
    const scales = symmetricScales(Float32Array.of(1e-9, 1), 127, weightScaleFloor(bias, inputScale));
    const quantized = quantizeBias(bias, scales.map((scale) => scale * inputScale));
    expect(Math.abs((quantized[0] as number) * (scales[0] as number) * inputScale - 100)).toBeLessThan(1e-3);
    expect(quantized[0]).toBeLessThan(2 ** 31);
    expect((quantized[1] as number) * (scales[1] as number) * inputScale).toBeCloseTo(1, 5);
  });
});
