/**
 * Utility processes as worker threads with real message ports: runs the project's real entry files in their desktop form where there is no
 * Electron. They share this process's id, so that nobody is told any.
 */
import { EventEmitter } from 'node:events';
import { pathToFileURL } from 'node:url';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import type { UtilityChildPort, UtilityPlatform } from '../processes/electron-process-ports.ts';

export class WorkerChild extends EventEmitter implements UtilityChildPort {
  readonly pid = undefined;
  readonly stdout: NodeJS.ReadableStream;
  readonly stderr: NodeJS.ReadableStream;
  readonly worker: Worker;

  constructor(entry: string, args: readonly string[]) {
    super();
    this.worker = new Worker(new URL('worker-shim.ts', import.meta.url), {
      workerData: { entry: pathToFileURL(entry).href, args },
      stdout: true,
      stderr: true,
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    this.stdout = this.worker.stdout;
    this.stderr = this.worker.stderr;
    this.worker.on('online', () => this.emit('spawn'));
    this.worker.on('message', (message) => this.emit('message', message));
    this.worker.on('error', (error) => this.emit('failed', error));
    this.worker.on('exit', (code) => this.emit('exit', code));
  }

  kill(): boolean {
    void this.worker.terminate();
    return true;
  }
}

export interface WorkerUtility extends UtilityPlatform<MessagePort, WorkerChild> {
  readonly started: { readonly entry: string; readonly child: WorkerChild }[];
}

export function workerUtility(): WorkerUtility {
  const started: { entry: string; child: WorkerChild }[] = [];
  return {
    started,
    fork(entry, args) {
      const child = new WorkerChild(entry, args);
      started.push({ entry, child });
      return child;
    },
    post(child, data, port) {
      child.worker.postMessage({ data, ports: port === undefined ? [] : [port] }, port === undefined ? [] : [port]);
    },
    channel: () => new MessageChannel(),
    kill: () => {},
  };
}
