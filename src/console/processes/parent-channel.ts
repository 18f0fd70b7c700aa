/** The line from a child process to its host: node's IPC where it was forked, `parentPort` in Electron's utility processes. */
import { isBrokerMessage } from './broker-messages.ts';
import { BROKERED, openJoinedChannel } from './joined-channel.ts';
import type { ParentChannel } from './process-channel.ts';
import { shellPort } from './utility-port.ts';

export type { ParentChannel } from './process-channel.ts';

/** @throws Error where this process was not forked */
export function openParentChannel(): ParentChannel {
  const port = shellPort();
  if (port && process.argv.includes(BROKERED)) return openJoinedChannel(port);
  if (port) {
    return {
      send: (message) => port.postMessage(message),
      onMessage: (listener) => port.on('message', ({ data }) => {
        if (!isBrokerMessage(data)) listener(data);
      }),
      onClose: (listener) => port.on('close', listener),
    };
  }
  if (process.send === undefined) throw new Error('This file is started by Edgewise, not by hand.');
  return {
    send: (message) => {
      if (process.connected) process.send?.(message, undefined, {}, () => {});
    },
    onMessage: (listener) => process.on('message', listener),
    onClose: (listener) => process.on('disconnect', listener),
  };
}
