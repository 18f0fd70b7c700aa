/** Closing the window does not end long work without asking. */
import type { MessageBoxOptions } from 'electron';
import type { Labels } from '../labels.ts';
import type { RunningJobs } from './running-jobs.ts';

export interface GuardedWindow {
  on(event: 'close', listener: (event: { preventDefault(): void }) => void): unknown;
  hide(): void;
  isVisible(): boolean;
}

export interface CloseGuardOptions<W extends GuardedWindow> {
  readonly window: W;
  readonly jobs: RunningJobs;
  readonly labels: () => Labels;
  readonly ask: (window: W, options: MessageBoxOptions) => Promise<{ readonly response: number }>;
  /** Ends the program in order; jobs that still run are stopped. */
  readonly quit: () => void;
  /** Whether the program is already on its way out, so that nothing is asked any more. */
  readonly quitting: () => boolean;
  /** Tells the person that the work in the background has ended. */
  readonly notify: (message: string) => void;
}

const KEEP = 0;
const STOP = 1;

export function guardClosing<W extends GuardedWindow>({ window, jobs, labels, ask, quit, quitting, notify }: CloseGuardOptions<W>): void {
  let asking = false;
  let background = false;
  window.on('close', (event) => {
    if (quitting()) return;
    event.preventDefault();
    if (jobs.ids().length === 0) return quit();
    if (asking) return;
    asking = true;
    const words = labels();
    const options: MessageBoxOptions = {
      type: 'question',
      title: words.closeTitle,
      message: words.closeMessage,
      detail: words.closeDetail,
      buttons: [words.keepWorking, words.stopAndQuit, words.cancel],
      defaultId: KEEP,
      cancelId: 2,
      noLink: true,
    };
    void ask(window, options).then(
      ({ response }) => {
        asking = false;
        if (response === STOP) return quit();
        if (response !== KEEP) return;
        // The work may have ended while the question was open.
        if (jobs.ids().length === 0) return quit();
        background = true;
        window.hide();
      },
      () => {
        asking = false;
      },
    );
  });
  jobs.onIdle(() => {
    if (!background || quitting()) return;
    background = false;
    // Opened again in the meantime: the person sees for themselves.
    if (window.isVisible()) return;
    notify(labels().workDone);
    quit();
  });
}
