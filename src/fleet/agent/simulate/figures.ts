/**
 * Figures of simulated devices. They are made up: plausible in their order of magnitude, measured nowhere, and labelled `simulated` wherever they go. What
 * they must have is the shape of real ones: classes that differ, devices of one class that differ a little, noise, slow drift, warm afternoons.
 */
import type { Inventory } from '../../../contract/wire/messages.ts';
import type { ArtifactEffect } from './faults.ts';

interface ClassFigures {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Median latency of a model of 1 MiB. */
  readonly latencyMs: number;
  readonly idleW: number;
  readonly busyW: number;
  readonly temperatureC: number;
}

const GIB = 2 ** 30;
const CLASSES: Readonly<Record<string, ClassFigures>> = {
  'edge-box': { cpu: 'Simulated edge box', cores: 4, memoryBytes: 8 * GIB, latencyMs: 6, idleW: 8, busyW: 22, temperatureC: 46 },
  'smart-camera': { cpu: 'Simulated camera', cores: 2, memoryBytes: 2 * GIB, latencyMs: 24, idleW: 2.5, busyW: 5.5, temperatureC: 52 },
  gateway: { cpu: 'Simulated gateway', cores: 4, memoryBytes: 4 * GIB, latencyMs: 12, idleW: 4, busyW: 10, temperatureC: 44 },
};
const OTHER: ClassFigures = { cpu: 'Simulated device', cores: 2, memoryBytes: 2 * GIB, latencyMs: 15, idleW: 4, busyW: 9, temperatureC: 45 };

export const DEVICE_CLASSES: readonly string[] = Object.keys(CLASSES);

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

export interface SimulatedFigures {
  readonly idleW: number;
  /** Above idle while an inference of this artifact runs, W. */
  busyW(effect: ArtifactEffect | null): number;
  /** One inference, ms. */
  latencyMs(modelBytes: number, effect: ArtifactEffect | null): number;
  temperatureC(nowMs: number, busyShare: number, effect: ArtifactEffect | null): number;
  accuracy(effect: ArtifactEffect | null, samples: number): number;
  inventory(freeDiskBytes: number, runtimeVersion: string): Inventory;
}

/** @param longitude of the store, for when its afternoon is */
export function simulatedFigures(deviceClass: string, longitude: number, random: () => number): SimulatedFigures {
  const base = CLASSES[deviceClass] ?? OTHER;
  /** No two devices of a class are alike. */
  const own = Math.exp(0.06 * normal(random));
  const ownHeatC = 2 * normal(random);
  const phase = random() * 2 * Math.PI;
  return {
    idleW: base.idleW,
    busyW: (effect) => (base.busyW - base.idleW) * (effect?.powerFactor ?? 1),
    latencyMs(modelBytes, effect) {
      const size = 0.4 + (0.6 * modelBytes) / 2 ** 20;
      const tail = random() < 0.02 ? 1 + random() : 1;
      return base.latencyMs * own * size * (effect?.latencyFactor ?? 1) * Math.exp(0.05 * normal(random)) * tail;
    },
    temperatureC(nowMs, busyShare, effect) {
      const hour = (nowMs / DAY_MS + longitude / 360) * 2 * Math.PI;
      // Warmest at three in the afternoon; a drift over some hours, as of a fan with dust in it.
      const day = 4 * Math.cos(hour - (15 / 24) * 2 * Math.PI);
      const drift = 1.5 * Math.sin(nowMs / (5 * HOUR_MS) + phase);
      return base.temperatureC + ownHeatC + day + drift + 12 * Math.min(1, busyShare) + (effect?.heatC ?? 0) + 0.3 * normal(random);
    },
    accuracy(effect, samples) {
      const share = effect?.accuracy ?? 0.9;
      return Math.round(Math.min(1, Math.max(0, share)) * samples) / samples;
    },
    inventory: (freeDiskBytes, runtimeVersion) => ({
      agentVersion: 'simulated',
      hardware: 'linux-x64',
      cpu: base.cpu,
      cores: base.cores,
      memoryBytes: base.memoryBytes,
      freeDiskBytes,
      os: 'simulated',
      accelerators: [],
      runtimes: [{ name: 'onnxruntime', version: runtimeVersion, providers: ['cpu'] }],
      energy: { source: 'simulated', tier: 'modelled' },
    }),
  };
}

/** Normal, mean 0, deviation 1 (Box and Muller). */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
