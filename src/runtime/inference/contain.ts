/**
 * Bounds that the system itself keeps for the inference child, where it offers them (Linux). The runner looks at memory ten times a
 * second; a machine with many cores fills gigabytes between two looks, and a look is late where the parent is busy. So an allocation far
 * beyond the limit is refused at once, which onnxruntime reports as an error like any other; and where the machine runs out of memory
 * all the same, the child goes first and not a process that holds somebody's work.
 */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';

/** Node's own reservations count as data though most of it is never touched: 1.2 GB were measured in an idle child. */
const OWN_BYTES = 2 * 2 ** 30;
/** The runtime's arena takes blocks of doubling size and fills the last one in part. */
const ARENA_SLACK = 1.25;

/**
 * Never throws; without util-linux's `prlimit`, or elsewhere than on Linux, the runner's watch is the only bound.
 * @param memoryBytes limit on resident memory that the runner keeps
 */
export function containProcess(pid: number, memoryBytes: number): void {
  if (process.platform !== 'linux') return;
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, '1000');
  } catch {
    // It has ended, or the system does not allow it.
  }
  execFile('prlimit', ['--pid', String(pid), `--data=${dataLimit(memoryBytes)}`, '--core=0'], { timeout: 5000 }, () => {});
}

/** Bytes of private writable memory, touched or not. */
export function dataLimit(memoryBytes: number): number {
  return Math.ceil(memoryBytes * ARENA_SLACK + OWN_BYTES);
}
