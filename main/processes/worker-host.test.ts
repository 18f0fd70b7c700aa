/** The shell's host with real threads, real message ports and real entry files, each of which opens its own line to its parent. */
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { workerUtility } from '../testing/worker-utility.ts';
import { createUtilityHost } from './utility-host.ts';

const entries = join(import.meta.dirname, '../testing/entries');

describe('a job and its inference child, each in its own thread', () => {
  it('find each other through the shell, exchange tensors, and tell when one ends', async () => {
    const platform = workerUtility();
    const job = createUtilityHost({ platform, inferenceChild: join(entries, 'inference.ts') }).fork(join(entries, 'job.ts'), []);
    const received: unknown[] = [];
    const next = (): Promise<unknown> => new Promise((resolve) => waiting.push(resolve));
    const waiting: ((message: unknown) => void)[] = [];
    job.onMessage((message) => {
      received.push(message);
      waiting.shift()?.(message);
    });
    const exited = new Promise((resolve) => job.onExit(resolve));
    try {
      const doubled = next();
      job.send(new Float32Array([1, 2.5]));
      expect(await doubled).toEqual(new Float32Array([2, 5]));
      const ended = next();
      job.send('end');
      expect(await ended).toEqual({ ended: 8 });
    } finally {
      job.kill();
    }
    await exited;
    expect(received).toHaveLength(2);
  });

  it('ends the inference child when the job is killed', async () => {
    const platform = workerUtility();
    const job = createUtilityHost({ platform, inferenceChild: join(entries, 'inference.ts') }).fork(join(entries, 'job.ts'), []);
    const answered = new Promise((resolve) => job.onMessage(resolve));
    job.send(new Float32Array([1]));
    await answered;
    const inference = platform.started.find((process) => process.entry.endsWith('inference.ts'));
    if (inference === undefined) throw new Error('no inference child was started');
    const gone = once(inference.child, 'exit');
    job.kill();
    await gone;
  });
});
