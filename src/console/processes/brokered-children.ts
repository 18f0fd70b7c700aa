/** The job's half of broker-messages.ts: children that the desktop shell forks on its behalf, behind the same port as forked ones. */
import type { ChildExit, ChildHandle } from '../jobs/process-host.ts';
import { fromBroker, type ToBroker } from './broker-messages.ts';
import type { ShellPort, UtilityPort } from './utility-port.ts';

export interface BrokeredChildren {
  /** Asks for one more inference child. Messages sent before it has started wait. */
  fork(): ChildHandle;
}

/**
 * @param shell `shellPort()` of a job process; must be given in the turn in which the process starts to listen, since what comes in is
 *   kept only until the first listener
 */
export function createBrokeredChildren(shell: ShellPort): BrokeredChildren {
  const children = new Map<number, Child>();
  let count = 0;
  shell.on('message', ({ data, ports }) => {
    const message = fromBroker.safeParse(data);
    if (!message.success) return;
    const child = children.get(message.data.child);
    if (child === undefined) return;
    switch (message.data.type) {
      case 'broker.started':
        child.started(message.data.pid ?? undefined, ports[0]);
        break;
      case 'broker.output':
        child.wrote(message.data.text);
        break;
      case 'broker.exit':
        children.delete(message.data.child);
        child.ended({ code: message.data.code, signal: null });
        break;
    }
  });
  return {
    fork() {
      const number = count++;
      const child = createChild((message) => shell.postMessage(message), number);
      children.set(number, child);
      return child.handle;
    },
  };
}

interface Child {
  readonly handle: ChildHandle;
  started(pid: number | undefined, port: UtilityPort | undefined): void;
  wrote(text: string): void;
  ended(exit: ChildExit): void;
}

function createChild(ask: (message: ToBroker) => void, number: number): Child {
  let pid: number | undefined;
  let port: UtilityPort | undefined;
  let exit: ChildExit | undefined;
  let waiting: unknown[] = [];
  const messageListeners: ((message: unknown) => void)[] = [];
  const outputListeners: ((text: string) => void)[] = [];
  const exitListeners: ((exit: ChildExit) => void)[] = [];
  ask({ type: 'broker.fork', child: number });
  return {
    handle: {
      get pid() {
        return pid;
      },
      send(message) {
        if (exit !== undefined) return;
        if (port === undefined) waiting.push(message);
        else port.postMessage(message);
      },
      onMessage: (listener) => messageListeners.push(listener),
      onOutput: (listener) => outputListeners.push(listener),
      onExit(listener) {
        if (exit) listener(exit);
        else exitListeners.push(listener);
      },
      kill() {
        if (exit === undefined) ask({ type: 'broker.kill', child: number });
      },
    },
    started(startedPid, startedPort) {
      pid = startedPid;
      port = startedPort;
      if (port === undefined) return;
      port.on('message', ({ data }) => {
        for (const listener of messageListeners) listener(data);
      });
      port.start();
      for (const message of waiting) port.postMessage(message);
      waiting = [];
    },
    wrote(text) {
      for (const listener of outputListeners) listener(text);
    },
    ended(ending) {
      exit = ending;
      waiting = [];
      port?.close();
      for (const listener of exitListeners) listener(ending);
    },
  };
}
