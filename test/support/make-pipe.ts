/** A named pipe, where the system has them: opening one for reading waits for ever, which is what tests try. */
import { execFileSync } from 'node:child_process';

export function makePipe(path: string): void {
  execFileSync('sh', ['-c', 'mkfifo "$0"', path]);
}
