/** Kinds of noise that the statistics must stand. `middling` is what stores are thought to be like; each other one is worse in one way. */
import type { NoiseModel, SimulatedChain } from './simulated-figures.ts';

const middling: NoiseModel = {
  storeSize: 0.35, dayWork: 0.12, hourWork: 0.2, hourPower: 0.04, hourMemory: 0.6, deviceDrift: 0.015, storeDrift: 0.015, driftDays: 4, commonDrift: 0.01, commonDays: 4, trendPer30Days: 0,
  burstChance: 0.005, burstSize: 0.3, meterBias: 0.03, lossChance: 0.002, lossHours: 10,
};

const chain = { stores: 40, maxDevices: 3, heldBack: 0.4, daysBefore: 28, daysAfter: 28, staggerDays: 0, span: 'hour' } as const;

export interface NoiseSetting {
  readonly name: string;
  readonly chain: Omit<SimulatedChain, 'saving' | 'seed'>;
}

export const NOISE_SETTINGS: readonly NoiseSetting[] = [
  { name: 'middling', chain: { ...chain, noise: middling } },
  { name: 'calm', chain: { ...chain, noise: { ...middling, hourPower: 0.01, deviceDrift: 0.004, storeDrift: 0.004, commonDrift: 0, burstChance: 0, lossChance: 0 } } },
  { name: 'season', chain: { ...chain, noise: { ...middling, commonDrift: 0.03, commonDays: 10, trendPer30Days: 0.05 } } },
  { name: 'autumn', chain: { ...chain, noise: { ...middling, commonDrift: 0.02, commonDays: 6, trendPer30Days: -0.04 } } },
  { name: 'slow drift', chain: { ...chain, noise: { ...middling, deviceDrift: 0.04, storeDrift: 0.04, driftDays: 30 } } },
  { name: 'heavy tails', chain: { ...chain, noise: { ...middling, burstChance: 0.02, burstSize: 1, hourMemory: 0.9, hourPower: 0.1 } } },
  { name: 'lines that break', chain: { ...chain, noise: { ...middling, lossChance: 0.01, lossHours: 30 } } },
  { name: 'unequal stores', chain: { ...chain, maxDevices: 6, noise: { ...middling, storeSize: 0.8, dayWork: 0.3 } } },
  { name: 'few stores', chain: { ...chain, stores: 20, heldBack: 0.45, noise: middling } },
  { name: 'in waves', chain: { ...chain, staggerDays: 10, noise: middling } },
  { name: 'days, not hours', chain: { ...chain, span: 'day', noise: middling } },
];
