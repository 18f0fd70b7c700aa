/** The inference child's end of broker-messages.ts: its host is the job, reached through the port that the shell hands over. */
import { connectMessage } from './broker-messages.ts';
import type { ParentChannel } from './process-channel.ts';
import type { ShellPort, UtilityPort } from './utility-port.ts';

/** Argument with which the shell starts a child that it will join to a job. */
export const BROKERED = '--brokered';

/** Messages wait on both sides until the shell has handed the port over. */
export function openJoinedChannel(shell: ShellPort): ParentChannel {
  let port: UtilityPort | undefined;
  const waiting: unknown[] = [];
  const messageListeners: ((message: unknown) => void)[] = [];
  const closeListeners: (() => void)[] = [];
  shell.on('message', ({ data, ports }) => {
    const joined = ports[0];
    if (port !== undefined || joined === undefined || (data as { readonly type?: unknown } | null)?.type !== connectMessage) return;
    port = joined;
    joined.on('message', (event) => {
      for (const listener of messageListeners) listener(event.data);
    });
    joined.on('close', () => {
      for (const listener of closeListeners) listener();
    });
    if (messageListeners.length > 0) joined.start();
    for (const message of waiting.splice(0)) joined.postMessage(message);
  });
  return {
    send(message) {
      if (port === undefined) waiting.push(message);
      else port.postMessage(message);
    },
    onMessage(listener) {
      messageListeners.push(listener);
      // Starting before anybody listens would lose what has come in.
      port?.start();
    },
    onClose: (listener) => closeListeners.push(listener),
  };
}
