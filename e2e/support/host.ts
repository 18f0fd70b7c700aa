/**
 * One console in a fresh data folder, driven as a person would: in the browser host by Debian's chromium, in the desktop host by
 * Playwright's Electron. Every test ends with no console error, no uncaught exception and no CSP violation.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { _electron, test as base, chromium, expect, type Page } from '@playwright/test';
import { chromiumExecutable } from '../../scripts/lib/chromium.mjs';
import { electronExecutable } from '../../scripts/lib/electron-executable.mjs';

const root = join(import.meta.dirname, '../..');

export const browserArguments = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export interface Host {
  readonly page: Page;
  readonly dataFolder: string;
  /** Process id of the console's host process. */
  readonly pid: number;
  /** What the page complained about so far. */
  readonly complaints: string[];
}

interface Options {
  /** Whether the sample is put through int8 at the first start, as `npm start` does. */
  firstRun: boolean;
}

export const test = base.extend<{ host: Host } & Options>({
  firstRun: [false, { option: true }],
  host: async ({ firstRun }, use, info) => {
    const desktop = info.project.metadata['host'] === 'desktop';
    info.skip(desktop && electronExecutable() === undefined, "Electron's executable is not on this machine");
    const dataFolder = mkdtempSync(join(tmpdir(), 'edgewise-e2e-'));
    const complaints: string[] = [];
    const open = desktop ? openDesktop : openBrowser;
    const opened = await open(dataFolder, firstRun, complaints);
    try {
      await use({ page: opened.page, dataFolder, pid: opened.pid, complaints });
      expect(complaints, 'console errors, uncaught exceptions and CSP violations').toEqual([]);
    } finally {
      await opened.close();
      rmSync(dataFolder, { recursive: true, force: true });
    }
  },
});

export { expect };

interface Opened {
  readonly page: Page;
  readonly pid: number;
  close(): Promise<void>;
}

/** Collects what a page complains about; must be called before the page loads anything. */
async function listen(page: Page, complaints: string[]): Promise<void> {
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(`console ${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  await page.exposeFunction('reportViolation', (text: string) => complaints.push(`CSP violation: ${text}`));
  // As text: this file is type-checked without the DOM.
  await page.addInitScript({
    content: "document.addEventListener('securitypolicyviolation', (event) => reportViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`))",
  });
}

export interface Served {
  readonly url: string;
  readonly pid: number;
  close(): Promise<void>;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
}

/** Starts `edgewise serve` on a free port and waits for the address it prints. */
export async function serve(dataFolder: string, firstRun: boolean): Promise<Served> {
  const args = [join(root, 'bin/edgewise.mjs'), 'serve', '--port', '0', ...(firstRun ? ['--first-run'] : [])];
  const child = spawn(process.execPath, args, { env: { ...process.env, EDGEWISE_HOME: dataFolder }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const url = await new Promise<string>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      output += chunk.toString();
      const match = /http:\/\/127\.0\.0\.1:\d+\/\S*/.exec(output);
      if (match) resolve(match[0]);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('exit', (code) => reject(new Error(`edgewise serve ended with ${code}:\n${output}`)));
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    url,
    pid: child.pid ?? 0,
    close: async () => {
      child.kill('SIGTERM');
      await ended;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function openBrowser(dataFolder: string, firstRun: boolean, complaints: string[]): Promise<Opened> {
  const served = await serve(dataFolder, firstRun);
  const browser = await chromium.launch({
    executablePath: chromiumExecutable() ?? '/usr/bin/chromium',
    args: browserArguments,
  });
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', acceptDownloads: true });
  const page = await context.newPage();
  await listen(page, complaints);
  await page.goto(served.url);
  return {
    page,
    pid: served.pid,
    close: async () => {
      await browser.close();
      await served.close();
    },
  };
}

async function openDesktop(dataFolder: string, firstRun: boolean, complaints: string[]): Promise<Opened> {
  const app = await _electron.launch({
    executablePath: electronExecutable() ?? '',
    args: [root, '--no-sandbox', ...(firstRun ? ['--first-run'] : [])],
    env: { ...(process.env as Record<string, string>), EDGEWISE_HOME: dataFolder },
  });
  const page = await app.firstWindow();
  await listen(page, complaints);
  await page.reload();
  return {
    page,
    pid: app.process().pid ?? 0,
    close: async () => {
      // The window asks before it ends running jobs; a test answers "stop and quit".
      await app.evaluate(({ dialog }) => {
        dialog.showMessageBox = () => Promise.resolve({ response: 1, checkboxChecked: false });
      });
      await app.close();
    },
  };
}
