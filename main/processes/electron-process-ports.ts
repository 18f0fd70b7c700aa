/** As much of Electron's utility processes and message ports as the shell uses; the real ones and the fakes both fit. */

export interface UtilityChildPort {
  readonly pid: number | undefined;
  readonly stdout: NodeJS.ReadableStream | null;
  readonly stderr: NodeJS.ReadableStream | null;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'spawn', listener: () => void): unknown;
  on(event: 'exit', listener: (code: number) => void): unknown;
  kill(): boolean;
}

/** Electron's `utilityProcess` and `MessageChannelMain`, with the port type left open: it only passes through. */
export interface UtilityPlatform<P, C extends UtilityChildPort> {
  fork(entry: string, args: string[], options: UtilityForkOptions): C;
  /** Sends a message, and a port with it where one is given. */
  post(child: C, message: unknown, port?: P): void;
  channel(): { readonly port1: P; readonly port2: P };
  /** Ends a process at once, also one that is busy in native code. */
  kill(pid: number): void;
}

export interface UtilityForkOptions {
  readonly serviceName: string;
  readonly stdio: 'pipe';
  readonly execArgv: string[];
  readonly env?: NodeJS.ProcessEnv;
}
