/** The first start's sample, told in the terminal that started the window: what it is doing, and the true before and after. */
import { toEdgewiseError } from '../src/base/errors.ts';
import type { Console } from '../src/console/create-console.ts';
import { optimizeReport } from '../src/contract/records/report.ts';

/** As much of the console as the sample needs. */
export type SampleConsole = Pick<Console, 'firstRun' | 'events' | 'reportFile'>;

/** Starts it where this is the first start. One that cannot start costs nobody their work: it is said, and the window stays. */
export async function startSample(console: SampleConsole, log: (line: string) => void): Promise<void> {
  try {
    const job = await console.firstRun();
    if (job === undefined) return;
    log(`First start: making the sample model smaller (${job.title}) ...`);
    const stop = console.events.subscribe((event) => {
      if (event.type !== 'job.updated' || event.job.id !== job.id || event.job.state === 'queued' || event.job.state === 'running') return;
      stop();
      const { state, result, error } = event.job;
      if (state === 'succeeded' && result !== null) log(summary(console.reportFile(result.reportId, 'json').text));
      else log(`The sample ended as ${state}${error === null ? '.' : `: ${error.message} [${error.code}]`}`);
    });
  } catch (thrown) {
    const error = toEdgewiseError(thrown);
    log(`The sample could not be started: ${error.message} [${error.code}]`);
  }
}

function summary(text: string): string {
  const { input, output, latency, accuracy } = optimizeReport.parse(JSON.parse(text));
  const parts = [`${input.bytes} -> ${output.bytes} bytes`];
  if (latency !== null) parts.push(`${latency.beforeMs.median.toFixed(3)} -> ${latency.afterMs.median.toFixed(3)} ms (${latency.ratio.toFixed(2)}x)`);
  if (accuracy !== null) parts.push(`top-1 ${(accuracy.before.top1 * 100).toFixed(1)} -> ${(accuracy.after.top1 * 100).toFixed(1)} % of ${accuracy.after.samples}`);
  return `The sample model, before and after: ${parts.join(', ')}`;
}
