import { expect, test } from 'vitest';
import { noSums } from '../../savings/rollup/sums.ts';
import type { Bucket } from '../store/telemetry-rollups.ts';
import { measuredOnDevices } from './measured-devices.ts';

const bucket = (device: number, digest: string, ms: number, inferences: number, simulated = false): Bucket => ({
  device, digest, bucket: 1, evidence: { tier: 'modelled', source: 'model', simulated }, sums: { ...noSums(), latencyP50Weighted: ms * inferences, latencyInferences: inferences },
});
const devices = [
  { number: 1, class: 'raspberry-pi-5', simulated: false },
  { number: 2, class: 'edge-box', simulated: false },
  { number: 3, class: 'rk3588', simulated: true },
];
const models = new Map([['d1', 'float'], ['d2', 'small']]);
const quantized = (id: string): boolean | undefined => ({ float: false, small: true })[id];

test('each device and model gives one time, weighted by inferences over the days', () => {
  const found = measuredOnDevices([bucket(1, 'd1', 10, 300), bucket(1, 'd1', 20, 100), bucket(1, 'd2', 4, 1000)], devices, models, quantized);
  expect(found).toEqual([
    { profileId: 'raspberry-pi-5', modelId: 'float', unit: 'cpu', computes: 'fp32', ms: 12.5, threads: 1 },
    { profileId: 'raspberry-pi-5', modelId: 'small', unit: 'cpu', computes: 'int8', ms: 4, threads: 1 },
  ]);
});

test('nothing comes of simulated devices, of classes that are no profile, of unknown models and of a handful of inferences', () => {
  const none = [bucket(2, 'd1', 10, 1000), bucket(3, 'd1', 10, 1000), bucket(1, 'd1', 10, 1000, true), bucket(1, 'gone', 10, 1000), bucket(1, 'd1', 10, 99), bucket(9, 'd1', 10, 1000)];
  expect(measuredOnDevices(none, devices, models, quantized)).toEqual([]);
  expect(measuredOnDevices([bucket(1, 'd1', 10, 1000)], devices, models, () => undefined)).toEqual([]);
});
