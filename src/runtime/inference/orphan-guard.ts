/**
 * Ends this process soon after the one that started it, even while a model runs: the runtime computes on the thread that would hear the
 * channel close, and a model that never ends would keep a core busy for ever.
 */
import { Worker } from 'node:worker_threads';

const LOOK_MS = 1000;

/** Runs on its own thread. Where the system gives an orphan another parent, that is the sign; elsewhere the parent no longer exists. */
const WATCH = `
  const parent = process.ppid;
  const exists = () => {
    try {
      process.kill(parent, 0);
      return true;
    } catch (error) {
      return error.code !== 'ESRCH';
    }
  };
  setInterval(() => {
    if (process.ppid !== parent || !exists()) process.kill(process.pid, 'SIGKILL');
  }, ${LOOK_MS});
`;

/** Called once, as the process starts. The thread does not keep the process alive. */
export function endWithParent(): void {
  const worker = new Worker(WATCH, { eval: true, name: 'orphan guard', resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2 } });
  worker.unref();
  // Without the guard everything still works; only an orphan in a long run would stay.
  worker.on('error', () => {});
}
