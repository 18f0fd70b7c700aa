/** Times that devices report while they work, as evidence for the advisor. A device counts whose class is named like a profile, and that is real. */
import { hardwareProfileOf } from '../../contract/hardware/profiles.ts';
import type { Store } from '../store/open-store.ts';
import type { Bucket } from '../store/telemetry-rollups.ts';
import type { MeasuredModel } from './measured.ts';

/** Days that are looked back upon from the newest there is. */
const DAYS = 14;
/** Fewer say little. */
const LEAST_INFERENCES = 100;
/** What an agent uses unless it is told otherwise; it does not report it. */
const AGENT_THREADS = 1;

interface KnownDevice {
  readonly number: number;
  readonly class: string;
  readonly simulated: boolean;
}

/**
 * One time for each device and model.
 * @param models of published artifacts, by digest
 */
export function measuredOnDevices(buckets: readonly Bucket[], devices: readonly KnownDevice[], models: ReadonlyMap<string, string>, quantized: (modelId: string) => boolean | undefined): MeasuredModel[] {
  const byNumber = new Map(devices.map((device) => [device.number, device]));
  const sums = new Map<string, { profileId: string; modelId: string; weighted: number; inferences: number }>();
  for (const { device: number, digest, evidence, sums: { latencyP50Weighted, latencyInferences } } of buckets) {
    const device = byNumber.get(number);
    const modelId = models.get(digest);
    if (device === undefined || device.simulated || evidence.simulated || modelId === undefined || hardwareProfileOf(device.class) === undefined) continue;
    const key = `${number} ${digest}`;
    const sum = sums.get(key) ?? { profileId: device.class, modelId, weighted: 0, inferences: 0 };
    sums.set(key, { ...sum, weighted: sum.weighted + latencyP50Weighted, inferences: sum.inferences + latencyInferences });
  }
  return [...sums.values()].flatMap(({ profileId, modelId, weighted, inferences }) => {
    const isQuantized = quantized(modelId);
    if (isQuantized === undefined || inferences < LEAST_INFERENCES || weighted <= 0) return [];
    return [{ profileId, modelId, unit: 'cpu', computes: isQuantized ? ('int8' as const) : ('fp32' as const), ms: weighted / inferences, threads: AGENT_THREADS }];
  });
}

export function readDevices({ telemetry, fleet, artifacts }: Pick<Store, 'telemetry' | 'fleet' | 'artifacts'>, quantized: (modelId: string) => boolean | undefined): MeasuredModel[] {
  const extent = telemetry.rollups.extent();
  const devices = fleet.devices().flatMap(({ number, record }): KnownDevice[] => (record.simulated || hardwareProfileOf(record.class) === undefined ? [] : [{ number, class: record.class, simulated: false }]));
  if (extent === null || devices.length === 0) return [];
  const models = new Map(artifacts.list().flatMap(({ digest, modelId }) => (modelId === null ? [] : [[digest, modelId] as const])));
  return measuredOnDevices(telemetry.rollups.totals(extent.toDay - DAYS + 1, extent.toDay), devices, models, quantized);
}
