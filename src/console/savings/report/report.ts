/** The report as one page that stands alone, for A4: no script, nothing loaded from elsewhere. Names in it come from people and devices: all are escaped. */
import type { CapacityDecision, Estimate, SavingsAssumptions } from '../../../contract/records/savings.ts';
import type { RouteOutput } from '../../../contract/rpc/routes.ts';
import { escapeHtml } from '../../../base/html.ts';
import { curveSvg, waterfallSvg } from './charts.ts';
import { REPORT_STYLE } from './style.ts';
import { REPORT_WORDS } from './words.ts';

export interface ReportInput {
  readonly page: RouteOutput<'savings.open'>;
  readonly scope: { readonly kind: 'chain' | 'region' | 'store' };
  readonly locale: 'en' | 'zh-CN';
  readonly assumptions: SavingsAssumptions;
  readonly decisions: readonly CapacityDecision[];
  readonly madeAtMs: number;
}

const MOST_ROWS = 60;
const safe = (text: string | number): string => escapeHtml(String(text));
const filled = (text: string, values: Readonly<Record<string, string | number>>): string => text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));

export async function renderSavingsReport({ page, scope, locale, assumptions, decisions, madeAtMs }: ReportInput): Promise<string> {
  const words = REPORT_WORDS[locale];
  const number = (value: number, digits = 3): string => new Intl.NumberFormat(locale, { maximumSignificantDigits: digits }).format(value).replace('-', '\u2212');
  const whole = (value: number): string => new Intl.NumberFormat(locale, { maximumFractionDigits: 0 }).format(value);
  const percent = (value: number, digits = 1): string => `${new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value * 100).replace('-', '\u2212')} %`;
  /** With so many digits that both ends differ. */
  const shareInterval = ({ ci95 }: Estimate): string => {
    if (ci95 === null) return '';
    const digits = ci95[1] - ci95[0] < 0.01 ? 2 : 1;
    return filled(words.interval, { low: percent(ci95[0], digits), high: percent(ci95[1], digits) });
  };
  const money = (value: number): string => {
    const size = Math.abs(value);
    const digits = size >= 1000 ? { maximumFractionDigits: 0 } : size > 0 && size < 0.1 ? { maximumSignificantDigits: 2 } : { minimumFractionDigits: 2, maximumFractionDigits: 2 };
    return new Intl.NumberFormat(locale, { style: 'currency', currency: 'CNY', currencyDisplay: 'narrowSymbol', ...digits }).format(value).replace('-', '\u2212');
  };
  const between = (estimate: Estimate | null, as: (value: number) => string): string => (estimate?.ci95 ? filled(words.interval, { low: as(estimate.ci95[0]), high: as(estimate.ci95[1]) }) : '');

  const { result, summary, rows, view, models } = page;
  const { energy } = result;
  const { evidence } = energy;
  const modelled = evidence.tier === 'modelled' ? ' class="modelled"' : '';
  const modelOf = (digest: string): string => models.find((model) => model.digest === digest)?.name ?? digest.slice(0, 8);
  const title = scope.kind === 'chain' ? words.chain : result.name;
  const used = decisions.filter(({ id }) => result.decisionIds.includes(id));
  const charts = {
    waterfall: page.waterfall.length === 0 ? '' : await waterfallSvg(page.waterfall, words, money),
    curve: page.curve.length === 0 ? '' : await curveSvg(page.curve, page.marks, modelOf),
  };
  const part = (name: string, value: string, note = ''): string => `<tr><th scope="row">${safe(name)}</th><td class="right">${safe(value)}</td><td class="quiet">${safe(note)}</td></tr>`;
  const assumed = (name: string, value: string, source: string): string => `<tr><th scope="row">${safe(name)}</th><td class="right">${safe(value)}</td><td class="quiet">${safe(source)}</td></tr>`;
  const grid = assumptions.grid.find(({ id }) => id === assumptions.gridDefault);

  return `<!doctype html>
<html lang="${words.lang}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${safe(`${words.title}: ${title}`)}</title>
<style>${REPORT_STYLE}</style>
</head>
<body>
<header><p class="brand">Edgewise</p><h1>${safe(title)}</h1><p>${safe(words.title)}</p>
<p class="quiet">${safe(filled(words.period, { from: view.fromDay, to: view.toDay, days: view.baselineDays }))}. ${safe(filled(words.made, { at: new Date(madeAtMs).toISOString().slice(0, 16).replace('T', ' ') }))} UTC.</p></header>
${evidence.simulated || summary.simulated ? `<p class="warning">${safe(words.simulated)}</p>` : ''}
<section class="headline">
<p class="big"${modelled}>${energy.share ? `<strong>${safe(percent(Math.abs(energy.share.value)))}</strong> ${safe(energy.share.value >= 0 ? words.less : words.more)}` : safe(words.nothing)}</p>
<p><strong>${safe(words.verdicts[energy.verdict])}</strong>${energy.share?.ci95 ? `; ${safe(shareInterval(energy.share))}` : ''}</p>
<p>${safe(filled(words.methods[energy.method], { count: evidence.controlStores }))}</p>
<p>${safe(words.line25[result.line25 ?? 'none'])}${result.totalShare ? ` ${safe(percent(result.totalShare.value))}${result.totalShare.ci95 ? `, ${safe(shareInterval(result.totalShare))}` : ''}` : ''}</p>
<p class="tier">${safe(words.tier[evidence.tier ?? 'none'])}</p>
</section>
<h2>${safe(words.parts)}</h2>
<table class="parts">
${part(words.cash, result.cashEnergyCny ? money(result.cashEnergyCny.value) : '–', between(result.cashEnergyCny, money))}
${part(words.capacity, money(result.capacityCny), used.map((each) => `${each.count} × ${each.deviceClass}, ${each.fromDay}, ${each.by}`).join('; '))}
${part(words.freed, result.freedDevices === null ? '–' : number(result.freedDevices, 2))}
${part(words.network, money(result.networkCny))}
${part(words.cloud, money(result.cloudCny))}
${part(words.energy, result.energySavedKwh ? `${number(result.energySavedKwh.value)} kWh` : '–', between(result.energySavedKwh, (value) => `${number(value)} kWh`))}
${part(words.carbon, result.carbonSavedKg ? `${number(result.carbonSavedKg.value)} kg CO2e` : '–', between(result.carbonSavedKg, (value) => `${number(value)} kg`))}
${part(words.cost, money(summary.cost.totalCny), summary.cnyPer1000 === null ? '' : `${money(summary.cnyPer1000)} ${words.per1000}`)}
</table>
${charts.waterfall === '' ? '' : `<figure><figcaption>${safe(words.waterfall)}</figcaption>${charts.waterfall}</figure>`}
${charts.curve === '' ? '' : `<figure><figcaption>${safe(words.curve)} (+: ${safe(words.updates)})</figcaption>${charts.curve}</figure>`}
<h2>${safe(words.table)}</h2>
<table class="list">
<thead><tr><th>${safe(words.columns.name)}</th><th class="right">${safe(words.columns.saved)}</th><th class="right">${safe(words.columns.interval)}</th><th>${safe(words.columns.verdict)}</th><th class="right">${safe(words.columns.cash)}</th><th class="right">${safe(words.columns.cost)}</th><th class="right">${safe(words.columns.p95)}</th><th class="right">${safe(words.columns.accuracy)}</th><th class="right">${safe(words.columns.updated)}</th></tr></thead>
<tbody>
${rows.slice(0, MOST_ROWS).map((row) => `<tr><td>${safe(row.name === '' ? row.id : row.name)}</td><td class="right"><span${row.tier === 'modelled' ? ' class="modelled"' : ''}>${row.energyShare ? safe(percent(row.energyShare.value)) : '–'}</span></td><td class="right quiet">${row.energyShare?.ci95 ? `${safe(percent(row.energyShare.ci95[0]))} … ${safe(percent(row.energyShare.ci95[1]))}` : '–'}</td><td>${safe(words.verdicts[row.verdict])}</td><td class="right">${row.cashEnergyCny ? safe(money(row.cashEnergyCny.value)) : '–'}</td><td class="right">${safe(money(row.costCny))}</td><td class="right">${row.latencyP95Ms === null ? '–' : safe(number(row.latencyP95Ms))}</td><td class="right">${row.accuracy === null ? '–' : safe(percent(row.accuracy))}</td><td class="right">${row.updatedDevices}/${row.devices}</td></tr>`).join('\n')}
</tbody>
</table>
${rows.length > MOST_ROWS ? `<p class="quiet">${safe(filled(words.more_rows, { count: rows.length - MOST_ROWS }))}</p>` : ''}
<section class="together">
<h2>${safe(words.basis)}</h2>
<table class="parts">
${part(words.devices, whole(evidence.devices))}
${part(words.control, whole(evidence.controlDevices))}
${part(words.rows, `${whole(evidence.rowsBefore)} / ${whole(evidence.rowsAfter)}`)}
${part(words.hours, `${whole(evidence.hoursBefore)} / ${whole(evidence.hoursAfter)}`)}
${part(words.inferences, `${whole(evidence.inferencesBefore)} / ${whole(evidence.inferencesAfter)}`)}
${part(words.leftOut, whole(evidence.leftOutCount))}
${part(words.accuracyDrop, energy.accuracyDrop === null ? '–' : number(energy.accuracyDrop * 100, 2))}
${part(words.sources, evidence.sources.join(', ') || '–')}
</table>
</section>
<section class="together">
<h2>${safe(words.assumed)}</h2>
<table class="parts">
${assumed(words.tariff, number(assumptions.tariff.otherwiseCnyPerKwh), `${assumptions.tariff.source}${assumptions.tariff.periods.length > 0 ? ` (${words.tou})` : ''}`)}
${assumed(words.wall, number(assumptions.wallFactor.value), assumptions.wallFactor.source)}
${assumed(words.pue, number(assumptions.pue.value), assumptions.pue.source)}
${assumed(words.price, number(assumptions.hardware.priceCny.value, 6), assumptions.hardware.priceCny.source)}
${assumed(words.life, number(assumptions.hardware.lifeDays.value, 6), assumptions.hardware.lifeDays.source)}
${assumed(words.share, number(assumptions.workloadShare.value), assumptions.workloadShare.source)}
${assumed(words.networkPrice, number(assumptions.networkCnyPerGb.value), assumptions.networkCnyPerGb.source)}
${assumed(words.cloudPrice, number(assumptions.cloudCnyPer1000.value), assumptions.cloudCnyPer1000.source)}
${assumed(words.grid, grid ? `${grid.name} ${number(grid.gPerKwh, 4)}` : '–', grid?.source ?? '')}
${assumed(words.margin, number(assumptions.accuracyMargin.value), assumptions.accuracyMargin.source)}
${assumed(words.minHours, number(assumptions.minHours.value), assumptions.minHours.source)}
</table>
<p class="quiet">${safe(words.rule)}</p>
</section>
</body>
</html>
`;
}
