/**
 * The process that one job runs in: wires the runtime's ports into the engine's recipe runner and talks to the host that started it.
 * It owns nothing that lasts: the host deletes the workspace, keeps the result, and ends this process.
 */
import { toEdgewiseError } from '../../base/errors.ts';
import { inferenceForks } from './fork-inference.ts';
import { openParentChannel } from './parent-channel.ts';
import { toJobProcess, type FromJobProcess } from './messages.ts';
import { runOptimizeTask } from './run-optimize-task.ts';

/** After a result the host has this long to store it; then this process ends whatever happens. */
const RELEASE_MS = 120_000;

const channel = openParentChannel();
const abort = new AbortController();
const send = (message: FromJobProcess): void => channel.send(message);
let inferenceEntry = '';
const forkInference = inferenceForks(() => inferenceEntry);
let started = false;

// Without a host nobody wants the result: end, and the runtime's child ends with its own channel.
channel.onClose(() => {
  abort.abort();
  setTimeout(() => process.exit(1), 200);
});

channel.onMessage((raw) => {
  const message = toJobProcess.parse(raw);
  switch (message.type) {
    case 'cancel':
      abort.abort();
      break;
    case 'release':
      process.exit(0);
      break;
    case 'start': {
      if (started) break;
      started = true;
      inferenceEntry = message.task.inferenceChild;
      runOptimizeTask(message.task, { send, forkInference, signal: abort.signal }).then(
        (result) => {
          send({ type: 'done', ...result });
          setTimeout(() => process.exit(1), RELEASE_MS);
        },
        (error: unknown) => {
          const record = toEdgewiseError(error).toRecord();
          send({ type: 'failed', error: { ...record, details: plain(record.details) } });
        },
      );
      break;
    }
  }
});

/** Details hold whatever a thrower put there; only JSON crosses. */
function plain(details: unknown): Record<string, unknown> | undefined {
  return details === undefined ? undefined : (JSON.parse(JSON.stringify(details, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value))) as Record<string, unknown>);
}
