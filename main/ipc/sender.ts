/** Whether a message comes from the window's own page: the main frame of that window, showing app://edgewise and nothing else. */
import { APP_ORIGIN, parseAppUrl } from '../security/origin.ts';

export interface FramePort {
  readonly url: string;
  readonly origin: string;
  readonly parent: unknown;
}

/** As much of Electron's `IpcMainInvokeEvent` as is checked. */
export interface CallEvent {
  /** null where the frame has gone or navigated since it sent the message */
  readonly senderFrame: FramePort | null;
  readonly sender: { readonly id: number; readonly mainFrame: unknown };
}

/** @param windowContentsId id of the web contents of the one window; undefined while there is none */
export function isOwnPage(event: CallEvent, windowContentsId: number | undefined): boolean {
  const frame = event.senderFrame;
  if (!frame || windowContentsId === undefined || event.sender.id !== windowContentsId) return false;
  if (frame !== event.sender.mainFrame || frame.parent !== null) return false;
  return frame.origin === APP_ORIGIN && parseAppUrl(frame.url) !== undefined;
}
