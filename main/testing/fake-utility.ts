/**
 * Utility processes and message ports without Electron: each "process" is a function with a shell port and arguments. What crosses is
 * cloned, arrives later than it was sent, and waits in a port until that is started, as in Electron.
 */
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import type { ShellPort, UtilityMessage, UtilityPort } from '../../src/console/processes/utility-port.ts';
import type { UtilityChildPort, UtilityForkOptions, UtilityPlatform } from '../processes/electron-process-ports.ts';

/** What a process does: called once it has started. */
export type Program = (shell: ShellPort, self: FakeUtilityChild) => void;

export class FakePort implements UtilityPort {
  peer: FakePort | undefined;
  private readonly emitter = new EventEmitter();
  private queue: unknown[] = [];
  private started = false;
  closed = false;

  postMessage(message: unknown): void {
    const copy: unknown = structuredClone(message);
    const peer = this.peer;
    if (!this.closed && peer) queueMicrotask(() => peer.receive(copy));
  }

  on(event: 'message' | 'close', listener: (event: UtilityMessage) => void): this {
    this.emitter.on(event, listener);
    return this;
  }

  start(): void {
    this.started = true;
    for (const message of this.queue.splice(0)) this.receive(message);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    const peer = this.peer;
    if (peer && !peer.closed) {
      peer.closed = true;
      queueMicrotask(() => peer.emitter.emit('close'));
    }
  }

  private receive(message: unknown): void {
    if (!this.started) this.queue.push(message);
    else if (!this.closed) this.emitter.emit('message', { data: message, ports: [] });
  }
}

export class FakeUtilityChild extends EventEmitter implements UtilityChildPort {
  pid: number | undefined;
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly entry: string;
  readonly args: readonly string[];
  readonly options: UtilityForkOptions;
  ended = false;
  /** Ports that it holds; they close when it ends. */
  readonly ports: FakePort[] = [];
  private readonly inbox = new EventEmitter();
  private waiting: UtilityMessage[] | undefined = [];
  private readonly program: Program;

  constructor(entry: string, args: readonly string[], options: UtilityForkOptions, program: Program) {
    super();
    this.entry = entry;
    this.args = args;
    this.options = options;
    this.program = program;
  }

  /** The operating system has started it. */
  begin(pid: number): void {
    if (this.ended) return;
    this.pid = pid;
    const shell: ShellPort = {
      postMessage: (message) => {
        const copy: unknown = structuredClone(message);
        queueMicrotask(() => this.emit('message', copy));
      },
      on: (event: string, listener: (event: UtilityMessage) => void) => this.inbox.on(event, listener),
    };
    this.program(shell, this);
    this.emit('spawn');
    const waiting = this.waiting ?? [];
    this.waiting = undefined;
    for (const message of waiting) this.inbox.emit('message', message);
  }

  receive(data: unknown, ports: readonly FakePort[]): void {
    this.ports.push(...ports);
    const message: UtilityMessage = { data: structuredClone(data), ports };
    if (this.waiting) this.waiting.push(message);
    else queueMicrotask(() => this.inbox.emit('message', message));
  }

  exit(code: number): void {
    if (this.ended) return;
    this.ended = true;
    for (const port of this.ports) port.close();
    queueMicrotask(() => this.emit('exit', code));
  }

  kill(): boolean {
    this.exit(15);
    return true;
  }
}

export interface FakeUtility extends UtilityPlatform<FakePort, FakeUtilityChild> {
  /** Every process that was ever started, oldest first. */
  readonly started: FakeUtilityChild[];
  /** Process ids that got the signal that cannot be ignored. */
  readonly killed: number[];
}

/** @param programs by entry path */
export function fakeUtility(programs: Readonly<Record<string, Program>>): FakeUtility {
  const started: FakeUtilityChild[] = [];
  const killed: number[] = [];
  return {
    started,
    killed,
    fork(entry, args, options) {
      const program = programs[entry];
      if (program === undefined) throw new Error(`There is no program ${entry}.`);
      const child = new FakeUtilityChild(entry, args, options, program);
      started.push(child);
      const pid = 1000 + started.length;
      queueMicrotask(() => child.begin(pid));
      return child;
    },
    post: (child, message, port) => child.receive(message, port === undefined ? [] : [port]),
    channel() {
      const port1 = new FakePort();
      const port2 = new FakePort();
      port1.peer = port2;
      port2.peer = port1;
      return { port1, port2 };
    },
    kill(pid) {
      killed.push(pid);
      started.find((child) => child.pid === pid)?.exit(9);
    },
  };
}
