/** Runs one entry file in a worker thread as if it were in a utility process: with `process.parentPort` and its arguments. */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import type { ShellPort, UtilityMessage, UtilityPort } from '../../src/console/processes/utility-port.ts';

interface Posted {
  readonly data: unknown;
  readonly ports: readonly MessagePort[];
}

const { entry, args } = workerData as { readonly entry: string; readonly args: readonly string[] };
const shell = parentPort;
if (shell === null) throw new Error('This file runs in a worker thread.');

function utilityPort(port: MessagePort): UtilityPort {
  return {
    postMessage: (message) => port.postMessage(message),
    on(event: string, listener: (event: UtilityMessage) => void) {
      port.on(event, (data: unknown) => listener({ data, ports: [] }));
      return port;
    },
    start: () => port.start(),
    close: () => port.close(),
  };
}

const parent: ShellPort = {
  postMessage: (message) => shell.postMessage(message),
  on(event: string, listener: (event: UtilityMessage) => void) {
    shell.on(event, (posted: Posted) => listener({ data: posted.data, ports: posted.ports.map(utilityPort) }));
    return shell;
  },
};
process.argv.push(...args);
Object.defineProperty(process, 'parentPort', { value: parent });
await import(entry);
