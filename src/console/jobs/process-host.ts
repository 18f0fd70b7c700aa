/**
 * How a host starts child processes: `child_process.fork` in the browser host and the command line, `utilityProcess` on the desktop.
 * Jobs know this port only.
 */

export interface ChildExit {
  readonly code: number | null;
  /** Name of the signal that ended it, where the platform tells. */
  readonly signal: string | null;
}

/** One child process. Listeners must be added in the same turn as `fork`; what was sent before is not replayed. */
export interface ChildHandle {
  readonly pid: number | undefined;
  /** Sends structured-clonable data. A child that is gone is no error: its exit tells. */
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Text that the child wrote to standard output or standard error. */
  onOutput(listener: (text: string) => void): void;
  /** Called once, also where the child could not be started. */
  onExit(listener: (exit: ChildExit) => void): void;
  /** Ends the child at once, and where the platform allows its own children with it. Idempotent. */
  kill(): void;
}

export interface ProcessHost {
  /** Starts `entry` (a path) in a process of its own. @param env what is added to this process's environment */
  fork(entry: string, args: readonly string[], env?: Readonly<Record<string, string>>): ChildHandle;
}
