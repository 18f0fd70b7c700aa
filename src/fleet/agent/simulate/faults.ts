/**
 * What goes wrong in a simulated fleet, and what its artifacts are like: one JSON file, all of it optional. Chances are per device: which ones are hit
 * follows from the seed and the device's name, so the same file and seed give the same fleet.
 */
import { z } from 'zod';
import { plainName } from '../../../contract/records/artifact.ts';

const share = z.number().min(0).max(1);

/** How an artifact behaves on simulated devices, in place of what follows from the size of its model. */
const artifactEffect = z.strictObject({
  artifact: plainName,
  /** null or absent: every version. */
  version: z.number().int().min(1).nullish(),
  /** Latency so many times what follows from the size. */
  latencyFactor: z.number().min(0.001).max(1000).optional(),
  /** Share of right answers on the check set. */
  accuracy: share.optional(),
  /** Power while an inference runs, so many times that of the class. */
  powerFactor: z.number().min(0.01).max(100).optional(),
  /** Degrees above what the class has. */
  heatC: z.number().min(-50).max(100).optional(),
});

export const faultsFile = z.strictObject({
  artifacts: z.array(artifactEffect).max(1000).default([]),
  /** Lines that break: how often an hour a device loses its line, and for how long. */
  offline: z.strictObject({ perHour: z.number().min(0).max(3600), forMs: z.number().min(100).max(86_400_000) }).optional(),
  /** Programs that end without a word and start again. */
  crash: z.strictObject({ perHour: z.number().min(0).max(3600), forMs: z.number().min(0).max(86_400_000) }).optional(),
  /** Devices that get no more than so many bytes a second. */
  slowDownload: z.strictObject({ share, bytesPerS: z.number().min(100) }).optional(),
  /** Of the pieces that such a device downloads, so many arrive with a wrong byte. */
  corruptDownload: z.strictObject({ share, chance: share }).optional(),
  /** Devices on which a candidate ends its process in the benchmark. */
  failingBenchmark: z.strictObject({ share }).optional(),
  /** Devices on which every new model ends its process in service, as one that reboots its device does. */
  rebootLoop: z.strictObject({ share }).optional(),
  /** Devices whose disk has no room for anything. */
  fullDisk: z.strictObject({ share }).optional(),
  /** Devices whose clock is off by so much. */
  wrongClock: z.strictObject({ share, offMs: z.number() }).optional(),
});

export type Faults = z.infer<typeof faultsFile>;
export type ArtifactEffect = z.infer<typeof artifactEffect>;

export const NO_FAULTS: Faults = { artifacts: [] };

/** What holds for one device, from its own random numbers. */
export interface DeviceFaults {
  readonly slowBytesPerS: number | null;
  readonly corruptChance: number;
  readonly failsBenchmark: boolean;
  readonly rebootLoop: boolean;
  readonly fullDisk: boolean;
  readonly clockOffMs: number;
}

export function faultsOf(faults: Faults, random: () => number): DeviceFaults {
  // Each is drawn in any case, so that one more fault in the file leaves the others where they were.
  const [slow, corrupt, bench, reboot, disk, clock] = Array.from({ length: 6 }, () => random());
  const hit = (drawn: number | undefined, fault: { readonly share: number } | undefined): boolean => fault !== undefined && (drawn ?? 1) < fault.share;
  return {
    slowBytesPerS: hit(slow, faults.slowDownload) ? (faults.slowDownload?.bytesPerS ?? null) : null,
    corruptChance: hit(corrupt, faults.corruptDownload) ? (faults.corruptDownload?.chance ?? 0) : 0,
    failsBenchmark: hit(bench, faults.failingBenchmark),
    rebootLoop: hit(reboot, faults.rebootLoop),
    fullDisk: hit(disk, faults.fullDisk),
    clockOffMs: hit(clock, faults.wrongClock) ? (faults.wrongClock?.offMs ?? 0) : 0,
  };
}
