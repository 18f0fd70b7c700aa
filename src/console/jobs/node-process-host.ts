/**
 * Child processes by `child_process.fork`. A job process leads a process group of its own, so that ending it ends the runtime's child
 * below it too, and so that Ctrl+C in a terminal reaches the host alone, which then cancels in order.
 */
import { fork } from 'node:child_process';
import type { ChildExit, ChildHandle, ProcessHost } from './process-host.ts';

export interface NodeProcessHostOptions {
  /** Off for what a job process starts itself: that belongs to the job's group. */
  readonly ownGroup?: boolean;
}

export function createNodeProcessHost({ ownGroup = true }: NodeProcessHostOptions = {}): ProcessHost {
  const groups = ownGroup && process.platform !== 'win32';
  return {
    fork(entry, args, env): ChildHandle {
      const child = fork(entry, [...args], {
        detached: groups,
        serialization: 'advanced',
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        execArgv: ['--disable-warning=ExperimentalWarning', '--enable-source-maps'],
        ...(env ? { env: { ...process.env, ...env } } : {}),
      });
      let ended: ChildExit | undefined;
      const exitListeners: ((exit: ChildExit) => void)[] = [];
      const end = (exit: ChildExit): void => {
        if (ended) return;
        ended = exit;
        for (const listener of exitListeners) listener(exit);
      };
      child.on('exit', (code, signal) => end({ code, signal }));
      child.on('error', () => {
        // A send to a child that is gone also lands here; only a child without a pid never started.
        if (child.pid === undefined) end({ code: null, signal: null });
      });
      return {
        pid: child.pid,
        send(message) {
          if (child.connected) child.send(message as object, () => {});
        },
        onMessage(listener) {
          child.on('message', listener);
        },
        onOutput(listener) {
          const take = (chunk: Buffer): void => listener(chunk.toString());
          child.stdout?.on('data', take);
          child.stderr?.on('data', take);
        },
        onExit(listener) {
          if (ended) listener(ended);
          else exitListeners.push(listener);
        },
        kill() {
          if (child.pid === undefined) return;
          try {
            // The group also holds what the child itself has started, even after the child is gone.
            if (groups) process.kill(-child.pid, 'SIGKILL');
            else child.kill('SIGKILL');
          } catch {
            child.kill('SIGKILL');
          }
        },
      };
    },
  };
}
