/** Before and after as two bars, drawn as SVG: no script, and the numbers are text. */
import { html, type Html } from '../../base/html.ts';

const WIDTH = 320;
const LABEL = 52;
const BAR = 150;

export interface PairedBars {
  readonly title: string;
  /** What the pair says, in a few words: `3.8x smaller`. */
  readonly figure: string;
  readonly before: number;
  readonly after: number;
  /** Ends of the interval of `after`, in its unit. */
  readonly interval?: readonly [number, number];
  readonly format: (value: number) => string;
  readonly note?: string;
}

export function pairedBars({ title, figure, before, after, interval, format, note }: PairedBars): Html {
  const largest = Math.max(before, after, interval?.[1] ?? 0, Number.MIN_VALUE);
  const x = (value: number): number => Math.round((Math.max(0, value) / largest) * BAR * 10) / 10;
  const bar = (label: string, value: number, y: number, kind: string): Html => html`
    <text class="label" x="0" y="${y + 12}">${label}</text>
    <rect class="${kind}" x="${LABEL}" y="${y}" width="${Math.max(1, x(value))}" height="16" rx="2"/>
    <text x="${LABEL + BAR + 8}" y="${y + 12}">${format(value)}</text>`;
  const whiskers = interval && html`<path class="interval" d="M${LABEL + x(interval[0])} 32v8 M${LABEL + x(interval[0])} 36H${LABEL + x(interval[1])} M${LABEL + x(interval[1])} 32v8"/>`;
  return html`<section class="card">
  <h3>${title}</h3>
  <p class="figure">${figure}</p>
  <svg viewBox="0 0 ${WIDTH} 48" role="img" aria-label="${title}: before ${format(before)}, after ${format(after)}">
    ${bar('before', before, 2, 'before')}
    ${bar('after', after, 28, 'after')}
    ${whiskers ?? null}
  </svg>
  ${note ? html`<p class="quiet">${note}</p>` : null}
</section>`;
}
