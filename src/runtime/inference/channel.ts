/** How the runtime's two halves reach each other, whatever carries it: node's IPC, or a port of Electron's utility processes. */

/** The child's end. */
export interface ParentLine {
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  /** The process that started this one is gone. */
  onClose(listener: () => void): void;
}

/** The parent's end: one child process. Listeners are added in the turn in which it was started. */
export interface InferenceChild {
  readonly pid: number | undefined;
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Text that the child wrote to standard output or standard error. */
  onOutput(listener: (text: string) => void): void;
  onExit(listener: (exit: { readonly code: number | null; readonly signal: string | null }) => void): void;
  /** Ends the child at once; idempotent. */
  kill(): void;
}
