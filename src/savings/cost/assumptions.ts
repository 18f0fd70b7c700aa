/** What is assumed until somebody says better. Each value tells where it is from; where nothing is known it is chosen so that it claims no saving. */
import type { HardwareCost, SavingsAssumptions } from '../../contract/records/savings.ts';
import { GRID } from './grid.ts';

export const HARDWARE_DEFAULT: HardwareCost = {
  priceCny: { value: 2000, source: 'Round figure for a small fanless computer. Put what was paid.' },
  lifeDays: { value: 1461, source: 'Four years, as computers are commonly written off. Put the life in the books.' },
  embodiedKg: { value: 100, source: 'Round figure for a computer of some 1 kg, not measured. Put what the maker states for making and moving it.' },
};

export const DEFAULT_ASSUMPTIONS: SavingsAssumptions = {
  version: 1,
  tariff: { otherwiseCnyPerKwh: 0.8, periods: [], source: 'Round figure for shops in China, flat. Put the price on the bill.' },
  tariffOfRegion: {},
  tariffOfStore: {},
  wallFactor: { value: 1.17, source: 'A power supply of 20 W with an efficiency of 85.5 %, the least that EU 2019/1782 allows.' },
  pue: { value: 1, source: 'No cooling counted: the device stands in the shop.' },
  hardware: HARDWARE_DEFAULT,
  hardwareOfClass: {},
  workloadShare: { value: 1, source: 'The device does nothing else.' },
  shareOfWorkload: {},
  networkCnyPerGb: { value: 0, source: 'A line paid flat. Put the price of a GB where traffic is paid.' },
  cloudCnyPer1000: { value: 0, source: 'No cloud service known.' },
  baselineUse: { bytesPerInference: 0, cloudShare: 0 },
  optimizedUse: { bytesPerInference: 0, cloudShare: 0 },
  grid: [...GRID],
  gridDefault: 'cn',
  gridOfRegion: {},
  accuracyMargin: { value: 0.01, source: 'One point, as the gates of the built-in recipes.' },
  minHours: { value: 72, source: 'Three days on either side: less does not show the week.' },
};
