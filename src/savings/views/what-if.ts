/**
 * A year of a fleet like the one measured, were the price, the number of devices or the frame rate another. An estimate from means: it carries the
 * tier and the verdict of what it was scaled from, and proves nothing.
 *
 * Work grows by the frame rate; what is drawn while nothing is computed grows by devices only. Where a device would be busy for more than it can be,
 * more devices are needed, and there a faster model saves hardware.
 */
import type { SavingScope, WhatIfInput, WhatIfResult } from '../../contract/records/savings.ts';
import { costOf, groupKey, ratio } from '../cost/ledger.ts';
import { capitalPerDay, gridOf } from '../cost/prices.ts';
import type { SavingsPanel } from '../saving/panel.ts';

const DAYS = 365;
const DAY_S = 86_400;

/** null: no device of the scope could be compared. */
export function whatIf(panel: SavingsPanel, scope: SavingScope, input: WhatIfInput): WhatIfResult | null {
  const { assumptions, table } = panel.query;
  const pairs = [...panel.pairs.values()].filter((pair) => pair.leftOut === null && groupKey(table, pair.device, scope.kind) === (scope.kind === 'chain' ? '' : scope.id));
  if (pairs.length === 0) return null;
  const mean = (of: (pair: (typeof pairs)[number]) => number): number => pairs.reduce((sum, pair) => sum + of(pair), 0) / pairs.length;
  const line = (device: number): { cny: number; kwh: number; kg: number } => {
    const found = panel.ledger.lines[device];
    const joules = found?.sums.energyJ ?? 0;
    const kwh = ratio(found?.kwh ?? 0, joules) ?? 0;
    const region = table.stores[table.storeOfDevice[device] ?? 0]?.region ?? '';
    return { cny: ratio(found?.energyCny ?? 0, joules) ?? 0, kwh, kg: (kwh * assumptions.pue.value * gridOf(assumptions, region)) / 1000 };
  };
  const controls = (device: number): number => panel.cohortOf.get(device)?.ratio ?? 1;
  const perDay = mean(({ after }) => after.inferences / (after.ms / 1000)) * DAY_S;
  const sides = {
    baseline: {
      idleJ: mean(({ before, device }) => (controls(device) * before.idleJ) / (before.ms / 1000)) * DAY_S,
      workJ: mean(({ before, after, device }) => (controls(device) * before.aboveJ * after.inferences) / before.inferences / (after.ms / 1000)) * DAY_S,
      busy: mean(({ before, after }) => (before.busyMs / before.durationMs) * ((after.inferences / after.ms) / (before.inferences / before.ms))),
      use: assumptions.baselineUse,
    },
    optimized: {
      idleJ: mean(({ after }) => after.idleJ / (after.ms / 1000)) * DAY_S,
      workJ: mean(({ after }) => after.aboveJ / (after.ms / 1000)) * DAY_S,
      busy: mean(({ after }) => after.busyMs / after.durationMs),
      use: assumptions.optimizedUse,
    },
  };
  const cnyPerJ = mean(({ device }) => line(device).cny) * input.tariffFactor;
  const kgPerJ = mean(({ device }) => line(device).kg);
  const capital = { cny: mean(({ device }) => capitalOf(device).cny), kg: mean(({ device }) => capitalOf(device).kg) };
  const year = ({ idleJ, workJ, busy, use }: (typeof sides)['baseline']) => {
    const devices = input.devices === 0 ? 0 : Math.ceil(input.devices * Math.max(1, (busy * input.frameRateFactor) / input.maxBusyShare) - 1e-9);
    const joules = (devices * idleJ + input.devices * input.frameRateFactor * workJ) * DAYS;
    const inferences = perDay * input.devices * input.frameRateFactor * DAYS;
    const cost = costOf({
      energyCny: joules * cnyPerJ,
      capitalCny: devices * capital.cny * DAYS,
      networkCny: ((inferences * use.bytesPerInference) / 1e9) * assumptions.networkCnyPerGb.value,
      cloudCny: ((inferences * use.cloudShare) / 1000) * assumptions.cloudCnyPer1000.value,
    });
    return { devices, cost, kg: joules * kgPerJ + devices * capital.kg * DAYS };
  };
  function capitalOf(device: number): { readonly cny: number; readonly kg: number } {
    const place = table.devices[device];
    return place ? capitalPerDay(assumptions, place) : { cny: 0, kg: 0 };
  }
  const [baseline, optimized] = [year(sides.baseline), year(sides.optimized)];
  const savedCny = baseline.cost.totalCny - optimized.cost.totalCny;
  return {
    baseline: baseline.cost, optimized: optimized.cost, baselineDevices: baseline.devices, optimizedDevices: optimized.devices, savedCny,
    savedShare: ratio(savedCny, baseline.cost.totalCny), carbonSavedKg: baseline.kg - optimized.kg,
  };
}
