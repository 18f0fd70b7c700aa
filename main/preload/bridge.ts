/** What the page gets to see of this process: two functions. Nothing of Electron, no channel name, no event object. */
import type { Answer } from '../../src/contract/rpc/envelope.ts';
import type { ConsoleEvent } from '../../src/contract/rpc/events.ts';
import { CALL_CHANNEL, EVENT_CHANNEL } from '../ipc/channels.ts';

export interface IpcRendererPort {
  invoke(channel: string, frame: unknown): Promise<unknown>;
  on(channel: string, listener: (event: unknown, message: ConsoleEvent) => void): unknown;
  removeListener(channel: string, listener: (event: unknown, message: ConsoleEvent) => void): unknown;
}

export interface Bridge {
  /** Calls a route of the console. Never rejects: what went wrong is in the answer. */
  invoke(route: string, input: unknown): Promise<Answer>;
  /** @returns a function that ends the subscription */
  on(name: 'event', callback: (event: ConsoleEvent) => void): () => void;
}

/** The name on `window`, and its keys: frozen, and compared with this list by a test. */
export const BRIDGE_NAME = 'edgewise';
export const BRIDGE_KEYS: readonly (keyof Bridge)[] = ['invoke', 'on'];

export function createBridge(ipcRenderer: IpcRendererPort): Bridge {
  let calls = 0;
  return Object.freeze<Bridge>({
    async invoke(route, input) {
      try {
        return (await ipcRenderer.invoke(CALL_CHANNEL, { id: calls++, route, input })) as Answer;
      } catch (error) {
        return {
          ok: false,
          error: { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error), hint: 'Close Edgewise and open it again.' },
        };
      }
    },
    on(name, callback) {
      if (name !== 'event' || typeof callback !== 'function') throw new TypeError('on(\'event\', callback) is the only subscription there is.');
      const listener = (_event: unknown, message: ConsoleEvent): void => callback(message);
      ipcRenderer.on(EVENT_CHANNEL, listener);
      return () => {
        ipcRenderer.removeListener(EVENT_CHANNEL, listener);
      };
    },
  });
}
