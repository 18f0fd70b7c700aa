/** A page of HTML as a PDF, through a Chromium of this machine. The desktop host prints with its own. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { EdgewiseError } from '../../base/errors.ts';

export interface PdfPrinter {
  /** @param html a whole document that fetches nothing @throws EdgewiseError WRITE_FAILED */
  print(html: string): Promise<Uint8Array>;
}

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'microsoft-edge'];
const MAC = ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium'];
const TIMEOUT_MS = 60_000;

/** @param environment EDGEWISE_CHROMIUM names the program, else it is looked for on the PATH @returns undefined where there is none */
export function findChromium(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const folders = (environment['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = [environment['EDGEWISE_CHROMIUM'], ...folders.flatMap((folder) => NAMES.map((name) => join(folder, name))), ...NAMES.map((name) => `/usr/bin/${name}`), ...MAC];
  return candidates.find((path) => path !== undefined && path !== '' && existsSync(path));
}

/** Undefined where this machine has no Chromium. */
export function chromiumPrinter(executable = findChromium()): PdfPrinter | undefined {
  if (executable === undefined) return undefined;
  return {
    async print(html) {
      const folder = await mkdtemp(join(tmpdir(), 'edgewise-report-'));
      try {
        const page = join(folder, 'report.html');
        const pdf = join(folder, 'report.pdf');
        await writeFile(page, html, { mode: 0o600 });
        await run(executable, [
          '--headless', '--disable-gpu', '--no-first-run', '--disable-extensions', '--disable-background-networking', '--disable-sync', '--no-pdf-header-footer', `--user-data-dir=${join(folder, 'profile')}`,
          // As root Chromium's sandbox does not start; the page is our own, fetches nothing and runs no script.
          ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
          `--print-to-pdf=${pdf}`, pathToFileURL(page).href,
        ]);
        return await readFile(pdf);
      } catch (cause) {
        throw new EdgewiseError('WRITE_FAILED', `The report could not be printed by ${executable}: ${cause instanceof Error ? cause.message.slice(0, 500) : String(cause)}.`, {
          hint: 'Save the report as HTML and print it from a browser, or name another Chromium in EDGEWISE_CHROMIUM.', cause,
        });
      } finally {
        await rm(folder, { recursive: true, force: true, maxRetries: 5 });
      }
    },
  };
}

function run(executable: string, flags: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(executable, [...flags], { timeout: TIMEOUT_MS, killSignal: 'SIGKILL' }, (error, _stdout, stderr) => (error ? reject(new Error(`${error.message} ${stderr}`)) : resolve()));
  });
}
