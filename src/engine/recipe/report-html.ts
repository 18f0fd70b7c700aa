/**
 * The report as one page that stands alone: no script, nothing loaded from elsewhere, readable on screen in light and dark and on A4. Names
 * in it come from model files, so every value is escaped.
 */
import type { GateResult, OptimizeReport, ReportStep } from '../../contract/records/report.ts';
import { html, Html } from '../../base/html.ts';
import { pairedBars } from './report-charts.ts';
import { energyCards } from './report-energy.ts';
import { reportStyle } from './report-style.ts';

export function renderReportHtml(report: OptimizeReport): string {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${report.model}: ${report.recipe.name}</title>
<style>${new Html(reportStyle)}</style>
</head>
<body>
<main>
<h1>${report.model}</h1>
<p class="quiet">Recipe ${report.recipe.name}, ${report.createdAt}, ${number(report.seconds, 1)} s, seed ${report.seed}</p>
${warnings(report.warnings)}
<div class="cards">${cards(report)}</div>
${gates(report.gates)}
<h2>What each step did</h2>
<div class="wide">${stepTable(report)}</div>
<h2>Measured on</h2>
${measuredOn(report)}
<h2>Files</h2>
<dl>
<dt>before</dt><dd>${bytes(report.input.bytes)}, ${report.input.nodes} nodes, SHA-256 ${report.input.sha256}</dd>
<dt>after</dt><dd>${bytes(report.output.bytes)}, ${report.output.nodes} nodes, SHA-256 ${report.output.sha256}</dd>
</dl>
<h2>Recipe</h2>
<pre>${JSON.stringify(report.recipe, null, 2)}</pre>
</main>
</body>
</html>
`;
  return page.text;
}

function cards({ input, output, latency, energy, accuracy, fidelity }: OptimizeReport): Html[] {
  const result = [pairedBars({ title: 'Size', figure: ratio(input.bytes, output.bytes, 'smaller', 'larger'), before: input.bytes, after: output.bytes, format: bytes })];
  if (latency) {
    const [low, high] = latency.ci95;
    const median = latency.beforeMs.median;
    result.push(
      pairedBars({
        title: `Latency, median of one inference on ${latency.threads} ${latency.threads === 1 ? 'thread' : 'threads'}`,
        figure: low <= 1 && high >= 1 ? 'no proven difference' : ratio(latency.ratio, 1, 'faster', 'slower'),
        before: median,
        after: latency.afterMs.median,
        ...(high > 0 && low > 0 ? { interval: [median / high, median / low] as const } : {}),
        format: (value) => `${number(value, 2)} ms`,
        note: `95 % interval of before / after: ${number(low, 2)} to ${number(high, 2)}, ${latency.pairs} pairs; p95 ${number(latency.beforeMs.p95, 2)} and ${number(latency.afterMs.p95, 2)} ms`,
      }),
    );
  }
  if (energy) result.push(...energyCards(energy));
  if (accuracy) {
    const { mean, ci95 } = accuracy.topOneDrop;
    result.push(
      pairedBars({
        title: 'Accuracy, top-1',
        figure: mean > 0 ? `${points(mean)} lost` : mean < 0 ? `${points(-mean)} gained` : 'unchanged',
        before: accuracy.before.top1,
        after: accuracy.after.top1,
        interval: [accuracy.before.top1 - ci95[1], accuracy.before.top1 - ci95[0]],
        format: percent,
        note: `95 % interval of the loss: ${number(ci95[0] * 100, 1)} to ${number(ci95[1] * 100, 1)} points on ${accuracy.before.samples} samples; top-5 ${percent(accuracy.before.top5)} and ${percent(accuracy.after.top5)}`,
      }),
    );
  }
  if (fidelity) {
    result.push(html`<section class="card">
  <h3>Same answers as the original</h3>
  <p class="figure">${fidelity.top1Agreement === null ? `cosine ${number(fidelity.cosine, 4)}` : percent(fidelity.top1Agreement)}</p>
  <dl>
  <dt>cosine, mean and least</dt><dd>${number(fidelity.cosine, 5)}, ${number(fidelity.cosineMin, 5)}</dd>
  <dt>signal to noise</dt><dd>${fidelity.sqnrDb === null ? 'identical' : `${number(fidelity.sqnrDb, 1)} dB`}</dd>
  <dt>samples</dt><dd>${fidelity.samples}</dd>
  </dl>
</section>`);
  }
  return result;
}

function warnings(list: readonly string[]): Html | null {
  if (list.length === 0) return null;
  return html`<div class="warnings" role="note"><strong>Mind:</strong><ul>${list.map((text) => html`<li>${text}</li>`)}</ul></div>`;
}

function gates(list: readonly GateResult[]): Html | null {
  if (list.length === 0) return null;
  const row = (gate: GateResult): Html => html`<tr><td>${gate.metric}</td><td class="number">${gate.op} ${gate.value}</td><td class="number">${gate.measured === null ? 'not measured' : number(gate.measured, 4)}</td>
<td class="${gate.met ? 'met' : 'unmet'}">${gate.met ? '✓ met' : '✗ not met'}</td></tr>`;
  return html`<h2>Gates</h2><table><thead><tr><th>metric</th><th class="number">limit</th><th class="number">measured</th><th>result</th></tr></thead><tbody>${list.map(row)}</tbody></table>`;
}

function stepTable({ steps, input }: OptimizeReport): Html {
  const idle = steps.filter((step) => !step.changed && step.undone === undefined && step.notes.length === 0 && Object.values(step.stats).every((count) => count === 0));
  const row = (step: ReportStep): Html => html`<tr><td>${step.pass}</td><td>${stepResult(step)}${step.notes.map((note) => html`<div class="notes">${note}</div>`)}</td>
<td>${step.undone === undefined ? verified(step) : html`<span class="unmet">✗ undone: ${step.undone}</span>`}</td>
<td class="number">${step.nodesAfter}</td><td class="number">${bytes(step.bytesAfter)}</td><td class="number">${number(step.ms, 0)} ms</td></tr>`;
  return html`<table><thead><tr><th>step</th><th>what changed</th><th>outputs compared</th><th class="number">nodes</th><th class="number">size</th><th class="number">time</th></tr></thead>
<tbody><tr><td class="quiet">as it came</td><td></td><td></td><td class="number">${input.nodes}</td><td class="number">${bytes(input.bytes)}</td><td></td></tr>${steps.filter((step) => !idle.includes(step)).map(row)}</tbody></table>
${idle.length > 0 && html`<p class="quiet">Nothing to do for ${idle.map((step) => step.pass).join(', ')}.</p>`}`;
}

function stepResult({ changed, stats }: ReportStep): string {
  const counts = Object.entries(stats).filter(([, count]) => count !== 0).map(([name, count]) => `${name} ${count}`).join(', ');
  if (changed) return counts || 'changed';
  return counts ? `nothing changed; found ${counts}` : 'nothing to do';
}

function verified({ verified: result, changed }: ReportStep): string {
  if (!result) return changed ? 'no' : '';
  return result.maxAbsError === 0 ? '✓ identical' : `✓ within ${result.maxAbsError.toExponential(1)}`;
}

function measuredOn({ data, machine, peakRssBytes }: OptimizeReport): Html {
  const preprocess = data?.preprocess ? JSON.stringify(data.preprocess) : 'none';
  return html`<dl>
${
  data
    ? html`<dt>data</dt><dd>${data.path ?? data.kind} (${data.kind}${data.labelled ? ', labelled' : ''})</dd>
<dt>samples</dt><dd>${data.calibrationSamples} for calibration, ${data.evaluationSamples} for the measurements${data.overlap ? ', overlapping' : ', none used for both'}</dd>
<dt>preprocessing</dt><dd>${preprocess}${data.preprocessGuessed ? ' (guessed)' : ''}</dd>`
    : html`<dt>data</dt><dd>none given: generated numbers</dd>`
}
<dt>processor</dt><dd>${machine.cpu}, ${machine.cores} cores, ${bytes(machine.memoryBytes)} memory</dd>
<dt>system</dt><dd>${machine.os}, Node ${machine.node}, onnxruntime ${machine.onnxruntime}, Edgewise ${machine.edgewise}</dd>
<dt>peak memory of the runtime</dt><dd>${bytes(peakRssBytes)}</dd>
</dl>`;
}

function number(value: number, digits: number): string {
  return value.toLocaleString('en', { minimumFractionDigits: 0, maximumFractionDigits: digits });
}

function percent(share: number): string {
  return `${number(share * 100, 1)} %`;
}

function points(share: number): string {
  return `${number(share * 100, 1)} points`;
}

/** Decimal units, as file managers show them. */
function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  if (value < 1e6) return `${number(value / 1e3, 1)} kB`;
  if (value < 1e9) return `${number(value / 1e6, 2)} MB`;
  return `${number(value / 1e9, 2)} GB`;
}

function ratio(before: number, after: number, better: string, worse: string): string {
  const value = before / after;
  if (value >= 1.005) return `${number(value, 2)}x ${better}`;
  return value <= 0.995 ? `${number(1 / value, 2)}x ${worse}` : 'unchanged';
}
