/** From what it would have cost to what it cost, cause by cause. The steps add up to the difference of the two totals, to the last bit that matters. */
import type { SavingResult, WaterfallStep } from '../../contract/records/savings.ts';

/** Empty where nothing could be compared. */
export function waterfallOf({ energy, baseline, optimized }: SavingResult): WaterfallStep[] {
  if (energy.share === null) return [];
  const cash = baseline.energyCny - optimized.energyCny;
  const steps: [WaterfallStep['cause'], number][] = [];
  if (energy.inferenceJ !== null && energy.baselineJ > 0) {
    const inference = energy.inferenceJ * (baseline.energyCny / energy.baselineJ);
    steps.push(['inference', inference], ['idle', cash - inference]);
  } else steps.push(['energy', cash]);
  steps.push(['capacity', baseline.capitalCny - optimized.capitalCny], ['network', baseline.networkCny - optimized.networkCny], ['cloud', baseline.cloudCny - optimized.cloudCny]);
  let at = baseline.totalCny;
  const found: WaterfallStep[] = [{ cause: 'baseline', cny: at, fromCny: 0, toCny: at }];
  for (const [cause, cny] of steps) {
    found.push({ cause, cny, fromCny: at, toCny: at - cny });
    at -= cny;
  }
  found.push({ cause: 'optimized', cny: optimized.totalCny, fromCny: 0, toCny: optimized.totalCny });
  return found;
}
