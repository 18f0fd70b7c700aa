/**
 * Jobs in utility processes, behind the console's `ProcessHost`. A job asks for its inference children through the same line
 * (src/console/processes/broker-messages.ts): the shell forks them, joins both ends by a message port, and ends them with the job.
 */
import type { ChildExit, ChildHandle, ProcessHost } from '../../src/console/jobs/process-host.ts';
import { connectMessage, isBrokerMessage, toBroker, type FromBroker } from '../../src/console/processes/broker-messages.ts';
import { BROKERED } from '../../src/console/processes/joined-channel.ts';
import type { UtilityChildPort, UtilityForkOptions, UtilityPlatform } from './electron-process-ports.ts';

/** A job needs one child, and one more while it replaces one that has ended. */
const MAX_CHILDREN = 4;
/** A hostile model can make its runtime print hundreds of thousands of lines: what is over this is dropped. */
const MAX_OUTPUT_CHARS = 64 * 1024;

export interface UtilityHostOptions<P, C extends UtilityChildPort> {
  readonly platform: UtilityPlatform<P, C>;
  /** The only file that is started on behalf of a job. */
  readonly inferenceChild: string;
}

export function createUtilityHost<P, C extends UtilityChildPort>({ platform, inferenceChild }: UtilityHostOptions<P, C>): ProcessHost {
  return {
    fork(entry, args, env): ChildHandle {
      const job = start(platform, entry, [...args], 'Edgewise job', env);
      const children = new Map<number, Running<C>>();
      const messageListeners: ((message: unknown) => void)[] = [];
      const tell = (message: FromBroker, port?: P): void => {
        if (!job.ended()) platform.post(job.child, message, port);
      };

      const forkFor = (child: number): void => {
        if (children.has(child)) return;
        if (children.size >= MAX_CHILDREN) return tell({ type: 'broker.exit', child, code: null });
        const inference = start(platform, inferenceChild, [BROKERED], 'Edgewise inference');
        children.set(child, inference);
        const { port1, port2 } = platform.channel();
        platform.post(inference.child, { type: connectMessage }, port1);
        inference.onStart(() => tell({ type: 'broker.started', child, pid: inference.child.pid ?? null }, port2));
        inference.onOutput((text) => tell({ type: 'broker.output', child, text }));
        inference.onExit((exit) => {
          children.delete(child);
          tell({ type: 'broker.exit', child, code: exit.code });
        });
      };

      job.child.on('message', (message) => {
        if (!isBrokerMessage(message)) {
          for (const listener of messageListeners) listener(message);
          return;
        }
        const request = toBroker.safeParse(message);
        if (!request.success) return;
        if (request.data.type === 'broker.fork') forkFor(request.data.child);
        else children.get(request.data.child)?.kill();
      });
      const endChildren = (): void => {
        for (const child of children.values()) child.kill();
      };
      job.onExit(endChildren);

      return {
        get pid() {
          return job.child.pid;
        },
        send(message) {
          if (!job.ended()) platform.post(job.child, message);
        },
        onMessage: (listener) => messageListeners.push(listener),
        onOutput: (listener) => job.onOutput(listener),
        onExit: (listener) => job.onExit(listener),
        kill() {
          job.kill();
          endChildren();
        },
      };
    },
  };
}

interface Running<C> {
  readonly child: C;
  ended(): boolean;
  onStart(listener: () => void): void;
  onOutput(listener: (text: string) => void): void;
  onExit(listener: (exit: ChildExit) => void): void;
  kill(): void;
}

function start<P, C extends UtilityChildPort>(platform: UtilityPlatform<P, C>, entry: string, args: string[], serviceName: string, env?: Readonly<Record<string, string>>): Running<C> {
  const options: UtilityForkOptions = { serviceName, stdio: 'pipe', execArgv: ['--disable-warning=ExperimentalWarning', '--enable-source-maps'], ...(env ? { env: { ...process.env, ...env } } : {}) };
  const child = platform.fork(entry, args, options);
  let exit: ChildExit | undefined;
  let killed = false;
  const exitListeners: ((exit: ChildExit) => void)[] = [];
  const end = (): void => {
    // Electron's own kill asks politely and reaps; a process that is busy in native code needs the signal.
    if (child.pid !== undefined) platform.kill(child.pid);
    child.kill();
  };
  child.on('spawn', () => {
    if (killed) end();
  });
  child.on('exit', (code) => {
    // Electron gives no signal's name; a negative or large code is what is known.
    exit = { code, signal: null };
    for (const listener of exitListeners) listener(exit);
  });
  return {
    child,
    ended: () => exit !== undefined,
    onStart: (listener) => void child.on('spawn', listener),
    onOutput(listener) {
      let left = MAX_OUTPUT_CHARS;
      const take = (chunk: unknown): void => {
        if (left === 0) return;
        const text = String(chunk).slice(0, left);
        left -= text.length;
        listener(text);
      };
      child.stdout?.on('data', take);
      child.stderr?.on('data', take);
    },
    onExit(listener) {
      if (exit) listener(exit);
      else exitListeners.push(listener);
    },
    kill() {
      // Before it has started there is no process to end: `spawn` looks again.
      if (exit !== undefined || killed) return;
      killed = true;
      end();
    },
  };
}
