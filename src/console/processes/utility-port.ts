/** The ends of Electron's message ports as a utility process sees them; only `main/` may import electron. */

export interface UtilityMessage {
  readonly data: unknown;
  readonly ports: readonly UtilityPort[];
}

/** A message port between two utility processes. Messages wait in it until `start`. */
export interface UtilityPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: UtilityMessage) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
  start(): void;
  close(): void;
}

/** `process.parentPort`: the line to the shell. */
export interface ShellPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: UtilityMessage) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
}

/** The line to the shell; undefined where this is not a utility process. */
export function shellPort(): ShellPort | undefined {
  return (process as unknown as { readonly parentPort?: ShellPort }).parentPort;
}
