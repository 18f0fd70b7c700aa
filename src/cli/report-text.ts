/** A report as the command line prints it. */
import type { OptimizeReport } from '../contract/records/report.ts';
import { energyComparisonText } from './energy-text.ts';
import { bytesText, percentText } from './io.ts';

/** The shape of this object is part of the command line's contract. */
export function resultObject(report: OptimizeReport): Record<string, unknown> {
  const side = ({ bytes, nodes, macs, parameters }: OptimizeReport['input']) => ({ bytes, nodes, macs, parameters });
  const { fidelity, latency, energy, accuracy, gates, warnings, seconds, peakRssBytes, data } = report;
  return {
    input: side(report.input),
    output: side(report.output),
    steps: report.steps.map(({ pass, changed, stats, ms }) => ({ pass, changed, stats, ms })),
    fidelity: fidelity && { cosine: fidelity.cosine, sqnrDb: fidelity.sqnrDb, top1Agreement: fidelity.top1Agreement },
    latency: latency && { threads: latency.threads, beforeMs: latency.beforeMs, afterMs: latency.afterMs, ratio: latency.ratio, ci95: latency.ci95 },
    ...(energy === undefined ? {} : { energy }),
    accuracy,
    data,
    gates,
    warnings,
    seconds,
    peakRssBytes,
  };
}

/** Before and after in a few lines; also what the browser host prints when the sample is done. */
export function summaryLines(report: OptimizeReport): string[] {
  const { input, output, latency, accuracy, fidelity } = report;
  const lines = [`size       ${bytesText(input.bytes)} -> ${bytesText(output.bytes)}  (${(input.bytes / output.bytes).toFixed(2)}x smaller)`];
  if (latency) {
    const { beforeMs, afterMs, ratio, ci95, threads } = latency;
    lines.push(
      `latency    ${beforeMs.median.toFixed(3)} ms -> ${afterMs.median.toFixed(3)} ms  (${ratio.toFixed(2)}x, 95 % interval ${ci95[0].toFixed(2)} to ${ci95[1].toFixed(2)}, ${threads} thread${threads === 1 ? '' : 's'})`,
    );
  }
  if (report.energy !== undefined) lines.push(energyComparisonText(report.energy));
  if (accuracy) {
    lines.push(`accuracy   top-1 ${percentText(accuracy.before.top1)} -> ${percentText(accuracy.after.top1)} on ${accuracy.after.samples} samples${report.data?.overlap === true ? ' (some also used for calibration)' : ' not used for calibration'}`);
  }
  if (fidelity) {
    const agreement = fidelity.top1Agreement === null ? '' : `, same answer on ${percentText(fidelity.top1Agreement)}`;
    lines.push(`fidelity   cosine ${fidelity.cosine.toFixed(5)}${fidelity.sqnrDb === null ? ', identical' : `, ${fidelity.sqnrDb.toFixed(1)} dB`}${agreement}`);
  }
  return lines;
}
