/** The `edgewise` process: signals in, exit code out. */
import { run } from './program.ts';

/** A terminal's Ctrl+C may reach this process twice, once directly and once from a parent that forwards it. */
const SAME_KEYSTROKE_MS = 1500;

/** @param argv what was typed after `edgewise` */
export async function main(argv: readonly string[]): Promise<void> {
  const abort = new AbortController();
  let firstAt: number | undefined;
  const onSignal = (): void => {
    firstAt ??= performance.now();
    if (performance.now() - firstAt > SAME_KEYSTROKE_MS) process.exit(130);
    abort.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  // A reader that goes away early (`edgewise inspect M | head`) is no fault, and no reason to leave work half done or temporary files behind.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
  process.exitCode = await run(argv, { stdout: process.stdout, stderr: process.stderr, signal: abort.signal });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, onSignal);
}
