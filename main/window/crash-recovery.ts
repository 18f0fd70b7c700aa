/** A page that crashes is loaded again, with a word about it; one that keeps crashing is not loaded for ever. */
import type { MessageBoxOptions } from 'electron';
import type { Clock } from '../../src/base/ports.ts';
import type { Labels } from '../labels.ts';

export interface CrashingContents {
  on(event: 'render-process-gone', listener: (event: unknown, details: { readonly reason: string; readonly exitCode: number }) => void): unknown;
}

export interface CrashRecoveryOptions {
  readonly contents: CrashingContents;
  readonly reload: () => void;
  readonly quit: () => void;
  readonly labels: () => Labels;
  readonly ask: (options: MessageBoxOptions) => Promise<{ readonly response: number }>;
  readonly log: (message: string) => void;
  readonly clock: Clock;
}

/** So many crashes within so long are one fault that a reload does not cure. */
const MAX_CRASHES = 3;
const WITHIN_MS = 60_000;

export function recoverFromCrashes({ contents, reload, quit, labels, ask, log, clock }: CrashRecoveryOptions): void {
  let crashes: number[] = [];
  contents.on('render-process-gone', (_event, { reason, exitCode }) => {
    if (reason === 'clean-exit') return;
    log(`the window's process ended: ${reason}, code ${exitCode}`);
    const now = clock();
    crashes = [...crashes.filter((at) => now - at < WITHIN_MS), now];
    const words = labels();
    if (crashes.length < MAX_CRASHES) {
      reload();
      void ask({ type: 'warning', title: words.crashTitle, message: words.crashMessage, detail: `${reason} (${exitCode})`, noLink: true }).catch(() => {});
      return;
    }
    crashes = [];
    const options: MessageBoxOptions = {
      type: 'error',
      title: words.crashTitle,
      message: words.crashAgain,
      detail: words.crashDetail,
      buttons: [words.reload, words.quit],
      defaultId: 0,
      cancelId: 1,
      noLink: true,
    };
    void ask(options).then(({ response }) => (response === 0 ? reload() : quit()), quit);
  });
}
