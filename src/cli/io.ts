/** What a command prints, and where: results on standard output, everything else on standard error. */
import type { ErrorRecord } from '../base/errors.ts';
import type { ProgressUpdate } from '../base/progress.ts';

export interface Io {
  /** `--json`: one object on standard output and nothing else. */
  readonly json: boolean;
  /** The result: the object with `--json`, else the text. */
  result(object: unknown, text: () => string): void;
  /** A line for the person, on standard error. */
  note(line: string): void;
  progress(update: ProgressUpdate): void;
  /** Wipes the progress line off a terminal. */
  endProgress(): void;
}

export interface Streams {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
}

/** Off a terminal, progress is told at every new stage and every so much of the whole. */
const SPARSE_STEP = 0.1;
const REDRAW_MS = 100;

export function createIo(json: boolean, { stdout, stderr }: Streams): Io {
  let drawn = false;
  let drawnAt = 0;
  let stage = '';
  let told = -1;
  const wipe = (): void => {
    if (drawn) stderr.write('\r\x1b[K');
    drawn = false;
  };
  return {
    json,
    result(object, text) {
      wipe();
      stdout.write(json ? `${JSON.stringify(object)}\n` : `${text()}\n`);
    },
    note(line) {
      wipe();
      stderr.write(`${line}\n`);
    },
    progress({ stage: next, fraction, detail }) {
      const line = `${`${Math.floor(fraction * 100)}`.padStart(3)} % ${next}${detail === undefined ? '' : `: ${detail}`}`;
      if (stderr.isTTY) {
        const now = performance.now();
        if (next === stage && now - drawnAt < REDRAW_MS) return;
        stage = next;
        drawnAt = now;
        drawn = true;
        stderr.write(`\r\x1b[K${line.slice(0, (stderr.columns ?? 80) - 1)}`);
      } else if (next !== stage || fraction >= told + SPARSE_STEP) {
        stage = next;
        told = fraction;
        stderr.write(`${line}\n`);
      }
    },
    endProgress: wipe,
  };
}

/** An error as a person reads it in a terminal. */
export function errorText({ code, message, hint }: ErrorRecord): string {
  return `edgewise: ${message} [${code}]${hint === undefined ? '' : `\n  ${hint}`}`;
}

export function bytesText(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(2)} MB`;
  if (bytes >= 1e3) return `${(bytes / 1e3).toFixed(1)} kB`;
  return `${bytes} B`;
}

export function countText(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(2)} G`;
  if (count >= 1e6) return `${(count / 1e6).toFixed(2)} M`;
  if (count >= 1e3) return `${(count / 1e3).toFixed(1)} k`;
  return `${count}`;
}

/** Three digits with the unit that fits, for example `125 mJ` or `1.2 uJ`. */
export function joulesText(joules: number): string {
  const size = Math.abs(joules);
  const [unit, factor] = size >= 1 || size === 0 ? ['J', 1] : size >= 1e-3 ? ['mJ', 1e3] : ['uJ', 1e6];
  return `${Number((joules * factor).toPrecision(3))} ${unit}`;
}

export function percentText(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

/** Rows as columns of equal width; the first row is the heading. */
export function tableText(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n');
}
