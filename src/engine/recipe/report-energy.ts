/** Energy in the report: what one inference takes, by what it was measured, or why it was not. */
import { html, type Html } from '../../base/html.ts';
import type { OptimizeReport } from '../../contract/records/report.ts';
import { pairedBars } from './report-charts.ts';

/** Tiers as a reader knows them. */
const EVIDENCE = { metered: 'metered at the plug', counter: 'counted by the machine (counter)', modelled: 'modelled, not measured' } as const;

export function energyCards(energy: NonNullable<OptimizeReport['energy']>): Html[] {
  if (!energy.measured) return [html`<section class="card"><h3>Energy of one inference</h3><p class="figure">not measured</p><p class="quiet">${energy.reason}</p></section>`];
  const { before, after, ratio, tier, source, idleW, idleFrom, groups, stretchSeconds, notes } = energy;
  const basis = `${EVIDENCE[tier]}: ${source}${idleW === null ? '' : `; idle ${short(idleW)} W ${idleFrom ?? ''}`}; ${groups} repetitions, stretches of ${short(stretchSeconds)} s. ${notes.join('. ')}.`;
  const cards = [pairedBars({
    title: 'Energy of one inference, all that was counted', figure: changeOf(ratio.total), before: before.totalJ.value, after: after.totalJ.value, interval: after.totalJ.ci95, format: joules,
    note: `95 % interval of before / after: ${short(ratio.total.ci95[0])} to ${short(ratio.total.ci95[1])}; ${basis}`,
  })];
  if (before.aboveIdleJ !== null && after.aboveIdleJ !== null && before.aboveIdleJ.value > 0 && after.aboveIdleJ.value > 0) {
    cards.push(pairedBars({
      title: 'Energy of one inference, above idle', figure: changeOf(ratio.aboveIdle), before: before.aboveIdleJ.value, after: after.aboveIdleJ.value,
      interval: [Math.max(0, after.aboveIdleJ.ci95[0]), after.aboveIdleJ.ci95[1]], format: joules,
      note: ratio.aboveIdle === null ? 'No ratio: not every repetition was above idle.' : `95 % interval of before / after: ${short(ratio.aboveIdle.ci95[0])} to ${short(ratio.aboveIdle.ci95[1])}; ${tier}`,
    }));
  }
  return cards;
}

function changeOf(ratio: { readonly value: number; readonly ci95: readonly [number, number] } | null): string {
  if (ratio === null || (ratio.ci95[0] <= 1 && ratio.ci95[1] >= 1)) return 'no proven difference';
  return ratio.value > 1 ? `${short(ratio.value)}x less` : `${short(1 / ratio.value)}x more`;
}

function joules(value: number): string {
  const [unit, factor] = value >= 1 || value === 0 ? ['J', 1] as const : value >= 1e-3 ? ['mJ', 1e3] as const : ['µJ', 1e6] as const;
  return `${short(value * factor)} ${unit}`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
