/** Carries calls from the page to the console's router, and the console's events to the page. */
import type { Events } from '../../src/console/events.ts';
import type { Router } from '../../src/console/router.ts';
import { CALL_CHANNEL, EVENT_CHANNEL } from './channels.ts';
import { isOwnPage, type CallEvent } from './sender.ts';

export interface IpcMainPort {
  handle(channel: string, listener: (event: CallEvent, frame: unknown) => Promise<unknown>): void;
  removeHandler(channel: string): void;
}

export interface PagePort {
  readonly id: number;
  isDestroyed(): boolean;
  send(channel: string, message: unknown): void;
}

export interface MountOptions {
  readonly ipcMain: IpcMainPort;
  readonly router: Router;
  readonly events: Events;
  /** The web contents of the window, while there is one. */
  readonly page: () => PagePort | undefined;
}

/** @returns a function that takes both off again */
export function mountRouter({ ipcMain, router, events, page }: MountOptions): () => void {
  // The router parses the frame and answers FORBIDDEN, BAD_REQUEST and every other error as data.
  ipcMain.handle(CALL_CHANNEL, (event, frame) => router.call(frame, { trusted: isOwnPage(event, page()?.id) }));
  const unsubscribe = events.subscribe((event) => {
    const contents = page();
    if (contents !== undefined && !contents.isDestroyed()) contents.send(EVENT_CHANNEL, event);
  });
  return () => {
    ipcMain.removeHandler(CALL_CHANNEL);
    unsubscribe();
  };
}
